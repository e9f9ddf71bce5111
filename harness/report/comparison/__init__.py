"""The report of an experiment folder: a pure function of its files."""

from __future__ import annotations

from pathlib import Path

from harness.records.experiment import load
from harness.report.comparison.data_files import summary, table_files
from harness.report.comparison.findings import find
from harness.report.comparison.page import make_page
from harness.report.comparison.plots import figures
from harness.report.comparison.tensorboard import event_files
from harness.report.gallery import sheet
from harness.report.render import page_html, page_markdown
from harness.system.files import write_bytes, write_json


def write_report(experiment: Path) -> Path:
    """Write report.html and what stands beside it; return the page's path.

    Beside it: report.md, summary.json, figures/, tables/ and tensorboard/.

    Reads nothing outside the folder: the same records give the same bytes on any machine. Each file
    appears complete or not at all, report.html last. Raises UserError naming a damaged record.
    """
    record = load(experiment)
    findings = find(record)
    contents = {**event_files(record), **table_files(record, findings)}
    drawn = figures(record, findings.metrics, findings.divergences)
    page = make_page(record, findings)
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
