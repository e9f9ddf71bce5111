"""All checks of an experiment folder or of one run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from harness.config.backend_names import check_recorded
from harness.config.experiment import AnyExperiment
from harness.data import Manifest, Prepared, find_entry, find_local
from harness.data.catalogue import BuiltIn, Pair
from harness.data.pairs import find_single
from harness.records.run import RunRecord
from harness.system.checksums import sha256
from harness.system.errors import UserError
from harness.system.progress import Display
from harness.system.terminal_tables import show
from harness.tools.verify.records import (
    CheckResult,
    Outcome,
    check_blocks,
    check_configuration,
    check_evaluations,
    check_files,
    check_losses,
    check_weights,
    differs,
    ok,
    read_recorded,
    unchecked,
)
from harness.tools.verify.replay import replay
from harness.training.experiment_folder import decoded_images, prepare_data
from harness.training.jobs import image_files

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class VerifyRow:
    """`run`: "experiment", or a run as `<device>/<backend>-seed<n>`."""

    run: str
    check: str
    outcome: Outcome
    note: str


@dataclass(frozen=True)
class VerifyRequest:
    """`path`: an experiment folder or a run's. `steps` are replayed. `backends`: see
    `check_recorded`."""

    path: Path
    steps: int = 20
    dataset: str | None = None
    data_dir: Path | None = None
    backends: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verification:
    """A row a check: those of the experiment, then those of each run."""

    folder: Path
    steps: int
    rows: tuple[VerifyRow, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing differs; what was not checked does not count."""
        return not self._count("DIFFERS")

    @property
    def answer(self) -> str:
        """In a line."""
        outcomes = ("ok", "DIFFERS", "not checked")
        return ", ".join(f"{self._count(outcome)} {outcome}" for outcome in outcomes)

    def _count(self, outcome: str) -> int:
        return sum(row.outcome == outcome for row in self.rows)


def verify(request: VerifyRequest, display: Display) -> Verification:
    """Writes nothing but to caches. Raises UserError for bad input and data that are not here."""
    recorded = read_recorded(request.path)
    experiment = recorded.experiment
    prepared = _find_data(experiment, request.dataset, request.data_dir, display)
    of_experiment = {
        "configuration": _readable(partial(check_configuration, recorded)),
        "data": _check_data(recorded.manifest, prepared, display),
    }
    doubtful = [name for name, result in of_experiment.items() if result.outcome != "ok"]
    images = {}
    if not doubtful:
        images = image_files(decoded_images(prepared, experiment, display))

    def replayed(run: RunRecord) -> CheckResult:
        if doubtful:
            return unchecked(f"not replayed: see {' and '.join(doubtful)}")
        try:
            check_recorded([run.backend], request.backends)
        except UserError as error:
            return unchecked(f"not replayed: {error}")
        return replay(run, experiment, images, request.steps, display)

    def of_run(run: RunRecord) -> dict[str, CheckResult]:
        if not run.complete:
            status = run.status
            where = f"{status['state']} at step {status['step']} of {status['steps']}"
            return {"run": unchecked(f"not complete: {where}")}
        plan = recorded.plan(run.seed)
        checks: dict[str, Callable[[], CheckResult]] = {
            "files": partial(check_files, run),
            "losses": partial(check_losses, run, recorded, plan),
            "blocks": partial(check_blocks, run, plan),
            "evaluations": partial(check_evaluations, run, recorded, plan),
            "weights": partial(check_weights, run, recorded, plan),
            "replay": partial(replayed, run),
        }
        return {name: _readable(check) for name, check in checks.items()}

    results = [("experiment", of_experiment)]
    results += [(f"{run.device}/{run.folder.name}", of_run(run)) for run in recorded.runs]
    rows = [
        VerifyRow(run, check, result.outcome, result.note)
        for run, checks in results
        for check, result in checks.items()
    ]
    return Verification(recorded.folder, request.steps, tuple(rows))


def _readable(check: Callable[[], CheckResult]) -> CheckResult:
    """The result of `check`. A record that cannot be read differs; other checks go on."""
    try:
        return check()
    except UserError as error:
        return differs(str(error))
    except (KeyError, TypeError, ValueError) as error:
        return differs(f"a record is not as cyclebench writes it ({error!r})")


def _find_data(
    experiment: AnyExperiment, dataset: str | None, data_dir: Path | None, display: Display
) -> Prepared:
    """Drawn or found, never downloaded. `dataset`: where they lie now, if not under their name.

    Raises UserError where they are not here.
    """
    name = dataset or experiment.dataset
    if dataset is None and experiment.data.hold_out == "validation":
        name = name.removesuffix("-validation")
    entry = find_entry(name)
    source = entry.source if entry else None
    here = isinstance(source, BuiltIn) or find_local(name, data_dir) is not None
    if not here and isinstance(source, Pair):
        here = all(find_single(domain, data_dir) for domain in (source.a, source.b))
    if not here:
        raise UserError(
            f"{name}: its images are not here; give --data-dir (DATA_DIR), the folder that holds"
            f" {name}, or --dataset (DATASET), the name or folder they go by now"
        )
    return prepare_data(experiment.model_copy(update={"dataset": name}), data_dir, display)


def _check_data(recorded: Manifest, prepared: Prepared, display: Display) -> CheckResult:
    """Every file is read again: what the cache remembers of it does not count."""
    folder, total = prepared.located.folder, sum(map(len, recorded.splits.values()))
    listed = {f"{split}/{f.name}": f.sha256 for split, fs in recorded.splits.items() for f in fs}
    missing, changed = [], []
    for done, (name, digest) in enumerate(listed.items(), 1):
        if not (folder / name).is_file():
            missing.append(name)
        elif sha256(folder / name) != digest:
            changed.append(name)
        display.stage("hash images", done, total)
    now = (f"{split}/{f.name}" for split, fs in prepared.manifest.splits.items() for f in fs)
    added = [name for name in now if name not in listed]
    kinds = (("missing", missing), ("changed", changed), ("not there then", added))
    problems = []
    for kind, names in kinds:
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            problems.append(f"{kind}: {', '.join(names[:3])}{more}")
    if problems:
        return differs(f"{folder}: {'; '.join(problems)}")
    return ok(f"{total} images in {folder}")


def print_rows(verified: Verification, console: Console) -> None:
    table = Table("run", "check", "", "what was found")
    for row in verified.rows:
        # As it is: paths may have brackets in them, which would be markup.
        table.add_row(*(Text(cell) for cell in (row.run, row.check, row.outcome, row.note)))
    show(table, console)


def as_json(verified: Verification) -> dict[str, Any]:
    """`experiment`, `steps`, `ok`, `rows [{run, check, outcome, note}]`."""
    rows = [asdict(row) for row in verified.rows]
    head = {"experiment": str(verified.folder), "steps": verified.steps}
    return {**head, "ok": verified.ok, "rows": rows}
