"""From what a calibration has measured to what a whole comparison takes, clock by clock."""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.studies.estimate.measured import Calibration, Extraction, Measured
from harness.studies.estimate.work import Work
from harness.training.clocks import NAMES

CLOCKS = tuple(name for name in NAMES if name != "idle")  # idle is another backend's turn
# How far the sum of all clocks was off, at the most, where it was checked against comparisons
# (`cyclebench estimate --check`): 5 % right before or after them, 13 % an hour later, on two CPU
# cores. One check is left out: 16 %, by a single timed evaluation that was far off, cause unknown;
# several are timed since.
CHECKED = 0.15


@dataclass(frozen=True)
class Range:
    """Seconds, or what they cost."""

    value: float
    low: float
    high: float

    def times(self, factor: float) -> Range:
        return Range(self.value * factor, self.low * factor, self.high * factor)


@dataclass(frozen=True)
class Estimate:
    """Seconds. `runs`: of one run of each backend, by clock and the `start` before; `shared`: what
    is done once for all; `margin`: how far the total may be off, as a share of it. `titles`: of the
    frameworks, by backend; `left_out`: what was not reckoned, in words."""

    work: Work
    titles: dict[str, str]
    runs: dict[str, dict[str, float]]
    shared: dict[str, float]
    margin: float
    left_out: tuple[str, ...]

    def run(self, backend: str) -> float:
        """One run by itself, without waiting for the others' turns."""
        return sum(self.runs[backend].values())

    @property
    def total(self) -> Range:
        """They run in turns on one machine: sums."""
        runs = self.work.seeds * sum(self.run(name) for name in self.runs)
        value = runs + sum(self.shared.values())
        low = max(0.0, value * (1 - self.margin))
        return Range(value, low, value * (1 + self.margin))


def predict(work: Work, calibration: Calibration) -> Estimate:
    """What `work` takes on the machine of the calibration."""
    row = calibration.scoring.row
    runs = {each.backend: _run(each, work, row) for each in calibration.backends}
    for each in calibration.backends:
        runs[each.backend]["checkpoint"] += each.finish * _checkpoints(work, runs)
    estimate = Estimate(
        work=work,
        titles={each.backend: each.framework for each in calibration.backends},
        runs=runs,
        shared=_shared(work, calibration),
        margin=CHECKED,
        left_out=_left_out(work, calibration),
    )
    # Each backend's uncertainty of a step counts as far as its steps make up the total.
    uncertain = sum(
        work.seeds * each.spread * runs[each.backend]["train"] for each in calibration.backends
    )
    return replace(estimate, margin=CHECKED + uncertain / estimate.total.value)


def _run(measured: Measured, work: Work, row: float) -> dict[str, float]:
    """Without checkpoints on the way, which depend on how long the others take."""
    steps, experiment = work.steps, work.experiment
    warm = min(steps, experiment.timing.warmup_steps)
    more = sum(work.tested) / sum(measured.tested)
    compiling = max(0.0, measured.first_evaluation - measured.evaluation)
    between = (1 + work.evaluations) * measured.evaluation
    return {
        "start": measured.start,
        "setup": measured.setup,
        "warmup": measured.first_step + (warm - 1) * measured.step,
        "train": (steps - warm) * measured.step,
        "data": steps * measured.data,
        "evaluation": compiling + more * (between + measured.last_evaluation),
        "checkpoint": measured.finish + steps * row,
        "logging": steps * measured.logging,
    }


def _checkpoints(work: Work, runs: dict[str, dict[str, float]]) -> int:
    """That each run writes on the way: by the wall clock, in which the others have their turns."""
    timing = work.experiment.timing
    training = sum(
        run[clock] for run in runs.values() for clock in ("train", "data", "logging", "evaluation")
    )
    return int(training / (timing.checkpoint_seconds + len(runs) * timing.block_seconds / 2))


def _shared(work: Work, calibration: Calibration) -> dict[str, float]:
    scoring, tested = calibration.scoring, sum(work.tested)
    floors = sum(
        min(train, test)
        for train, test in zip((work.counts.train_a, work.counts.train_b), work.tested, strict=True)
    )
    real, evaluations = tested + floors, work.evaluations + 2
    shared = {
        "images": calibration.preparing or 0.0,
        "features": scoring.features.seconds(real + work.runs * evaluations * tested),
        "scores": work.runs * ((evaluations - 1) * scoring.evaluation + scoring.last)
        + scoring.references,
        "report": scoring.report + (work.runs - len(work.backends)) * work.steps * scoring.row,
    }
    shared["features"] += _of_last(scoring.inception, real + work.runs * tested)
    return shared


def _of_last(inception: Extraction | None, images: int) -> float:
    return inception.seconds(images) if inception else 0.0


def _left_out(work: Work, calibration: Calibration) -> tuple[str, ...]:
    found = ["setting up the environment", "downloads"]
    if calibration.preparing is None:
        found.append("decoding the images, which are not here")
    found.append("judges, where a data set has labels")
    return tuple(found)
