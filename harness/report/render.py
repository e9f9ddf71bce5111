"""A page as HTML and as Markdown. Every value is escaped by the template."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.records.experiment import ExperimentFolder
from harness.report.comparison.context import context
from harness.report.comparison.findings import ComparisonFindings
from harness.report.gallery import tile
from harness.report.page import Page
from harness.report.scripts import script, script_hashes
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
    return render_html("page.html.j2", {"page": page, "figures": list(figures)}, figures)


def page_markdown(page: Page, figures: Iterable[str] = ()) -> str:
    """`figures`: names of those that were drawn."""
    return render_markdown("page.md.j2", {"page": page, "figures": list(figures)})


def html(
    experiment: ExperimentFolder, findings: ComparisonFindings, figures: dict[str, bytes]
) -> str:
    """The page of a comparison."""
    return render_html("report.html.j2", context(experiment, findings, figures), figures)


def markdown(
    experiment: ExperimentFolder, findings: ComparisonFindings, figures: dict[str, bytes]
) -> str:
    """The same page for places that show Markdown."""
    return render_markdown("report.md.j2", context(experiment, findings, figures))


def render_html(template: str, given: dict[str, Any], figures: Mapping[str, bytes]) -> str:
    """One self-contained page: images as data URIs, scripts in it, nothing fetched.

    `given`: the names used in the template; StrictUndefined refuses any other.
    """
    templates = _templates()
    templates.globals["figure"] = lambda name: data_uri(figures[name], "image/png")
    templates.globals["tile"] = lambda image: data_uri(*tile(image))
    templates.globals |= {"script": script, "script_hashes": script_hashes}
    return templates.get_template(template).render(given)


def render_markdown(template: str, given: dict[str, Any]) -> str:
    """Markdown; images are files in figures/."""
    templates = _templates(finalize=escape_markdown)
    templates.globals["br"] = Markup("<br>")
    templates.filters["code"] = code
    return re.sub(r"\n{3,}", "\n\n", templates.get_template(template).render(given))


def data_uri(content: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def escape_markdown(value: Any) -> Any:
    """Text that means itself in Markdown and in the HTML Markdown lets through, on one line."""
    if isinstance(value, Markup):
        return value
    line = MARKDOWN.sub(r"\\\1", " ".join(str(value).splitlines()))
    return Markup(escape(line, quote=False))  # noqa: S704 - escaped just here


def code(text: str) -> Markup:
    """Text for between fences of Markdown, where nothing is markup but the fence itself."""
    return Markup(text.replace("```", "` ` `"))  # noqa: S704 - escaped just here


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
