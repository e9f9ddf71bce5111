"""A page as a browser reads it, and what any page of ours must keep to."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

OUTSIDE = {"link", "iframe", "object", "embed", "base", "form", "frame"}


class Page(HTMLParser):
    """`tags`: names with attributes; `text`: to be read; `scripts`: attributes and content."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self._hidden = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._hidden = tag
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == self._hidden:
            self._hidden = ""

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.text += data
        elif self._hidden == "script":
            attributes, before = self.scripts.pop()
            self.scripts.append((attributes, before + data))

    @property
    def sections(self) -> list[str]:
        return [attributes["id"] or "" for tag, attributes in self.tags if tag == "section"]

    @property
    def images(self) -> list[str]:
        return [attributes["src"] or "" for tag, attributes in self.tags if tag == "img"]


def outside_fences(markdown: str) -> str:
    """Without fenced code, in which everything is text."""
    return re.sub(r"^```sh\n.*?^```$", "", markdown, flags=re.MULTILINE | re.DOTALL)


def check_self_contained(html: str) -> Page:
    """Nothing is fetched, and nothing runs but scripts that the page's own policy names."""
    page = Page(html)
    assert not {tag for tag, _ in page.tags} & OUTSIDE
    [policy] = [a["content"] or "" for t, a in page.tags if t == "meta" and "http-equiv" in a]
    assert policy.startswith("default-src 'none'; img-src data:;")
    allowed = re.search(r"script-src ([^;]*)", policy)
    hashes = set(allowed[1].split()) if allowed else set()
    assert hashes and all(each.startswith("'sha256-") for each in hashes)
    run = [text for attributes, text in page.scripts if attributes.get("type") is None]
    assert hashes == {_hash(text) for text in run}
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        src, href = attributes.get("src"), attributes.get("href")
        assert src is None or (tag == "img" and src.startswith("data:image/")), src
        assert href is None or href.startswith("#"), href
        assert "url(" not in (attributes.get("style") or "")
    return page


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def check_site_page(html: str) -> list[str]:
    """As `check_self_contained`, but for links to other files of the site, which are returned."""
    links = re.findall(r'<a href="([a-z0-9-]+(?:/[a-z0-9-]+)?\.(?:html|jsonl))">', html)
    check_self_contained(re.sub(r'(<a) href="[a-z0-9-]+(/[a-z0-9-]+)?\.(html|jsonl)"', r"\1", html))
    return links
