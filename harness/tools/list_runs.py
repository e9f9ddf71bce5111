"""What a results folder holds, and how far each of its runs is: `cyclebench list`.

Every folder that a command wrote is recognised by what lies in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text as Cell

from harness.records.run import RunRecord
from harness.records.schema import HeadShape, Shape, Text, check_shape
from harness.records.units import UnitFiles, find_units
from harness.system.dates import moment
from harness.system.errors import UserError
from harness.system.files import read_json
from harness.system.lock import is_locked
from harness.system.progress import duration
from harness.system.terminal_tables import show
from harness.system.untrusted import is_folder, printable, reason

Kind = Literal["comparison", "consistency", "study", "bench", "scaling"]
# As status.json has it, and: a run whose process is gone without a word; one that is not readable.
State = Literal["running", "interrupted", "failed", "complete", "killed", "damaged"]
DAY = 86400.0  # seconds
KILLED = "interrupted (was killed)"


@dataclass(frozen=True)
class ListedRun:
    """One training. `changed`: seconds since the epoch; `why`: it failed, or is not readable."""

    folder: Path
    device: str
    state: State
    changed: float
    backend: str | None = None
    seed: int | None = None
    step: int | None = None
    steps: int | None = None
    why: str | None = None


@dataclass(frozen=True)
class ListedUnit:
    """A seed that a launcher was given. `where`: in words; `why`: it failed, or is not readable."""

    seed: int
    state: State | Literal["queued"]
    changed: float
    step: int | None = None
    steps: int | None = None
    where: str | None = None
    why: str | None = None


@dataclass(frozen=True)
class ListedFolder:
    """What one command wrote. `busy`: a process is writing there now.

    `about`: what it is of, in words. `verdicts`: of a comparison, how many scores got which;
    `damaged`: why it cannot be read; what is not known is then left empty.
    """

    kind: Kind
    path: Path
    changed: float
    about: str = ""
    busy: bool = False
    runs: tuple[ListedRun, ...] = ()
    units: tuple[ListedUnit, ...] = ()
    report: Path | None = None
    verdicts: tuple[tuple[str, int], ...] = ()
    damaged: str | None = None


class _Score(Shape):
    verdict: Text | None = None


class _Summary(Shape):
    """summary.json, as far as it is read here."""

    metrics: list[_Score]


def overview(results: Path) -> list[ListedFolder]:
    """All in `results`, or the one that it is; by kind, then by last change, the latest first.

    What cannot be read is damaged, and says why. Writes nothing. Raises UserError where there is
    no such folder.
    """
    if not is_folder(results):
        raise UserError(f"{results}: no such folder; give one that `make compare` wrote to")
    try:
        paths = [results]
        if _kind(results) is None:
            studies = results / "studies"
            paths = [*results.iterdir(), *(studies.iterdir() if is_folder(studies) else ())]
            paths = [path for path in paths if not path.name.startswith(".")]
        kinds = [(_kind(path), path) for path in paths]
    except OSError as error:
        raise UserError(
            f"{results}: cannot look there ({reason(error)}); check its rights"
        ) from None
    folders = [_folder(kind, path) for kind, path in kinds if kind]
    return sorted(folders, key=lambda folder: (folder.kind, -folder.changed))


def _kind(path: Path) -> Kind | None:
    """None: nothing that a command wrote."""
    if not is_folder(path):
        return None
    if path.name.startswith("consistency-"):
        return "consistency"
    if (path / "study.json").exists():
        return "study"
    if path.name in ("bench", "scaling") and any(path.glob("*.json")):
        return "bench" if path.name == "bench" else "scaling"
    # One without experiment.json is still an experiment: its runs would go unseen.
    is_comparison = (path / "experiment.json").exists() or (path / "runs").exists()
    return "comparison" if is_comparison else None


def _folder(kind: Kind, path: Path) -> ListedFolder:
    try:
        changed = _last_change(path)
    except OSError as error:
        return ListedFolder(kind, path, 0.0, damaged=reason(error))
    busy = is_locked(path)
    page = path / ("consistency.html" if kind == "consistency" else "report.html")
    facts: dict[str, Any] = {"busy": busy, "report": page if page.is_file() else None}
    try:
        experiments = [path] if kind == "comparison" else []
        if kind == "consistency":
            experiments = sorted((path / "experiments").glob("*"))
        folders = [run for inner in experiments for run in sorted(inner.glob("runs/*/*"))]
        units = [unit for inner in experiments for unit in find_units(inner)]
        held = {(unit.folder, unit.seed) for unit in units if is_locked(unit.lock)}
        facts["units"] = tuple(_unit(unit, (unit.folder, unit.seed) in held) for unit in units)
        facts["runs"] = tuple(_run(folder, busy, held) for folder in folders if folder.is_dir())
        changed = max([changed, *(run.changed for run in facts["runs"])])
        facts["about"] = _about(kind, path)
        summary = path / "summary.json"
        if kind == "comparison" and summary.exists():
            document = read_json(summary)
            check_shape(summary, document, _Summary, "run `make report` to make it anew")
            verdicts = [score.get("verdict") for score in document["metrics"]]
            facts["verdicts"] = tuple(Counter(filter(None, verdicts)).most_common())
    except UserError as error:
        facts["damaged"] = str(error)
    except OSError as error:
        facts["damaged"] = reason(error)
    return ListedFolder(kind, path, changed, **facts)


def _unit(unit: UnitFiles, held: bool) -> ListedUnit:
    """`held`: whether a process has it. Raises OSError."""
    changed = unit.status_file.stat().st_mtime
    try:
        status = unit.read()
    except UserError as error:
        return ListedUnit(unit.seed, "damaged", changed, why=str(error))
    assert status is not None
    state: State | Literal["queued"] = status.state
    if status.state == "running" and not held:
        state = "killed"
    job = f"{status.launcher} job {status.job}" if status.job else status.launcher
    where = ", ".join(filter(None, [status.device, status.host and f"on {status.host}", job]))
    return ListedUnit(
        unit.seed, state, changed, status.step, status.steps, where or None, status.why
    )


def _run(folder: Path, busy: bool, held: Collection[tuple[Path, int]]) -> ListedRun:
    """`busy`: whether a process is writing in the experiment; `held`: units that have one. Raises
    OSError."""
    changed, device = _last_change(folder), folder.parent.name
    try:
        status = RunRecord(folder).status
    except UserError as error:
        return ListedRun(folder, device, "damaged", changed, why=str(error))
    busy = busy or (folder.parents[2], status["seed"]) in held
    # A process that ends by itself says so in the status; one that was killed cannot.
    state: State = "killed" if status["state"] == "running" and not busy else status["state"]
    numbers = {name: status[name] for name in ("backend", "seed", "step", "steps")}
    return ListedRun(folder, device, state, changed, why=status.get("why"), **numbers)


def _last_change(folder: Path) -> float:
    """When a file in it was written last, seconds since the epoch; its folders are not entered."""
    times = [folder.stat().st_mtime]
    times += [path.lstat().st_mtime for path in folder.iterdir() if not path.name.startswith(".")]
    return max(times)


def _about(kind: Kind, path: Path) -> str:
    """Raises UserError for a damaged record."""
    if kind == "comparison":
        head = read_json(path / "experiment.json")
        check_shape(path / "experiment.json", head, HeadShape, "mend it, or train anew")
        return f"{head['dataset']}, preset {head['preset']}"
    if kind in ("bench", "scaling"):
        records = [read_json(file) for file in sorted(path.glob("*.json"))]
        return "; ".join(f"{_text(r, 'preset')} on {_text(r, 'device')}" for r in records)
    if not (path / "study.json").exists():  # it has been begun
        return ""
    record = read_json(path / "study.json")
    if kind == "consistency":
        return _text(record, "dataset")
    cells, seeds = record.get("cells"), record.get("seeds")
    if not isinstance(cells, list) or not isinstance(seeds, list):
        raise UserError(f"{path / 'study.json'}: no cells or seeds in it; run the study again")
    first = ", ".join(map(str, seeds[:8]))
    name, device = _text(record, "name"), _text(record, "device")
    return f"{name}, {len(cells)} cells, seeds {first}, on {device}"


def _text(record: dict[str, Any], key: str) -> str:
    value = record.get(key)
    return value[:200] if isinstance(value, str) else "?"


def print_folders(folders: Sequence[ListedFolder], now: float, console: Console) -> None:
    """A row a folder, below it one for each of its runs. `now`: seconds since the epoch."""
    table = Table()
    for column in ("folder, run", "state", "step", "last change", "what"):
        table.add_column(column, overflow="fold")

    def add_row(name: str, state: str, step: str, changed: float, about: list[str | None]) -> None:
        seconds = max(0.0, now - changed)
        age = f"{seconds / DAY:.0f} days" if seconds >= 2 * DAY else duration(seconds)
        cells = (name, state, step, f"{age} ago", "; ".join(filter(None, about)))
        # Not plain strings: brackets in names of folders would be markup.
        table.add_row(*(Cell(printable(cell)) for cell in cells))

    for folder in folders:
        table.add_section()
        state = "damaged" if folder.damaged else "being written" if folder.busy else ""
        verdicts = ", ".join(f"{count} {label}" for label, count in folder.verdicts)
        report = folder.report.name if folder.report else "no report"
        about = [folder.kind, folder.about, verdicts, report, folder.damaged]
        add_row(folder.path.name, state, "", folder.changed, about)
        for unit in folder.units:
            state = KILLED if unit.state == "killed" else unit.state
            step = "" if unit.step is None else f"{unit.step:,} of {unit.steps:,}"
            add_row(f"  seed {unit.seed}", state, step, unit.changed, [unit.where, unit.why])
        for run in folder.runs:
            name = run.folder.name if run.backend is None else f"{run.backend}, seed {run.seed}"
            state = KILLED if run.state == "killed" else run.state
            step = "" if run.step is None else f"{run.step:,} of {run.steps:,}"
            add_row(f"  {name}", state, step, run.changed, [run.device, run.why])
    show(table, console)


def as_json(folders: Sequence[ListedFolder]) -> dict[str, Any]:
    """The same; times as ISO 8601, in UTC."""
    names = ("device", "backend", "seed", "state", "step", "steps", "why")

    def run_json(run: ListedRun) -> dict[str, Any]:
        head = {"folder": str(run.folder), "changed": moment(run.changed)}
        return head | {name: getattr(run, name) for name in names}

    def unit_json(unit: ListedUnit) -> dict[str, Any]:
        return asdict(unit) | {"changed": moment(unit.changed)}

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
            "units": [unit_json(unit) for unit in folder.units],
        }

    return {"folders": [folder_json(folder) for folder in folders]}
