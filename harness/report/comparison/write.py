"""`write_report`: from an experiment folder to report.html, report.md and summary.json."""

from __future__ import annotations

from pathlib import Path

from harness.records.experiment import load
from harness.report import render
from harness.report.comparison.findings import find
from harness.report.comparison.plots import figures
from harness.report.comparison.summary import summary
from harness.report.comparison.table_files import table_files
from harness.report.comparison.tensorboard import event_files
from harness.report.gallery import sheets
from harness.system.files import write_bytes, write_json


def write_report(experiment: Path) -> Path:
    """Write report.html and what stands beside it; return the page's path.

    Beside it: report.md, summary.json, figures/, tables/ and tensorboard/.

    Reads nothing outside the folder: the same records give the same bytes on any machine. Each file
    appears complete or not at all, report.html last. Raises UserError naming a damaged record.
    """
    record = load(experiment)
    findings = find(record)
    numbers = {**event_files(record), **table_files(record, findings)}
    drawn = figures(record, findings.divergences)
    html = render.html(record, findings, drawn)
    markdown = render.markdown(record, findings, drawn)
    write_json(
        experiment / "summary.json",
        summary(record, findings.metrics, findings.losses, findings.timing),
    )
    for name, content in numbers.items():
        write_bytes(experiment / name, content)
    for name, content in {**drawn, **sheets([*findings.galleries, *findings.cases])}.items():
        write_bytes(experiment / "figures" / name, content)
    write_bytes(experiment / "report.md", markdown.encode())
    page = experiment / "report.html"
    write_bytes(page, html.encode())
    return page
