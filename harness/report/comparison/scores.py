"""Scores of the complete runs: a value a backend, their difference and its verdict.

The error bar is the t interval over seeds where there are three or more; with one seed it is the
grouped jackknife over test images of metrics.json; two seeds have none (docs/evaluation.md).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.config.metric_table import BY_NAME, Metric
from harness.records.experiment import DIRECTIONS, ExperimentFolder
from harness.report.formatting import fixed
from harness.statistics.equivalence import Verdict, verdict
from harness.statistics.intervals import Interval, seed_interval
from harness.system.errors import UserError

HEADLINE = "kid_efflite0"
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
    gaps: tuple[float, ...]  # the difference of each seed, from which the verdict is computed
    over_training: tuple[float, float] | None  # one seed: range of the difference over its steps
    margin: float | None  # of equivalence, in the metric's own unit
    verdict: Verdict | None  # None: one backend, or no margin fixed before training
    floor: float | None
    identity_baseline: float | None
    baselines: Mapping[str, float]  # of images no model has made, by name in BASELINES
    images: int | None  # test images scored

    @property
    def seeds(self) -> int:
        """Seeds behind the difference."""
        return len(self.gaps)

    @property
    def title(self) -> str:
        """The metric's name with the number of images where the name must show it."""
        return self.metric.titled(self.images)

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


def metric_rows(experiment: ExperimentFolder) -> list[MetricRow]:
    """Every scored metric in the table's order, by device, metric, direction, pair of backends."""
    recorded = {score["metric"] for score in experiment.metrics.get("scores", [])}
    unknown = sorted(recorded - set(BY_NAME))
    if unknown:
        raise UserError(
            f"{experiment.folder / 'metrics.json'}: metric {unknown[0]!r} is not known; "
            "use the version of cyclebench that wrote it"
        )
    return [
        _row(experiment, metric, direction, device, pair)
        for device in experiment.devices
        for metric in BY_NAME.values()
        if metric.name in recorded
        for direction in DIRECTIONS
        for pair in experiment.pairs(device)
    ]


def headline_rows(rows: Sequence[MetricRow]) -> list[MetricRow]:
    return [row for row in rows if row.metric.name == HEADLINE]


def reference(experiment: ExperimentFolder, metric: str, direction: str) -> dict[str, Any]:
    """`floor` and `identity_baseline` of a metric; empty where it has no such record."""
    key = {"metric": metric, "direction": direction}
    return next(iter(_matching(experiment.metrics.get("references", []), key)), {})


def score_curves(
    experiment: ExperimentFolder, metric: str
) -> dict[tuple[str, str], list[ScorePoint]]:
    """A score at every evaluated step: (backend, direction) -> points in the order of steps."""
    complete = {(run.device, run.backend, run.seed) for run in experiment.runs}
    by_place: dict[tuple[str, str], dict[int, list[dict[str, Any]]]] = {}
    for score in _matching(experiment.metrics.get("scores", []), {"metric": metric}):
        run = (score["device"], score["backend"], score["seed"])
        if run in complete and _finite([score["value"]]):
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
    experiment: ExperimentFolder, metric: Metric, direction: str, device: str, pair: tuple[str, ...]
) -> MetricRow:
    here = {"metric": metric.name, "direction": direction, "device": device}
    # Of first minus second all records, and those of the last step, seed by seed.
    recorded = _first_minus_second(experiment, here, pair) if len(pair) == 2 else []
    last = {run.seed: run.status["steps"] for run in experiment.of(pair[0], device)}
    both = sorted(last.keys() & {run.seed for run in experiment.of(pair[-1], device)})
    differences = [
        record
        for seed in both
        for record in _matching(recorded, {"seed": seed, "step": last[seed]})
    ]
    values = _finite(record["value"] for record in differences)
    # Of one seed, how far the difference varies after any training: from three evaluated steps on.
    trained = _finite(record["value"] for record in recorded if record["step"] > 0)
    varied = len(values) == 1 and len(trained) > 2
    margin = (experiment.configuration.get("evaluation") or {}).get("margins", {}).get(metric.name)
    beside = reference(experiment, metric.name, direction)
    images = [s["n"] for s in _matching(experiment.metrics["scores"], here)]
    return MetricRow(
        metric=metric,
        direction=direction,
        device=device,
        scores={name: _score(experiment, here, name, metric.better) for name in pair},
        difference=_interval(differences),
        gaps=tuple(values),
        over_training=(min(trained), max(trained)) if varied else None,
        margin=margin,
        verdict=verdict(values, margin) if margin and values else None,
        floor=beside.get("floor"),
        identity_baseline=beside.get("identity_baseline"),
        baselines={name: value for name in BASELINES if (value := beside.get(name)) is not None},
        images=images[0] if images else None,
    )


def _score(
    experiment: ExperimentFolder, here: Mapping[str, Any], backend: str, better: str
) -> BackendScore:
    last, starts, bests = [], [], []
    for run in experiment.of(backend, str(here["device"])):
        key = {**here, "backend": backend, "seed": run.seed}
        records = _matching(experiment.metrics["scores"], key)
        last += _matching(records, {"step": run.status["steps"]})
        starts += _finite(r["value"] for r in records if r["step"] == 0)
        trained = [r for r in records if r["step"] > 0 and _finite([r["value"]])]
        if len(trained) > 1:
            choose = min if better == "lower" else max
            bests.append(choose(trained, key=lambda record: record["value"]))
    best = None
    if bests:
        steps = {record["step"] for record in bests}
        value = sum(record["value"] for record in bests) / len(bests)
        best = Best(value, steps.pop() if len(steps) == 1 else None)
    start = sum(starts) / len(starts) if starts else None
    runs = len(_finite(record["value"] for record in last))
    return BackendScore(_interval(last), runs, start, best)


def _first_minus_second(
    experiment: ExperimentFolder, key: Mapping[str, Any], pair: tuple[str, ...]
) -> list[dict[str, Any]]:
    """Records with the key, whichever way round they were written."""
    records = _matching(experiment.metrics.get("differences", []), key)
    first_minus_second = _matching(records, {"backends": list(pair)})
    for record in _matching(records, {"backends": [pair[1], pair[0]]}):
        value, low, high = (record[name] for name in ("value", "low", "high"))
        value, high, low = (None if v is None else -v for v in (value, low, high))
        first_minus_second.append({**record, "value": value, "low": low, "high": high})
    return first_minus_second


def _interval(records: Sequence[Mapping[str, Any]]) -> Interval:
    usable = [record for record in records if _finite([record["value"]])]
    if len(usable) == 1:
        return Interval(*(usable[0][name] for name in ("value", "low", "high")))
    return seed_interval([record["value"] for record in usable])


def _matching(records: Any, key: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [r for r in records if all(r.get(name) == value for name, value in key.items())]


def _finite(values: Any) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]
