"""Two measurements of one experiment: whether they may be compared, and what has changed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from harness.config.differences import differences, flat
from harness.statistics.change import Change, against_days, ratio_label
from harness.statistics.intervals import CONFIDENCE
from harness.studies.regression.measurement import Measurement
from harness.studies.regression.score_changes import judged_scores, score_changes
from harness.system.errors import UserError

Key = TypeVar("Key")
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
    notes: tuple[str, ...] = ()

    @property
    def judged(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.judged)

    @property
    def same(self) -> bool:
        """Whether both are one measurement, or copies of it: each number is there twice."""
        if self.earlier or not self.baseline.finished:  # a history without such a day
            return False
        new, baseline = ((one.steps, one.memory, one.scores) for one in (self.new, self.baseline))
        return new == baseline and any(new)

    @property
    def regressed(self) -> bool:
        return any(change.label == "regression" for change in self.judged)

    @property
    def unsettled(self) -> bool:
        cannot_tell = any(change.label == "cannot tell" for change in self.judged)
        return not self.same and (cannot_tell or not self.judged)


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
    judged = judged_scores(new, baseline, limits.scores)
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
    return [*changes, *score_changes(new, days, judged, error, checks)]


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
