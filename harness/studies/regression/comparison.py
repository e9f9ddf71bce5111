"""Two measurements of one experiment: what may be held against what, and what has changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from harness.config.differences import differences
from harness.config.metric_table import BY_NAME
from harness.statistics.change import Change, against_days, ratio_label, score_change
from harness.statistics.intervals import CONFIDENCE
from harness.studies.regression.measured import Measurement, ScoreKey
from harness.studies.regression.sameness import check_same, check_yardsticks
from harness.system.errors import UserError

Key = TypeVar("Key")
HEADLINE = "kid_efflite0"
STEP_TIME, PEAK_MEMORY, RELATIVE_TIME = "step time", "peak memory", "step time relative"


@dataclass(frozen=True)
class Limits:
    """`time`, `memory`: share by which they may grow; None: shown, not judged. `scores`: metrics
    that are judged, each against its margin in the configuration; None: the headline, if scored.
    """

    time: float | None = 0.05
    memory: float | None = None
    scores: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Comparison:
    """`earlier`: the baseline on other days, for times and memory. `allowed`: what differs in the
    configuration, on purpose. `circumstances`: what differs around the runs. `unmatched`: what only
    one of both has. `judged`: checks; their intervals hold together at 95 %.
    """

    new: Measurement
    baseline: Measurement
    limits: Limits
    changes: tuple[Change, ...]
    earlier: tuple[Measurement, ...]
    allowed: tuple[str, ...]
    circumstances: tuple[str, ...]
    unmatched: tuple[str, ...]

    @property
    def judged(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.judged)

    @property
    def regressed(self) -> bool:
        return any(change.label == "regression" for change in self.judged)

    @property
    def unsettled(self) -> bool:
        return not self.judged or any(change.label == "cannot tell" for change in self.judged)


def compare(
    new: Measurement,
    baseline: Measurement,
    limits: Limits,
    allow: Sequence[str] = (),
    earlier: Sequence[Measurement] = (),
) -> Comparison:
    """Raises UserError where they are not of one experiment, but for the keys in `allow`.

    With `earlier`, two at least, intervals of times are over days of the baseline, not over starts.
    """
    allowed = check_same(new, baseline, allow)
    for day in earlier:
        check_same(new, day, allow)
    if len(earlier) == 1:
        raise UserError(
            f"{earlier[0].name}: two days of a baseline do not show how days differ; give one"
            " baseline, or three"
        )
    common = _in_both(new.places, baseline.places)
    if not common:
        of_new, of_baseline = (
            ", ".join(f"{where.framework} on {where.title}" for where in one.places.values())
            for one in (new, baseline)
        )
        raise UserError(
            f"{new.name}: has {of_new}, {baseline.name} has {of_baseline}: no backend on a"
            " device that both have; measure both on one machine"
        )
    judged = _judged_scores(new, baseline, limits)
    check_yardsticks(new, baseline)
    # How many checks there are has to be known before any interval is.
    days = (baseline, *earlier)
    number = sum(change.judged for change in _changes(new, days, limits, judged, 1))
    return Comparison(
        new,
        baseline,
        limits,
        tuple(_changes(new, days, limits, judged, max(1, number))),
        tuple(earlier),
        allowed,
        tuple(_circumstances(new, baseline, common)),
        tuple(_unmatched(new, baseline)),
    )


def _judged_scores(new: Measurement, baseline: Measurement, limits: Limits) -> tuple[str, ...]:
    scored = {place.metric for place in new.scores} & {place.metric for place in baseline.scores}
    if limits.scores is None:
        return tuple({HEADLINE} & scored)
    margins = _margins(baseline)
    for name in limits.scores:
        if name not in BY_NAME:
            raise UserError(f"--scores {name}: no such metric; known: {', '.join(BY_NAME)}")
        if name not in scored or name not in margins:
            raise UserError(
                f"--scores {name}: not scored in both, or without a margin in the configuration;"
                f" there are {', '.join(sorted(scored & margins.keys())) or 'none'}"
            )
    return limits.scores


def _margins(baseline: Measurement) -> Mapping[str, float]:
    return (baseline.configuration.get("evaluation") or {}).get("margins") or {}


def _changes(
    new: Measurement,
    days: Sequence[Measurement],
    limits: Limits,
    judged: Sequence[str],
    checks: int,
) -> list[Change]:
    """Intervals of what is judged hold together for `checks` of them; others each by itself."""
    baseline, error = days[0], 1 - CONFIDENCE
    changes: list[Change] = []
    for quantity, limit in ((STEP_TIME, limits.time), (PEAK_MEMORY, limits.memory)):
        values, *before = [d.steps if quantity == STEP_TIME else d.memory for d in (new, *days)]
        for device, backend in _in_both(values, before[0]):
            series = [of_day[device, backend] for of_day in before if (device, backend) in of_day]
            share = error if limit is None else error / checks
            where = (quantity, device, backend)
            changes.append(_ratio(where, values[device, backend], series, limit, share))
    for key in _in_both(new.relative, baseline.relative):
        device, first, second = key
        series = [day.relative[key] for day in days if key in day.relative]
        where = (RELATIVE_TIME, device, f"{second}/{first}")
        changes.append(_ratio(where, new.relative[key], series, None, error))
    margins, order = _margins(baseline), list(BY_NAME)
    for place in sorted(
        _in_both(new.scores, baseline.scores), key=lambda place: order.index(place.metric)
    ):
        strict = place.metric in judged and place.metric in margins
        changes += _score(new, baseline, place, strict, error / checks if strict else error)
    return changes


def _ratio(
    where: tuple[str, str, str],
    new: Sequence[float],
    days: Sequence[Sequence[float]],
    limit: float | None,
    error: float,
) -> Change:
    """`where`: quantity, device, backend. `days`: a number a start, of each day of the baseline."""
    quantity, device, backend = where
    ratio = against_days(new, days, 1 - error)
    middles = [_middle(day) for day in days if len(day)]
    return Change(
        quantity=quantity,
        direction="",
        device=device,
        backend=backend,
        new=_middle(new) if new else None,
        baseline=_middle(middles) if middles else None,
        change=ratio,
        limit=limit,
        counts=(len(new), sum(map(len, days))),
        label="shown only" if limit is None else ratio_label(ratio, limit),
        judged=limit is not None,
        days=len(days),
    )


def _middle(values: Sequence[float]) -> float:
    """Geometric mean."""
    return float(np.exp(np.mean(np.log(values))))


def _score(
    new: Measurement, baseline: Measurement, place: ScoreKey, judged: bool, error: float
) -> list[Change]:
    now, before = new.scores[place], baseline.scores[place]
    seeds = sorted(now.keys() & before.keys())
    if not seeds:
        return []
    margin = _margins(baseline).get(place.metric)
    gaps = [now[seed] - before[seed] for seed in seeds]
    change, label = score_change(gaps, margin, BY_NAME[place.metric].better, error)
    means = [sum(scores[seed] for seed in seeds) / len(seeds) for scores in (now, before)]
    return [
        Change(
            quantity=place.metric,
            direction=place.direction,
            device=place.device,
            backend=place.backend,
            new=means[0],
            baseline=means[1],
            change=change,
            limit=margin,
            counts=(len(seeds), len(seeds)),
            label=label,
            judged=judged,
        )
    ]


def _in_both(new: Mapping[Key, Any], baseline: Mapping[Key, Any]) -> list[Key]:
    return [key for key in new if key in baseline]


def _circumstances(
    new: Measurement, baseline: Measurement, common: Sequence[tuple[str, str]]
) -> list[str]:
    frameworks: dict[str, list[str]] = {}
    for key in common:
        for difference in differences(baseline.environments[key], new.environments[key]):
            frameworks.setdefault(difference, []).append(new.places[key].framework)
    return [
        f"{', '.join(dict.fromkeys(names))}: {difference}"
        for difference, names in frameworks.items()
    ]


def _unmatched(new: Measurement, baseline: Measurement) -> list[str]:
    lines = []
    for one, other in ((new, baseline), (baseline, new)):
        for key in (key for key in one.places if key not in other.places):
            where = one.places[key]
            side = "new" if one is new else "baseline"
            lines.append(f"only in the {side}: {where.framework} on {where.title}")
    seeds = [
        {seed for scores in side.scores.values() for seed in scores} for side in (new, baseline)
    ]
    if apart := sorted(seeds[0] ^ seeds[1]):
        lines.append(f"seeds that only one of both has: {', '.join(map(str, apart))}")
    return lines
