"""From what was measured to what a whole comparison takes, clock by clock."""

from __future__ import annotations

from dataclasses import dataclass, replace

from backends import distinct
from harness.studies.estimate.work import Work
from harness.training.clocks import NAMES
from harness.training.jobs import COURSE_STEPS

CLOCKS = tuple(name for name in NAMES if name != "idle")  # idle is another backend's turn
# How far the sum of all clocks may be off in any case: it was 13 % off on an idle machine and 17 %
# on a busy one (docs/findings.md).
CHECKED = 0.2


@dataclass(frozen=True)
class MeasuredCosts:
    """Seconds of one backend in a session.

    `start`: until its process begins; `setup`: until it can train. `first_step`: with compiling;
    `step`: mean of the others; `spread`: half the width of its 95 % interval, as a share of it.
    `data`, `logging`: of a step. `compiling`: of the first translations. `translation`, `scores`
    (by the discriminator): of an image. `save`: of a checkpoint. `load`: the share of the CPU time
    that others took, median of blocks; None where it cannot be read. `beside`: a step beside the
    other backends, with a share of the threads; None where all steps are made in turns.
    """

    backend: str
    framework: str
    start: float
    setup: float
    first_step: float
    step: float
    spread: float
    data: float
    logging: float
    compiling: float
    translation: float
    scores: float
    save: float
    load: float | None = None
    beside: float | None = None


@dataclass(frozen=True)
class Extraction:
    """Features of images by one network: seconds until its process is ready, then of an image."""

    start: float
    image: float

    def seconds(self, images: int) -> float:
        return self.start + self.image * images


@dataclass(frozen=True)
class Scoring:
    """Seconds of what follows the trainings. `inception`: None without FID's weights.

    `evaluation`: statistics of one evaluation of one run; `last`: of the one after training.
    `references`: of real images, once. `report_source`: in words, where `report` comes from.
    """

    features: Extraction
    inception: Extraction | None
    evaluation: float
    last: float
    references: float
    report: float
    report_source: str


@dataclass(frozen=True)
class Estimate:
    """Seconds. `runs`: of one run of each backend, by clock and with `start`, before any clock.

    `overlap`: of one seed, what its runs save by training side by side for a while. `untimed`: a
    seed of which nothing is timed, 0 where there is none; `runs` and `overlap` are of the others.
    `shared`: what is done once for all; `margin`: how far the total may be off, as a share of it;
    `titles`: of the frameworks, by backend; `report_source`: see Scoring; `left_out`: what was not
    predicted.
    """

    work: Work
    titles: dict[str, str]
    runs: dict[str, dict[str, float]]
    shared: dict[str, float]
    margin: float
    report_source: str
    left_out: tuple[str, ...]
    load: float | None = None
    overlap: float = 0.0
    untimed: float = 0.0

    def run(self, backend: str) -> float:
        """One run by itself, without waiting for the others' turns."""
        return sum(self.runs[backend].values())

    @property
    def training(self) -> float:
        """All seeds. What backends run in turns on one machine is added up."""
        timed = sum(self.run(name) for name in self.runs) - self.overlap
        untimed = self.work.seeds_untimed if self.untimed else 0
        return (self.work.seeds - untimed) * timed + untimed * self.untimed

    @property
    def total(self) -> dict[str, float]:
        """`value`, `low` and `high`."""
        value = self.training + sum(self.shared.values())
        low, high = max(0.0, value * (1 - self.margin)), value * (1 + self.margin)
        return {"value": value, "low": low, "high": high}


def predict(
    work: Work, measured: tuple[MeasuredCosts, ...], scoring: Scoring, preparing: float | None
) -> Estimate:
    """`preparing`: seconds of drawing and decoding all images once; None where not known."""
    runs = {costs.backend: _run(costs, work, _alone(costs, work)) for costs in measured}
    # A run saves by the wall clock, in which the others have their turns.
    timing = work.experiment.timing
    training = sum(
        run[clock] for run in runs.values() for clock in ("train", "data", "logging", "evaluation")
    )
    saves = int(training / (timing.checkpoint_seconds + len(runs) * timing.block_seconds / 2))
    for costs in measured:
        runs[costs.backend]["checkpoint"] += costs.save * saves
    left_out = ["setting up the environment", "downloads", "judges, where a data set has labels"]
    if len(measured) > 1:
        left_out.append("parity checks (some 20 s), if these networks were not checked before")
    if preparing is None:
        left_out.insert(2, "decoding the images, which are not here")
    estimate = Estimate(
        work=work,
        titles=distinct((costs.backend, costs.framework) for costs in measured),
        runs=runs,
        shared={
            "images": preparing or 0.0,
            "twin": _twin(measured[0], work) if len(measured) > 1 else 0.0,
            **shared_seconds(work, scoring),
        },
        margin=CHECKED,
        report_source=scoring.report_source,
        left_out=tuple(left_out),
        load=max((costs.load for costs in measured if costs.load is not None), default=None),
        overlap=_overlap(measured, work),
        untimed=_untimed(measured, work),
    )
    # The uncertainty of a backend's step counts by the share of its steps in the total.
    uncertain = sum(work.seeds * costs.spread * runs[costs.backend]["train"] for costs in measured)
    return replace(estimate, margin=CHECKED + uncertain / estimate.total["value"])


