"""Scores of the complete runs: a value a backend, their difference, their ratio and its verdict.

Verdicts are in judging.py. The error bar is the t interval over seeds where there are three or
more; with one seed it is the grouped jackknife over test images of metrics.json; two seeds have
none (docs/evaluation.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.config.metric_table import BY_NAME, PRIMARY, Metric
from harness.records.experiment import ExperimentFolder
from harness.records.run import RunRecord
from harness.report.comparison.judging import with_verdicts
from harness.report.comparison.score_records import (
    finite,
    first_minus_second,
    margin_of,
    matching,
    paired_scores,
    scored_weights,
)
from harness.report.formatting import MINUS, fixed
from harness.statistics.equivalence import Margin, Verdict
from harness.statistics.intervals import Interval, seed_interval
from harness.statistics.ratios import ratio_of_means
from harness.system.errors import UserError

HEADLINE = PRIMARY  # of records without a primary endpoint
# What a model has to beat, by key in metrics.json.
BASELINES = {
    "identity_baseline": "untranslated images",
    "colour_baseline": "untranslated images with the target's colours",
    "mean_baseline": "the target's mean image",
}


@dataclass(frozen=True)
class Best:
    """The best score of all evaluated steps. Too optimistic: these images chose the step."""

    value: float  # mean over runs of each run's best
    step: int | None  # None: not the same in all runs


@dataclass(frozen=True)
class BackendScore:
    """A backend's score after the last step, over its runs on one device."""

    interval: Interval
    runs: int
    start: float | None  # mean over the same runs at step 0
    best: Best | None = None  # None: no step was evaluated but the first and the last

    def better_than(self, reference: float | None, better: str) -> bool | None:
        """True or False where the whole interval is better or worse than `reference`; else None.

        Without an interval a mean over seeds is compared as it is; for a single run it is None.
        """
        if self.interval.value is None or reference is None:
            return None
        sign = 1.0 if better == "higher" else -1.0
        bounds = [b for b in (self.interval.low, self.interval.high) if b is not None]
        if not bounds and self.runs == 1:
            return None
        gaps = [sign * (bound - reference) for bound in bounds or [self.interval.value]]
        if all(gap > 0 for gap in gaps):
            return True
        return False if all(gap <= 0 for gap in gaps) else None


@dataclass(frozen=True)
class ScorePoint:
    """A score at one step: of one run with its jackknife interval, of several mean and range."""

    step: int
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class MetricRow:
    """One metric, direction and device, for one backend or a pair (difference: first - second)."""

    metric: Metric
    direction: str
    device: str
    scores: Mapping[str, BackendScore]
    difference: Interval
    gaps: tuple[float, ...]  # the difference of each seed
    paired: tuple[tuple[float, float], ...]  # (first, second) of the same seeds, in their order
    ratio: Interval  # second over first, of means over seeds; Fieller's interval
    over_training: tuple[float, float] | None  # one seed: range of the difference over its steps
    margin: Margin | None  # of equivalence; of a difference in the metric's own unit
    verdict: Verdict | None  # None: one backend, or no margin fixed before training
    primary: bool  # of the endpoint that decides; others are secondary, corrected for their number
    weights: str  # of the generator: "last", or "average" over training
    maximum: int | None  # seeds of the sequential design whose levels hold; None: one look
    floor: float | None
    identity_baseline: float | None
    baselines: Mapping[str, float]  # of images no model has made, by name in BASELINES
    images: int | None  # test images scored
    comparisons: int = 1  # with the first backend, among which a primary verdict stands (Holm)

    @property
    def seeds(self) -> int:
        """Seeds behind the difference."""
        return len(self.gaps)

    @property
    def title(self) -> str:
        """The metric's name with the number of images, and which real ones, where that matters."""
        return self.metric.titled(self.images)

    @property
    def margin_text(self) -> str:
        """ "±10.0" of a difference, as a page has its values; "0.80 to 1.25" of a ratio."""
        if self.margin is None:
            return ""
        if self.margin.scale == "ratio":
            return f"{fixed(1 / self.margin.value, 2)} to {fixed(self.margin.value, 2)}"
        return f"±{self.text(self.margin.value)}"

    def text(self, value: float | None) -> str:
        """A value of the metric as a page has it: scaled and rounded."""
        return fixed(value, self.metric.digits, self.metric.scale)

    @property
    def best_baseline(self) -> str | None:
        """Name in BASELINES of the best; None where the metric has none."""
        best = min if self.metric.better == "lower" else max
        return best(self.baselines, key=self.baselines.__getitem__, default=None)

    def beats(self, score: BackendScore, baseline: str | None) -> bool | None:
        """Whether a score of this row is better than a baseline's; None: it cannot be told."""
        return score.better_than(self.baselines.get(baseline or ""), self.metric.better)


