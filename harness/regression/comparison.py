"""Two measurements of one experiment: what may be held against what, and what has changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from harness.differences import differences
from harness.errors import UserError
from harness.metrics.table import BY_NAME
from harness.regression.change import Change, between_starts, ratio_label, score_change
from harness.regression.measured import Measured, Place
from harness.regression.sameness import check_same, check_yardsticks
from harness.statistics import CONFIDENCE

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
    """`allowed`: what differs in the configuration, on purpose. `circumstances`: what differs
    around the runs. `unmatched`: what only one of both has. `judged`: checks; their intervals hold
    together at 95 %.
    """

    new: Measured
    baseline: Measured
    limits: Limits
    changes: tuple[Change, ...]
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
    new: Measured, baseline: Measured, limits: Limits, allow: Sequence[str] = ()
) -> Comparison:
    """Raises UserError where they are not of one experiment, but for the keys in `allow`."""
    allowed = check_same(new, baseline, allow)
    common = _in_both(new.places, baseline.places)
    if not common:
        raise UserError(
            f"{new.name}: has {_said(new)}, {baseline.name} has {_said(baseline)}: no backend on a"
            " device that both have; measure both on one machine"
        )
    judged = _judged_scores(new, baseline, limits)
    check_yardsticks(new, baseline)
    # How many checks there are has to be known before any interval is.
    number = len(_changes(new, baseline, limits, judged, 1)[1])
    changes, _ = _changes(new, baseline, limits, judged, max(1, number))
    return Comparison(
        new,
        baseline,
        limits,
        tuple(changes),
        allowed,
        tuple(_circumstances(new, baseline, common)),
        tuple(_unmatched(new, baseline)),
    )


def _said(measured: Measured) -> str:
    return ", ".join(f"{where.framework} on {where.title}" for where in measured.places.values())


def _judged_scores(new: Measured, baseline: Measured, limits: Limits) -> tuple[str, ...]:
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


def _margins(baseline: Measured) -> Mapping[str, float]:
    return (baseline.configuration.get("evaluation") or {}).get("margins") or {}


def _changes(
    new: Measured, baseline: Measured, limits: Limits, judged: Sequence[str], checks: int
) -> tuple[list[Change], list[Change]]:
    """All, and those that are judged, with intervals that hold together for `checks` of them."""
    error = 1 - CONFIDENCE
    found: list[Change] = []
    for quantity, values, before, limit in (
        (STEP_TIME, new.steps, baseline.steps, limits.time),
        (PEAK_MEMORY, new.memory, baseline.memory, limits.memory),
    ):
        for key in _in_both(values, before):
            series = values[key], before[key]
            share = error if limit is None else error / checks
            found.append(_ratio(quantity, *key, series, limit, share))
    for device, first, second in _in_both(new.relative, baseline.relative):
        series = new.relative[device, first, second], baseline.relative[device, first, second]
        found.append(_ratio(RELATIVE_TIME, device, f"{second}/{first}", series, None, error))
    margins = _margins(baseline)
    order = list(BY_NAME)
    for place in sorted(
        _in_both(new.scores, baseline.scores), key=lambda place: order.index(place.metric)
    ):
        strict = place.metric in judged and place.metric in margins
        found += _score(new, baseline, place, strict, error / checks if strict else error)
    return found, [change for change in found if change.judged]


def _ratio(
    quantity: str,
    device: str,
    backend: str,
    series: tuple[Sequence[float], Sequence[float]],
    limit: float | None,
    error: float,
) -> Change:
    ratio = between_starts(*series, 1 - error)
    means = [float(np.exp(np.mean(np.log(each)))) if each else None for each in series]
    return Change(
        quantity=quantity,
        direction="",
        device=device,
        backend=backend,
        new=means[0],
        baseline=means[1],
        change=ratio,
        limit=limit,
        counts=(len(series[0]), len(series[1])),
        label="shown only" if limit is None else ratio_label(ratio, limit),
        judged=limit is not None,
    )


def _score(
    new: Measured, baseline: Measured, place: Place, judged: bool, error: float
) -> list[Change]:
    now, before = new.scores[place], baseline.scores[place]
    seeds = sorted(now.keys() & before.keys())
    if not seeds:
        return []
    margin = _margins(baseline).get(place.metric)
    gaps = [now[seed] - before[seed] for seed in seeds]
    change, label = score_change(gaps, margin, BY_NAME[place.metric].better, error)
    means = [sum(each[seed] for seed in seeds) / len(seeds) for each in (now, before)]
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
    new: Measured, baseline: Measured, common: Sequence[tuple[str, str]]
) -> list[str]:
    found: dict[str, list[str]] = {}
    for key in common:
        for said in differences(baseline.environments[key], new.environments[key]):
            found.setdefault(said, []).append(new.places[key].framework)
    return [f"{', '.join(dict.fromkeys(names))}: {said}" for said, names in found.items()]


def _unmatched(new: Measured, baseline: Measured) -> list[str]:
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
