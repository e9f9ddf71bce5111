"""Every folder that a command wrote into a results folder, told by what lies in it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from harness.records.experiment_schema import HeadShape
from harness.records.schema import Shape, Text, check_shape
from harness.system.errors import UserError
from harness.system.files import read_json
from harness.system.lock import is_locked
from harness.system.untrusted import is_folder, reason
from harness.tools.list_runs.entry import Kind, ListedFolder, ListedRun
from harness.tools.list_runs.runs import last_change, runs_of

PAGES = {"consistency": "consistency.html"}  # of the other kinds: report.html


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
        kind = _kind(results)
        found = [(kind, results)] if kind else _below(results)
    except OSError as error:
        raise UserError(
            f"{results}: cannot look there ({reason(error)}); check its rights"
        ) from None
    folders = [_folder(kind, path) for kind, path in found]
    return sorted(folders, key=lambda each: (each.kind, -each.changed))


def _below(results: Path) -> list[tuple[Kind, Path]]:
    studies = results / "studies"
    paths = [*results.iterdir(), *(studies.iterdir() if is_folder(studies) else ())]
    kinds = [(_kind(path), path) for path in paths if not path.name.startswith(".")]
    return [(kind, path) for kind, path in kinds if kind is not None]


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
    return (
        "comparison"
        if any((path / each).exists() for each in ("experiment.json", "runs"))
        else None
    )


def _folder(kind: Kind, path: Path) -> ListedFolder:
    try:
        changed = last_change(path)
    except OSError as error:
        return ListedFolder(kind, path, 0.0, damaged=reason(error))
    busy, page = is_locked(path), path / PAGES.get(kind, "report.html")
    known: dict[str, Any] = {"busy": busy, "report": page if page.is_file() else None}
    try:
        known["runs"] = _runs(kind, path, busy)
        changed = max([changed, *(run.changed for run in known["runs"])])
        known["about"] = _about(kind, path)
        if kind == "comparison" and (path / "summary.json").exists():
            known["verdicts"] = _verdicts(path / "summary.json")
    except (UserError, OSError) as error:
        known["damaged"] = str(error) if isinstance(error, UserError) else reason(error)
    return ListedFolder(kind, path, changed, **known)


def _runs(kind: Kind, path: Path, busy: bool) -> tuple[ListedRun, ...]:
    if kind == "consistency":
        inner = sorted((path / "experiments").glob("*"))
        return tuple(run for experiment in inner for run in runs_of(experiment, busy))
    return runs_of(path, busy) if kind == "comparison" else ()


def _about(kind: Kind, path: Path) -> str:
    """Raises UserError for a damaged record."""
    if kind == "comparison":
        head = read_json(path / "experiment.json")
        check_shape(path / "experiment.json", head, HeadShape, "mend it, or train anew")
        return f"{head['dataset']}, preset {head['preset']}"
    if kind in ("bench", "scaling"):
        records = [read_json(each) for each in sorted(path.glob("*.json"))]
        return "; ".join(_text(each, "preset") + " on " + _text(each, "device") for each in records)
    if not (path / "study.json").exists():  # it has been begun
        return ""
    record = read_json(path / "study.json")
    if kind == "consistency":
        return _text(record, "dataset")
    cells, seeds = record.get("cells"), record.get("seeds")
    if not isinstance(cells, list) or not isinstance(seeds, list):
        raise UserError(f"{path / 'study.json'}: no cells or seeds in it; run the study again")
    shown = ", ".join(str(seed) for seed in seeds[:8])
    return (
        f"{_text(record, 'name')}, {len(cells)} cells, seeds {shown}, on {_text(record, 'device')}"
    )


def _text(record: dict[str, Any], key: str) -> str:
    value = record.get(key)
    return value[:200] if isinstance(value, str) else "?"


def _verdicts(path: Path) -> tuple[tuple[str, int], ...]:
    """How many scores got which, most first. Raises UserError for a damaged file."""
    document = read_json(path)
    check_shape(path, document, _Summary, "run `make report` to make it anew")
    labels = [score.get("verdict") for score in document["metrics"]]
    return tuple(Counter(label for label in labels if label).most_common())
