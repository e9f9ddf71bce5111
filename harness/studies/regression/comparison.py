"""Two measurements of one experiment: whether they may be compared, and what has changed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from harness.config.differences import differences, flat
from harness.config.metric_table import BY_NAME, margin_scale
from harness.statistics.change import Change, against_days, ratio_label, score_change
from harness.statistics.intervals import CONFIDENCE
from harness.studies.regression.measurement import Measurement, ScoreKey
from harness.system.errors import UserError

Key = TypeVar("Key")
HEADLINE = "kid_efflite0"
STEP_TIME, PEAK_MEMORY, RELATIVE_TIME = "step time", "peak memory", "step time relative"
# Relative: floors are scores of the same images, so they differ by rounding at most.
SAME_FLOOR = 1e-6


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
    one of the two has. `judged`: the checks; their intervals hold together at 95 %.
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
    allowed = _check_same(new, baseline, allow)
    for day in earlier:
        _check_same(new, day, allow)
    if len(earlier) == 1:
        raise UserError(
            f"{earlier[0].name}: two days of a baseline do not show how days differ; give one"
            " baseline, or three"
        )
    common = _in_both(new.places, baseline.places)
    if not common:
        of_new, of_baseline = (
            ", ".join(f"{where.framework} on {where.device}" for where in one.places.values())
            for one in (new, baseline)
        )
        raise UserError(
            f"{new.name}: has {of_new}, {baseline.name} has {of_baseline}: no backend on a"
            " device that both have; measure both on one machine"
        )
    judged = _judged_scores(new, baseline, limits)
    _check_yardsticks(new, baseline)
    # The width of every interval depends on the number of checks, so changes are made twice.
    days = (baseline, *earlier)
    checks = sum(change.judged for change in _changes(new, days, limits, judged, 1))
    return Comparison(
        new=new,
        baseline=baseline,
        limits=limits,
        changes=tuple(_changes(new, days, limits, judged, max(1, checks))),
        earlier=tuple(earlier),
        allowed=allowed,
        circumstances=tuple(_circumstances(new, baseline, common)),
        unmatched=tuple(_unmatched(new, baseline)),
    )


def _check_same(new: Measurement, baseline: Measurement, allow: Sequence[str]) -> tuple[str, ...]:
    """What differs in the configuration. Raises UserError if that is more than `allow` has."""
    if new.kind != baseline.kind:
        raise UserError(
            f"{new.name}: of a {new.kind}, {baseline.name} of a {baseline.kind}; give two of a kind"
        )
    if new.data != baseline.data:
        raise UserError(
            f"{new.name}: of other images than {baseline.name}: digest of manifest.json"
            f" {str(baseline.data)[:10]} (now {str(new.data)[:10]}); train on the same"
        )

    def covers(allowed: str, key: str) -> bool:
        return key == allowed or key.startswith(f"{allowed}.")

    before, now = flat(baseline.configuration), flat(new.configuration)
    for allowed in allow:
        if not any(covers(allowed, key) for key in (*before, *now)):
            raise UserError(
                f"--allow {allowed}: no such key in the configuration; see experiment.json"
            )
    fixed_before, fixed_now = (
        {
            key: value
            for key, value in values.items()
            if not any(covers(allowed, key) for allowed in allow)
        }
        for values in (before, now)
    )
    refused = differences(fixed_before, fixed_now)
    if refused:
        more = f" and {len(refused) - 1} more" if len(refused) > 1 else ""
        raise UserError(
            f"{new.name}: of another configuration than {baseline.name}: {refused[0]}{more};"
            " --allow KEY compares before and after"
        )
    return tuple(differences(before, now))


def _check_yardsticks(new: Measurement, baseline: Measurement) -> None:
    for metric, direction in _in_both(new.yardsticks, baseline.yardsticks):
        now, before = (one.yardsticks[metric, direction] for one in (new, baseline))
        if not math.isclose(now, before, rel_tol=SAME_FLOOR, abs_tol=1e-9):
            raise UserError(
                f"{new.name}: real images score {now:g} in {metric} {direction}, in {baseline.name}"
                f" {before:g}: scored in another way; run `cyclebench report` on both"
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
    places = _in_both(new.scores, baseline.scores)
    for place in sorted(places, key=lambda place: order.index(place.metric)):
        now, then = new.scores[place], baseline.scores[place]
        strict = place.metric in judged and place.metric in margins
        share = error / checks if strict else error
        if now.keys() & then.keys():
            margin = margins.get(place.metric)
            changes.append(
                _score(place, now, then, margin, strict, share, _is_ratio(baseline, place))
            )
    return changes


def _is_ratio(baseline: Measurement, place: ScoreKey) -> bool:
    evaluation = baseline.configuration.get("evaluation") or {}
    return margin_scale(evaluation, place.metric) == "ratio"


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
    middles = [_geometric_mean(day) for day in days if len(day)]
    return Change(
        quantity=quantity,
        direction="",
        device=device,
        backend=backend,
        new=_geometric_mean(new) if new else None,
        baseline=_geometric_mean(middles) if middles else None,
        change=ratio,
        limit=limit,
        counts=(len(new), sum(map(len, days))),
        label="shown only" if limit is None else ratio_label(ratio, limit),
        judged=limit is not None,
        days=len(days),
    )


def _geometric_mean(values: Sequence[float]) -> float:
    return float(np.exp(np.mean(np.log(values))))


def _score(
    place: ScoreKey,
    new: Mapping[int, float],
    baseline: Mapping[int, float],
    margin: float | None,
    judged: bool,
    error: float,
    is_ratio: bool,
) -> Change:
    """Of the seeds that both have, one at least."""
    seeds = sorted(new.keys() & baseline.keys())
    gaps = [new[seed] - baseline[seed] for seed in seeds]
    paired = ([baseline[seed] for seed in seeds], [new[seed] for seed in seeds])
    better = BY_NAME[place.metric].better
    change, label = score_change(gaps, margin, better, error, paired if is_ratio else None)
    return Change(
        quantity=place.metric,
        direction=place.direction,
        device=place.device,
        backend=place.backend,
        new=sum(new[seed] for seed in seeds) / len(seeds),
        baseline=sum(baseline[seed] for seed in seeds) / len(seeds),
        change=change,
        limit=margin,
        counts=(len(seeds), len(seeds)),
        label=label,
        judged=judged,
        limit_is_ratio=is_ratio and margin is not None,
    )


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
    lines = [
        f"only in the {side}: {where.framework} on {where.device}"
        for side, one, other in (("new", new, baseline), ("baseline", baseline, new))
        for key, where in one.places.items()
        if key not in other.places
    ]
    new_seeds, baseline_seeds = (
        {seed for scores in side.scores.values() for seed in scores} for side in (new, baseline)
    )
    if apart := sorted(new_seeds ^ baseline_seeds):
        lines.append(f"seeds that only one of both has: {', '.join(map(str, apart))}")
    return lines
