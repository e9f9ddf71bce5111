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
from harness.tools.list_runs.entry import ListedFolder, ListedRun

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
        _add(table, folder.path.name, _state(folder), "", age(now - folder.changed), _about(folder))
        for run in folder.runs:
            _add(table, *_cells(run, now))
    show(table, console)


def _add(table: Table, *cells: str) -> None:
    """As they are: names of folders may have brackets in them, which would be markup."""
    table.add_row(*(Text(printable(cell)) for cell in cells))


def _state(folder: ListedFolder) -> str:
    if folder.damaged:
        return "damaged"
    return "being written" if folder.busy else ""


def _about(folder: ListedFolder) -> str:
    verdicts = ", ".join(f"{count} {label}" for label, count in folder.verdicts)
    report = folder.report.name if folder.report else "no report"
    return "; ".join(filter(None, [folder.kind, folder.about, verdicts, report, folder.damaged]))


def _cells(run: ListedRun, now: float) -> tuple[str, ...]:
    name = run.folder.name if run.backend is None else f"{run.backend}, seed {run.seed}"
    step = "" if run.step is None else f"{run.step:,} of {run.steps:,}"
    what = "; ".join(filter(None, [run.device, run.why]))
    return f"  {name}", STATES.get(run.state, run.state), step, age(now - run.changed), what


def age(seconds: float) -> str:
    """3 min 20 s ago, 5 days ago."""
    if seconds >= 2 * DAY:
        return f"{seconds / DAY:.0f} days ago"
    return f"{duration(max(0.0, seconds))} ago"


def as_json(folders: Sequence[ListedFolder]) -> dict[str, Any]:
    """The same; times as ISO 8601, in UTC."""
    return {"folders": [_folder(each) for each in folders]}


def _folder(folder: ListedFolder) -> dict[str, Any]:
    return {
        "kind": folder.kind,
        "folder": str(folder.path),
        "about": folder.about,
        "busy": folder.busy,
        "changed": moment(folder.changed),
        "report": folder.report and str(folder.report),
        "verdicts": dict(folder.verdicts),
        "damaged": folder.damaged,
        "runs": [_run(run) for run in folder.runs],
    }


def _run(run: ListedRun) -> dict[str, Any]:
    names = ("device", "backend", "seed", "state", "step", "steps", "why")
    head = {"folder": str(run.folder), "changed": moment(run.changed)}
    return head | {name: getattr(run, name) for name in names}
