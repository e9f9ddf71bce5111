"""The report of an experiment folder: a pure function of its files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.records.experiment import ExperimentFolder, load
from harness.report.comparison.data_files import summary, table_files
from harness.report.comparison.findings import ComparisonFindings, find
from harness.report.comparison.gan_findings import find_gan
from harness.report.comparison.gan_page import make_gan_page
from harness.report.comparison.gan_plots import gan_figures
from harness.report.comparison.page import make_page
from harness.report.comparison.plots import figures
from harness.report.comparison.tensorboard import event_files
from harness.report.gallery import sheet
from harness.report.page import Page
from harness.report.render import page_html, page_markdown
from harness.system.files import write_bytes, write_json

Files = dict[str, bytes]


@dataclass(frozen=True)
class Parts:
    """What differs between kinds of model. `events`: for TensorBoard."""

    find: Callable[[ExperimentFolder], ComparisonFindings]
    page: Callable[[ExperimentFolder, ComparisonFindings], Page]
    figures: Callable[[ExperimentFolder, ComparisonFindings], Files]
    events: Callable[[ExperimentFolder], Files]


OF_KIND: Mapping[str, Parts] = {
    "cyclegan": Parts(find, make_page, figures, event_files),
    "gan": Parts(find_gan, make_gan_page, gan_figures, lambda experiment: {}),
}


def write_report(experiment: Path) -> Path:
    """Write report.html and what stands beside it; return the page's path.

    Beside it: report.md, summary.json, figures/, tables/ and tensorboard/.

    Reads nothing outside the folder: the same records give the same bytes on any machine. Each file
    appears complete or not at all, report.html last. Raises UserError naming a damaged record.
    """
    record = load(experiment)
    parts = OF_KIND.get(record.kind, OF_KIND["cyclegan"])
    findings = parts.find(record)
    contents: dict[str, Any] = {**parts.events(record), **table_files(record, findings)}
    drawn = parts.figures(record, findings)
    page = parts.page(record, findings)
    html, markdown = page_html(page, drawn), page_markdown(page, drawn)
    images = {
        f"images_{gallery.name}.png": sheet(gallery)
        for gallery in (*findings.pictures, *findings.galleries, *findings.cases)
    }
    contents |= {f"figures/{name}": content for name, content in {**drawn, **images}.items()}
    write_json(experiment / "summary.json", summary(record, findings))
    for name, content in contents.items():
        write_bytes(experiment / name, content)
    write_bytes(experiment / "report.md", markdown.encode())
    write_bytes(experiment / "report.html", html.encode())
    return experiment / "report.html"
