"""The runs of an experiment folder, each with its state or with why it has none."""

from __future__ import annotations

from pathlib import Path

from harness.records.run import RunRecord
from harness.system.errors import UserError
from harness.tools.list_runs.entry import ListedRun, State


def runs_of(experiment: Path, busy: bool) -> tuple[ListedRun, ...]:
    """By device, backend and seed. `busy`: whether a process is writing there. Raises OSError."""
    folders = sorted(path for path in experiment.glob("runs/*/*") if path.is_dir())
    return tuple(_run(folder, busy) for folder in folders)


def last_change(folder: Path) -> float:
    """When a file in it was written last, seconds since the epoch; its folders are not entered."""
    times = [folder.stat().st_mtime]
    times += [path.lstat().st_mtime for path in folder.iterdir() if not path.name.startswith(".")]
    return max(times)


def _run(folder: Path, busy: bool) -> ListedRun:
    changed, device = last_change(folder), folder.parent.name
    try:
        status = RunRecord(folder).status
    except UserError as error:
        return ListedRun(folder, device, "damaged", changed, why=str(error))
    # A process that ends by itself says so in the status; one that was killed cannot.
    state: State = "killed" if status["state"] == "running" and not busy else status["state"]
    numbers = {name: status[name] for name in ("backend", "seed", "step", "steps")}
    return ListedRun(folder, device, state, changed, why=status.get("why"), **numbers)
