"""report.html and report.md from findings and figures. Every value is escaped by the template."""

from __future__ import annotations

import base64
import re
from html import escape
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.records.experiment import ExperimentFolder as Experiment
from harness.report.comparison.context import context
from harness.report.comparison.findings import ComparisonFindings as Findings
from harness.report.gallery import tile
from harness.report.scripts import script, script_hashes
from harness.system.files import write_bytes

# What Markdown could read as markup in a name; a pipe would end a table's cell.
MARKDOWN = re.compile(r"([\\`*_\[\]{}#|~$!])")


def write_pages(
    folder: Path, template: str, given: dict[str, Any], figures: dict[str, bytes], name="report"
) -> Path:
    """A page, its twin in Markdown and its figures/; returns the page's path, written last.

    `template` names both templates, `name` both files. All is drawn before the first is written.
    """
    page = render_html(f"{template}.html.j2", given, figures)
    twin = render_markdown(f"{template}.md.j2", given)
    for file, content in figures.items():
        write_bytes(folder / "figures" / file, content)
    write_bytes(folder / f"{name}.md", twin.encode())
    write_bytes(folder / f"{name}.html", page.encode())
    return folder / f"{name}.html"


def html(experiment: Experiment, findings: Findings, figures: dict[str, bytes]) -> str:
    """The page of a comparison."""
    return render_html("report.html.j2", context(experiment, findings, figures), figures)


def markdown(experiment: Experiment, findings: Findings, figures: dict[str, bytes]) -> str:
    """The same page for places that show Markdown."""
    return render_markdown("report.md.j2", context(experiment, findings, figures))


def render_html(template: str, given: dict[str, Any], figures: dict[str, bytes]) -> str:
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
    return Environment(
        loader=PackageLoader("harness.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        **options,
    )
