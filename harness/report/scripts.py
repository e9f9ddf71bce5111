"""The pages' scripts, each allowed by its hash: nothing else that looks like one is ever run."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib import resources

from markupsafe import Markup


def script(name: str) -> Markup:
    """A file of templates/, for between `<script>` and `</script>`."""
    text = resources.files("harness.report").joinpath("templates", name).read_text("utf-8")
    return Markup(text)  # noqa: S704 - a file of the program


def script_hashes(names: Sequence[str]) -> Markup:
    """For `script-src` of a Content-Security-Policy."""
    digests = (hashlib.sha256(script(name).encode()).digest() for name in names)
    sources = (f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return Markup(" ".join(sources))  # noqa: S704 - base64 in quotes
