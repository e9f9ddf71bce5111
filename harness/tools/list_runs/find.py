"""Every folder that a command wrote into a results folder, told by what lies in it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from harness.records.run import RunRecord
from harness.records.schema import HeadShape, Shape, Text, check_shape
from harness.system.errors import UserError
from harness.system.files import read_json
from harness.system.lock import is_locked
from harness.system.untrusted import is_folder, reason

Kind = Literal["comparison", "consistency", "study", "bench", "scaling"]
# As status.json has it, and: a run whose process is gone without a word; one that is not readable.
State = Literal["running", "interrupted", "failed", "complete", "killed", "damaged"]
PAGES = {"consistency": "consistency.html"}  # of the other kinds: report.html


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
class ListedFolder:
    """What one command wrote. `busy`: a process is writing there now.

    `about`: what it is of, in words. `verdicts`: of a comparison, how many scores got which;
    `damaged`: why it cannot be read, with all that is not known left empty.
    """

    kind: Kind
    path: Path
    changed: float
    about: str = ""
    busy: bool = False
    runs: tuple[ListedRun, ...] = ()
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
    # One that has lost its head is still an experiment: its runs would go unseen.
    is_comparison = (path / "experiment.json").exists() or (path / "runs").exists()
    return "comparison" if is_comparison else None


def _folder(kind: Kind, path: Path) -> ListedFolder:
    try:
        changed = last_change(path)
    except OSError as error:
        return ListedFolder(kind, path, 0.0, damaged=reason(error))
    busy, page = is_locked(path), path / PAGES.get(kind, "report.html")
    known: dict[str, Any] = {"busy": busy, "report": page if page.is_file() else None}
    try:
        experiments = {
            "comparison": [path],
            "consistency": sorted((path / "experiments").glob("*")),
        }.get(kind, [])
        known["runs"] = tuple(run for inner in experiments for run in runs_of(inner, busy))
        changed = max([changed, *(run.changed for run in known["runs"])])
        known["about"] = _about(kind, path)
        if kind == "comparison" and (path / "summary.json").exists():
            known["verdicts"] = _verdicts(path / "summary.json")
    except (UserError, OSError) as error:
        known["damaged"] = str(error) if isinstance(error, UserError) else reason(error)
    return ListedFolder(kind, path, changed, **known)


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


def _verdicts(path: Path) -> tuple[tuple[str, int], ...]:
    """How many scores got which, most first. Raises UserError for a damaged file."""
    document = read_json(path)
    check_shape(path, document, _Summary, "run `make report` to make it anew")
    labels = [score.get("verdict") for score in document["metrics"]]
    return tuple(Counter(label for label in labels if label).most_common())