def confidence(interval: Interval, text: Callable[[float], str], pattern: str = "{}") -> str:
    """ "95 % interval 1.0 to 2.0", put into `pattern`; nothing where there are no bounds."""
    if interval.low is None or interval.high is None:
        return ""
    return pattern.format(f"95 % interval {text(interval.low)} to {text(interval.high)}")


def names_of(experiment: ExperimentFolder, row: MetricRow) -> str:
    """ "PyTorch - TensorFlow", typeset: what a difference is of."""
    return f" {MINUS} ".join(experiment.title(name) for name in row.scores)


def metric_rows(experiment: ExperimentFolder) -> list[MetricRow]:
    """Every scored metric in the table's order, by device, metric, direction, pair of backends."""
    recorded = {score["metric"] for score in experiment.metrics.get("scores", [])}
    unknown = sorted(recorded - set(BY_NAME))
    if unknown:
        raise UserError(
            f"{experiment.folder / 'metrics.json'}: metric {unknown[0]!r} is not known; "
            "use the version of cyclebench that wrote it"
        )
    evaluation = experiment.configuration.get("evaluation") or {}
    primary = evaluation.get("primary") or HEADLINE
    rows = [
        _row(experiment, metric, direction, device, pair, evaluation)
        for device in experiment.devices
        for metric in BY_NAME.values()
        if metric.name in recorded
        for direction in experiment.directions
        for pair in experiment.pairs(device)
    ]
    return with_verdicts(
        experiment, [replace(row, primary=row.metric.name == primary) for row in rows]
    )


def primary_rows(rows: Sequence[MetricRow]) -> list[MetricRow]:
    """Of the endpoint that decides whether backends learn the same: every device and direction."""
    return [row for row in rows if row.primary]


def by_pair(rows: Sequence[MetricRow]) -> list[list[MetricRow]]:
    """Rows of each pair of backends."""
    pairs: dict[tuple[str, ...], list[MetricRow]] = {}
    for row in rows:
        pairs.setdefault(tuple(row.scores), []).append(row)
    return list(pairs.values())


def why_unscored(metrics: Sequence[MetricRow]) -> str:
    """Why no row of the headline has a value."""
    if any(row.images == 1 for row in metrics):
        return "a domain has one test image, and the score compares sets of two or more"
    return "nothing has been scored"


def headline_rows(rows: Sequence[MetricRow]) -> list[MetricRow]:
    return [row for row in rows if row.metric.name == HEADLINE]


def reference(experiment: ExperimentFolder, metric: str, direction: str) -> dict[str, Any]:
    """`floor` and `identity_baseline` of a metric; empty where it has no such record."""
    key = {"metric": metric, "direction": direction}
    return next(iter(matching(experiment.metrics.get("references", []), key)), {})


