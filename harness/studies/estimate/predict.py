"""From what was measured to what a whole comparison takes, clock by clock."""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.studies.estimate.work import Work
from harness.training.clocks import NAMES

CLOCKS = tuple(name for name in NAMES if name != "idle")  # idle is another backend's turn
# How far the sum of all clocks may be off besides: 17 % in a check beside a comparison, on a busy
# machine (docs/findings.md).
CHECKED = 0.2


@dataclass(frozen=True)
class MeasuredCosts:
    """One backend in a session. Seconds.

    `start`: until its process begins; `setup`: until it can train. `first_step`: with compiling;
    `step`: one of the others, on average; `spread`: half the width of that one's 95 % interval, as
    a share of it. `data`, `logging`: a step. `compiling`: of the first translations.
    `translation`, `scores` (by the discriminator): an image. `save`: a checkpoint.
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


@dataclass(frozen=True)
class Extraction:
    """Features of images by one network: seconds until its process is ready, and then an image."""

    start: float
    image: float

    def seconds(self, images: int) -> float:
        return self.start + self.image * images


@dataclass(frozen=True)
class Scoring:
    """Seconds of what follows the trainings. `inception`: None without FID's weights.

    `evaluation`: statistics of one evaluation of one run; `last`: of the one after training.
    `references`: of real images, once. `report_source`: where its seconds are from, in words.
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
    """Seconds. `runs`: of one run of each backend, by clock and the `start` before; `shared`: what
    is done once for all; `margin`: how far the total may be off, as a share of it. `titles`: of the
    frameworks, by backend; `report_source`: see Scoring; `left_out`: what was not predicted."""

    work: Work
    titles: dict[str, str]
    runs: dict[str, dict[str, float]]
    shared: dict[str, float]
    margin: float
    report_source: str
    left_out: tuple[str, ...]

    def run(self, backend: str) -> float:
        """One run by itself, without waiting for the others' turns."""
        return sum(self.runs[backend].values())

    @property
    def total(self) -> dict[str, float]:
        """`value`, `low` and `high`. Backends run in turns on one machine: sums."""
        runs = self.work.seeds * sum(self.run(name) for name in self.runs)
        value = runs + sum(self.shared.values())
        low, high = max(0.0, value * (1 - self.margin)), value * (1 + self.margin)
        return {"value": value, "low": low, "high": high}


def predict(
    work: Work, measured: tuple[MeasuredCosts, ...], scoring: Scoring, preparing: float | None
) -> Estimate:
    """`preparing`: seconds of drawing and decoding all images once; None where not known."""
    runs = {each.backend: _run(each, work) for each in measured}
    # A run saves by the wall clock, in which the others have their turns.
    timing = work.experiment.timing
    training = sum(
        run[clock] for run in runs.values() for clock in ("train", "data", "logging", "evaluation")
    )
    saves = int(training / (timing.checkpoint_seconds + len(runs) * timing.block_seconds / 2))
    for each in measured:
        runs[each.backend]["checkpoint"] += each.save * saves
    left_out = ["setting up the environment", "downloads", "judges, where a data set has labels"]
    if preparing is None:
        left_out.insert(2, "decoding the images, which are not here")
    estimate = Estimate(
        work=work,
        titles={each.backend: each.framework for each in measured},
        runs=runs,
        shared={"images": preparing or 0.0, **_shared(work, scoring)},
        margin=CHECKED,
        report_source=scoring.report_source,
        left_out=tuple(left_out),
    )
    # Each backend's uncertainty of a step counts as far as its steps make up the total.
    uncertain = sum(work.seeds * each.spread * runs[each.backend]["train"] for each in measured)
    return replace(estimate, margin=CHECKED + uncertain / estimate.total["value"])


def _run(measured: MeasuredCosts, work: Work) -> dict[str, float]:
    """Without checkpoints on the way, which depend on how long the others take."""
    steps, tested = work.steps, sum(work.tested)
    warm = min(steps, work.experiment.timing.warmup_steps)
    # Every evaluation translates the test images, and scores them and their translations. The last
    # one also translates back, and where both domains have one shape, from a domain into itself.
    model = work.experiment.networks()
    last = 3 if model.shape_a == model.shape_b else 2
    translations = tested * (1 + work.evaluations + last)
    scores = 2 * tested * (work.evaluations + 2)
    return {
        "start": measured.start,
        "setup": measured.setup,
        "warmup": measured.first_step + (warm - 1) * measured.step,
        "train": (steps - warm) * measured.step,
        "data": steps * measured.data,
        "evaluation": measured.compiling
        + translations * measured.translation
        + scores * measured.scores,
        "checkpoint": measured.save,
        "logging": steps * measured.logging,
    }


def _shared(work: Work, scoring: Scoring) -> dict[str, float]:
    tested, evaluations = sum(work.tested), work.evaluations + 2
    floors = sum(
        min(train, test)
        for train, test in zip((work.counts.train_a, work.counts.train_b), work.tested, strict=True)
    )
    features = scoring.features.seconds(tested + floors + work.runs * evaluations * tested)
    if scoring.inception:
        features += scoring.inception.seconds(tested + floors + work.runs * tested)
    scores = work.runs * ((evaluations - 1) * scoring.evaluation + scoring.last)
    scores += scoring.references
    return {"features": features, "scores": scores, "report": scoring.report}
