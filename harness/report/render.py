"""A page as HTML and as Markdown. Every value is escaped by the template."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.report.gallery import tile
from harness.report.page import Block, Chart, Galleries, Page, Section, Table
from harness.system.files import write_bytes, write_json, write_table

# What Markdown could read as markup in a name; a pipe would end a table's cell.
MARKDOWN = re.compile(r"([\\`*_\[\]{}#|~$!])")


def write_page(
    folder: Path,
    page: Page,
    figures: Mapping[str, bytes],
    table: pd.DataFrame | None = None,
    numbers: Mapping[str, Any] | None = None,
    name: str = "report",
) -> Path:
    """`name`.html, its twin in Markdown and figures/; returns the former's path, written last.

    `table` becomes table.csv, `numbers` `name`.json. All is drawn before the first is written.
    """
    html, markdown = page_html(page, figures), page_markdown(page, figures)
    if table is not None:
        write_table(folder / "table.csv", table)
    if numbers is not None:
        write_json(folder / f"{name}.json", numbers)
    for file, content in figures.items():
        write_bytes(folder / "figures" / file, content)
    write_bytes(folder / f"{name}.md", markdown.encode())
    write_bytes(folder / f"{name}.html", html.encode())
    return folder / f"{name}.html"


def page_html(page: Page, figures: Mapping[str, bytes]) -> str:
    """One self-contained page: images as data URIs, scripts in it, nothing fetched."""
    blocks = list(_blocks(page.sections))
    kinds = {type(block) for block in blocks} | {type(page.pictures)}
    scripts = ["vendor/uPlot.iife.min.js"] if Chart in kinds else []
    scripts.append("page.js")
    if any(isinstance(block, Table) and block.filters for block in blocks):
        scripts.append("filter.js")
    scripts += ["viewer.js"] if Galleries in kinds else []
    scripts += ["chart.js"] if Chart in kinds else []
    templates = _templates()
    templates.globals["figure"] = lambda name: data_uri(figures[name], "image/png")
    templates.globals["tile"] = lambda image: data_uri(*tile(image))
    templates.globals |= {"script": script, "script_hashes": script_hashes}
    given = {"page": page, "figures": figures, "scripts": scripts}
    return templates.get_template("page.html.j2").render(given)


def page_markdown(page: Page, figures: Iterable[str] = ()) -> str:
    """`figures`: names of those that were drawn; they are files in figures/."""
    templates = _templates(finalize=escape_markdown)
    templates.globals["br"] = Markup("<br>")
    # Between fences of Markdown nothing is markup but the fence itself.
    templates.filters["code"] = lambda text: Markup(text.replace("```", "` ` `"))  # noqa: S704
    text = templates.get_template("page.md.j2").render(page=page, figures=list(figures))
    return re.sub(r"\n{3,}", "\n\n", text)


def script(name: str) -> Markup:
    """A file of templates/, for between `<script>` and `</script>`."""
    text = resources.files("harness.report").joinpath("templates", name).read_text("utf-8")
    return Markup(text)  # noqa: S704 - a file of the program


def script_hashes(names: Sequence[str]) -> Markup:
    """For `script-src` of a Content-Security-Policy: no other script is ever run."""
    digests = (hashlib.sha256(script(name).encode()).digest() for name in names)
    sources = (f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return Markup(" ".join(sources))  # noqa: S704 - base64 in quotes


def data_uri(content: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def escape_markdown(value: Any) -> Any:
    """Text that means itself in Markdown and in the HTML Markdown lets through, on one line."""
    if isinstance(value, Markup):
        return value
    line = MARKDOWN.sub(r"\\\1", " ".join(str(value).splitlines()))
    return Markup(escape(line, quote=False))  # noqa: S704 - escaped just here


def _blocks(blocks: Iterable[Block]) -> Iterator[Block]:
    """All blocks, those within sections too."""
    for block in blocks:
        yield block
        if isinstance(block, Section):
            yield from _blocks(block.content)


def _templates(**options: Any) -> Environment:
    templates = Environment(
        loader=PackageLoader("harness.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        **options,
    )
    templates.filters["kind"] = lambda block: type(block).__name__
    return templates