def score_curves(
    experiment: ExperimentFolder, metric: str
) -> dict[tuple[str, str], list[ScorePoint]]:
    """A score at every evaluated step: (backend, direction) -> points in the order of steps."""
    complete = {(run.device, run.backend, run.seed) for run in experiment.runs}
    by_place: dict[tuple[str, str], dict[int, list[dict[str, Any]]]] = {}
    for score in matching(experiment.metrics.get("scores", []), {"metric": metric}):
        run = (score["device"], score["backend"], score["seed"])
        if run in complete and finite([score["value"]]):
            steps = by_place.setdefault((score["backend"], score["direction"]), {})
            steps.setdefault(score["step"], []).append(score)
    curves: dict[tuple[str, str], list[ScorePoint]] = {}
    for key, steps in by_place.items():
        curves[key] = []
        for step, records in sorted(steps.items()):
            values = [record["value"] for record in records]
            low, high = min(values), max(values)
            if len(records) == 1:
                low = low if records[0]["low"] is None else records[0]["low"]
                high = high if records[0]["high"] is None else records[0]["high"]
            curves[key].append(ScorePoint(step, sum(values) / len(values), low, high))
    return curves


def _row(
    experiment: ExperimentFolder,
    metric: Metric,
    direction: str,
    device: str,
    pair: tuple[str, ...],
    evaluation: Mapping[str, Any],
) -> MetricRow:
    """Without a verdict."""
    here = {"metric": metric.name, "direction": direction, "device": device}
    scores = matching(experiment.metrics["scores"], here)
    # Of first minus second all records, and those of the last step, seed by seed.
    recorded = first_minus_second(experiment, here, pair) if len(pair) == 2 else []
    last = {run.seed: run.status["steps"] for run in experiment.of(pair[0], device)}
    both = sorted(last.keys() & {run.seed for run in experiment.of(pair[-1], device)})
    differences = [
        record for seed in both for record in matching(recorded, {"seed": seed, "step": last[seed]})
    ]
    values = finite(record["value"] for record in differences)
    # Of one seed, how far the difference varies after any training: from three evaluated steps on.
    trained = finite(record["value"] for record in recorded if record["step"] > 0)
    varied = len(values) == 1 and len(trained) > 2
    margin = margin_of(experiment, metric.name, evaluation)
    usable = [record["seed"] for record in differences if finite([record["value"]])]
    paired = paired_scores(scores, pair, {seed: last[seed] for seed in usable})
    beside = reference(experiment, metric.name, direction)
    return MetricRow(
        metric=metric.against(evaluation.get("reals") or "test"),
        direction=direction,
        device=device,
        scores={
            name: _score(scores, experiment.of(name, device), name, metric.better) for name in pair
        },
        difference=_interval(differences),
        gaps=tuple(values),
        paired=tuple(paired),
        ratio=ratio_of_means([x for x, _ in paired], [y for _, y in paired]),
        over_training=(min(trained), max(trained)) if varied else None,
        margin=margin,
        verdict=None,
        primary=False,
        weights=scored_weights(experiment),
        maximum=None,
        floor=beside.get("floor"),
        identity_baseline=beside.get("identity_baseline"),
        baselines={name: value for name in BASELINES if (value := beside.get(name)) is not None},
        images=scores[0]["n"] if scores else None,
    )


def _score(
    scores: Sequence[Mapping[str, Any]], runs: Sequence[RunRecord], backend: str, better: str
) -> BackendScore:
    """`scores`: records of one metric, direction and device; `runs`: a backend's, there."""
    last, starts, bests = [], [], []
    for run in runs:
        records = matching(scores, {"backend": backend, "seed": run.seed})
        last += matching(records, {"step": run.status["steps"]})
        starts += finite(r["value"] for r in records if r["step"] == 0)
        trained = [r for r in records if r["step"] > 0 and finite([r["value"]])]
        if len(trained) > 1:
            choose = min if better == "lower" else max
            bests.append(choose(trained, key=lambda record: record["value"]))
    best = None
    if bests:
        steps = {record["step"] for record in bests}
        value = sum(record["value"] for record in bests) / len(bests)
        best = Best(value, steps.pop() if len(steps) == 1 else None)
    start = sum(starts) / len(starts) if starts else None
    counted = len(finite(record["value"] for record in last))
    return BackendScore(_interval(last), counted, start, best)


def _interval(records: Sequence[Mapping[str, Any]]) -> Interval:
    usable = [record for record in records if finite([record["value"]])]
    if len(usable) == 1:
        return Interval(*(usable[0][name] for name in ("value", "low", "high")))
    return seed_interval([record["value"] for record in usable])
