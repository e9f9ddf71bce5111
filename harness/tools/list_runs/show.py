"""Folders and runs on the screen and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.system.dates import moment
from harness.system.progress import duration
from harness.system.terminal_tables import show
from harness.system.untrusted import printable
from harness.tools.list_runs.find import ListedFolder, ListedRun

STATES = {"killed": "interrupted (was killed)"}
DAY = 86400.0


def print_folders(folders: Sequence[ListedFolder], now: float, console: Console) -> None:
    """A row a folder, below it one for each of its runs. `now`: seconds since the epoch."""
    table = Table()
    for name in ("folder, run", "state", "step", "last change", "what"):
        table.add_column(name, overflow="fold")
    for place, folder in enumerate(folders):
        if place:
            table.add_section()
        rows = [_folder_cells(folder, now), *(_run_cells(run, now) for run in folder.runs)]
        for cells in rows:
            # Text: names of folders may have brackets in them, which would be markup.
            table.add_row(*(Text(printable(cell)) for cell in cells))
    show(table, console)


def _folder_cells(folder: ListedFolder, now: float) -> tuple[str, ...]:
    state = "damaged" if folder.damaged else "being written" if folder.busy else ""
    verdicts = ", ".join(f"{count} {label}" for label, count in folder.verdicts)
    report = folder.report.name if folder.report else "no report"
    about = filter(None, [folder.kind, folder.about, verdicts, report, folder.damaged])
    return folder.path.name, state, "", age(now - folder.changed), "; ".join(about)


def _run_cells(run: ListedRun, now: float) -> tuple[str, ...]:
    name = run.folder.name if run.backend is None else f"{run.backend}, seed {run.seed}"
    step = "" if run.step is None else f"{run.step:,} of {run.steps:,}"
    about = "; ".join(filter(None, [run.device, run.why]))
    return f"  {name}", STATES.get(run.state, run.state), step, age(now - run.changed), about


def age(seconds: float) -> str:
    """3 min 20 s ago, 5 days ago."""
    if seconds >= 2 * DAY:
        return f"{seconds / DAY:.0f} days ago"
    return f"{duration(max(0.0, seconds))} ago"


def as_json(folders: Sequence[ListedFolder]) -> dict[str, Any]:
    """The same; times as ISO 8601, in UTC."""

    def run_json(run: ListedRun) -> dict[str, Any]:
        names = ("device", "backend", "seed", "state", "step", "steps", "why")
        head = {"folder": str(run.folder), "changed": moment(run.changed)}
        return head | {name: getattr(run, name) for name in names}

    def folder_json(folder: ListedFolder) -> dict[str, Any]:
        return {
            "kind": folder.kind,
            "folder": str(folder.path),
            "about": folder.about,
            "busy": folder.busy,
            "changed": moment(folder.changed),
            "report": folder.report and str(folder.report),
            "verdicts": dict(folder.verdicts),
            "damaged": folder.damaged,
            "runs": [run_json(run) for run in folder.runs],
        }

    return {"folders": [folder_json(folder) for folder in folders]}
