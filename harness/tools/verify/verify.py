"""All checks of an experiment folder or of one run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from harness.records.run import RunRecord
from harness.system.progress import Display
from harness.tools.verify.data import check_data, find_data
from harness.tools.verify.recorded import RecordedExperiment, check_configuration, read_recorded
from harness.tools.verify.records import (
    check_blocks,
    check_evaluations,
    check_files,
    check_losses,
    check_weights,
)
from harness.tools.verify.replay import replay
from harness.tools.verify.verify_result import CheckResult, VerifyRow, readable, unchecked
from harness.training.experiment_folder import decoded_images
from harness.training.jobs import image_files


@dataclass(frozen=True)
class VerifyRequest:
    """`path`: an experiment folder or a run's. `steps` are replayed."""

    path: Path
    steps: int = 20
    dataset: str | None = None
    data_dir: Path | None = None


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
    prepared = find_data(recorded.experiment, request.dataset, request.data_dir, display)
    of_experiment = {
        "configuration": readable(partial(check_configuration, recorded)),
        "data": check_data(recorded.manifest, prepared, display),
    }
    rows = [VerifyRow("experiment", name, f.outcome, f.note) for name, f in of_experiment.items()]
    doubtful = [name for name, result in of_experiment.items() if result.outcome != "ok"]
    images = {}
    if not doubtful:
        images = image_files(decoded_images(prepared, recorded.experiment, display))

    def replayed(run: RunRecord) -> CheckResult:
        if doubtful:
            return unchecked(f"not replayed: see {' and '.join(doubtful)}")
        return replay(run, recorded.experiment, images, request.steps, display)

    for run in recorded.runs:
        name = f"{run.device}/{run.folder.name}"
        rows += [
            VerifyRow(name, check, f.outcome, f.note) for check, f in _of(run, recorded, replayed)
        ]
    return Verification(recorded.folder, request.steps, tuple(rows))


def _of(
    run: RunRecord, recorded: RecordedExperiment, replayed: Callable[[RunRecord], CheckResult]
) -> list[tuple[str, CheckResult]]:
    """Checks of one run by name, with their results."""
    if not run.complete:
        status = run.status
        where = f"{status['state']} at step {status['step']} of {status['steps']}"
        return [("run", unchecked(f"not complete: {where}"))]
    plan = recorded.plan(run.seed)
    checks: dict[str, Callable[[], CheckResult]] = {
        "files": partial(check_files, run),
        "losses": partial(check_losses, run, recorded, plan),
        "blocks": partial(check_blocks, run, plan),
        "evaluations": partial(check_evaluations, run, recorded, plan),
        "weights": partial(check_weights, run, recorded, plan),
        "replay": partial(replayed, run),
    }
    return [(name, readable(check)) for name, check in checks.items()]