def _run(costs: MeasuredCosts, work: Work, alone: int) -> dict[str, float]:
    """Seconds of one run by clock, of which `alone` steps are made in turns. Of its checkpoints
    only the last: when others are written depends on all runs."""
    steps, tested = work.steps, sum(work.tested)
    processes = 2 if 0 < alone < steps else 1
    warm = min(alone, work.experiment.timing.warmup_steps)
    # Every evaluation translates the test images, and scores them and their translations. The last
    # one also translates by the weights of the last step, where the others are averages, and back,
    # and where both domains have one shape, from a domain into itself.
    model = work.experiment.networks()
    last = 2 + (model.shape_a == model.shape_b) + work.averaged
    translations = tested * (1 + work.evaluations + last)
    scores = 2 * tested * (work.evaluations + 2)
    evaluation = costs.compiling + translations * costs.translation + scores * costs.scores
    return {
        "start": processes * costs.start,
        "setup": processes * costs.setup,
        "warmup": costs.first_step + (warm - 1) * costs.step if alone else 0.0,
        "train": (alone - warm) * costs.step,
        "beside": _beside(costs, steps - alone),
        "data": steps * costs.data,
        "evaluation": evaluation,
        "checkpoint": processes * costs.save,
        "logging": steps * costs.logging,
    }


def _alone(costs: MeasuredCosts, work: Work) -> int:
    """Steps of a run that are made in turns."""
    timed = work.experiment.timing.timed_steps
    return work.steps if costs.beside is None or timed is None else min(work.steps, timed)


def _beside(costs: MeasuredCosts, steps: int) -> float:
    """Seconds of `steps` others, the first of which traces and compiles again."""
    return costs.first_step + (steps - 1) * costs.beside if steps and costs.beside else 0.0


def _overlap(measured: tuple[MeasuredCosts, ...], work: Work) -> float:
    """Seconds of a seed in which one backend more than the slowest trains, with another process's
    start and setup."""
    seconds = [
        costs.start + costs.setup + beside
        for costs in measured
        if (beside := _beside(costs, work.steps - _alone(costs, work)))
    ]
    return sum(seconds) - max(seconds, default=0.0)


def _untimed(measured: tuple[MeasuredCosts, ...], work: Work) -> float:
    """Seconds of a seed whose runs train side by side from the first step on; 0 without any."""
    if not work.seeds_untimed or any(costs.beside is None for costs in measured):
        return 0.0
    return max(sum(_run(costs, work, 0).values()) for costs in measured)


def _twin(costs: MeasuredCosts, work: Work) -> float:
    """Seconds of the first steps of another run, whose start is a rounding error away."""
    steps = min(COURSE_STEPS, work.steps)
    per_step = costs.step + costs.data + costs.logging
    return costs.start + costs.setup + costs.first_step + (steps - 1) * per_step


def shared_seconds(work: Work, scoring: Scoring) -> dict[str, float]:
    """Seconds of what is done once, after all runs."""
    tested, evaluations = sum(work.tested), work.evaluations + 2
    tested_a, tested_b = work.tested
    # Training images that scores of real images are compared with.
    floors = min(work.counts.train_a, tested_a) + min(work.counts.train_b, tested_b)
    if work.experiment.evaluation.reals != "test":
        floors += work.counts.train_a + work.counts.train_b
    # Test images are also scored with the target's colours, and as the last step translates them.
    real, last = 2 * tested + floors, (1 + work.averaged) * tested
    features = scoring.features.seconds(real + work.runs * ((evaluations - 1) * tested + last))
    if scoring.inception:
        features += scoring.inception.seconds(real + work.runs * last)
    between = evaluations - 1 + work.averaged
    scores = work.runs * (between * scoring.evaluation + scoring.last)
    scores += scoring.references
    return {"features": features, "scores": scores, "report": scoring.report}
