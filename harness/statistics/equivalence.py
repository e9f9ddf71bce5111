"""Verdicts: equivalent, different, or cannot tell yet (docs/evaluation.md)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.special import chdtri, nctdtr

from harness.statistics.intervals import MINIMUM_SEEDS, t_quantile
from harness.statistics.sequential import critical

Scale = Literal["ratio", "difference"]
MAXIMUM_SEEDS = 200
SOME = 8  # numbers of seeds that are tried at once at first
POWER = 0.8
CERTAINTY = 0.8  # of the upper limit of a standard deviation, from which seeds are predicted
NOT_POSITIVE = "the first backend's mean is not surely above zero, so there is no ratio"


@dataclass(frozen=True)
class Margin:
    """Within which two backends are equivalent; fixed before training.

    `scale` "ratio": second over first is between 1 / value and value, so value > 1. "difference":
    first minus second is between -value and value, in the score's unit.
    """

    value: float
    scale: Scale = "difference"

    def __post_init__(self) -> None:
        least = 1.0 if self.scale == "ratio" else 0.0
        if not (math.isfinite(self.value) and self.value > least):
            raise ValueError(f"the margin must be positive, a ratio above 1, given {self.value}")


@dataclass(frozen=True)
class Verdict:
    """`reason`: a sentence for the report.

    `further_seeds`: how many more are likely to settle an open verdict, from an upper limit of the
    standard deviation; `least_seeds`: from the standard deviation as observed. Both assume that the
    backends are truly equal. None: settled, or beyond `most` seeds in all. `no_ratio`: open because
    a ratio cannot be formed.
    """

    label: str  # "equivalent", "different" or "cannot tell yet"
    further_seeds: int | None
    reason: str
    least_seeds: int | None = None
    most: int = MAXIMUM_SEEDS
    no_ratio: bool = False

    @property
    def needed(self) -> str:
        """What would settle an open verdict, in words; empty for others."""
        if self.label != "cannot tell yet":
            return ""
        if self.no_ratio:
            return NOT_POSITIVE
        most, least = self.further_seeds, self.least_seeds
        if most is None and least is None:
            return f"more than {self.most} seeds would be needed"
        if most is None:
            return f"at least {least} more {_noun(least)} needed, and perhaps more than {self.most}"
        if least is None or least == most:
            return f"about {most} more {_noun(most)} needed"
        return f"about {least} to {most} more seeds needed"


def contrasts(
    first: np.ndarray, second: np.ndarray, margin: Margin
) -> tuple[np.ndarray, np.ndarray]:
    """(upper, lower) float (..., seeds): within the margin, means are below and above zero."""
    if margin.scale == "difference":
        gaps = first - second
        return gaps - margin.value, gaps + margin.value
    return second - margin.value * first, second - first / margin.value


def decide(
    first: np.ndarray,
    second: np.ndarray,
    margin: Margin,
    same: float,
    different: float,
    maximum: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """(equivalent, different) as bool (...), of paired scores float (..., seeds), three or more.

    One-sided paired t tests of the `contrasts`: "equivalent" if both bounds are surely not reached,
    each at level `same`; "different" if one is surely passed, at level `different`. `maximum`: of a
    sequential design, the seeds after which it ends; the levels hold over all its looks
    (`harness.statistics.sequential`). None: this is the only look.
    """
    seeds = first.shape[-1]
    upper, lower = (_t(contrast) for contrast in contrasts(first, second, margin))
    possible = np.ones(upper.shape, bool)
    if margin.scale == "ratio":
        possible = _t(first) > t_quantile(seeds - 1)
    near, far = critical(same, seeds, maximum), critical(different, seeds, maximum)
    within = possible & (upper < -near) & (lower > near)
    beyond = possible & ((upper > far) | (lower < -far))
    return within, beyond & ~within


def judge(
    first: Sequence[float],
    second: Sequence[float],
    margin: Margin,
    alpha: float = 0.05,
    maximum: int | None = None,
) -> Verdict:
    """Verdict on paired scores, a number a seed each.

    "equivalent" by two one-sided t tests at `alpha` (Schuirmann 1987), even where equality is ruled
    out; "different" if a bound of the margin is surely passed, at alpha / 2: then two directions
    together are called different wrongly with probability `alpha` at most. Below three seeds there
    is no claim. `maximum`: as in `decide`. Raises ValueError for scores that are not finite, or
    more seeds than `maximum`.
    """
    x, y = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("differences must be finite")
    count, most = len(x), maximum or MAXIMUM_SEEDS
    if count < MINIMUM_SEEDS:
        missing = MINIMUM_SEEDS - count
        text = f"{_seeds(count)}: no claim beyond the runs made; at least {missing} more needed"
        return Verdict("cannot tell yet", missing, text, missing, most)
    within, beyond = decide(x, y, margin, alpha, alpha / 2, maximum)
    where = f"±{margin.value:.4g}" if margin.scale == "difference" else f"{margin.value:.4g}"
    if margin.scale == "ratio" and not _t(x) > t_quantile(count - 1):
        text = f"{_seeds(count)}: {NOT_POSITIVE}"
        return Verdict("cannot tell yet", None, text, None, most, no_ratio=True)
    what = _interval_text(x, y, margin, alpha, maximum)
    if within:
        return Verdict("equivalent", None, f"{what}: within the margin of {where}", None, most)
    if beyond:
        return Verdict("different", None, f"{what}: beyond the margin of {where}", None, most)
    least, further = further_seeds(x, y, margin, alpha, maximum)
    open_ = Verdict("cannot tell yet", further, "", least, most)
    text = f"{what}: reaches the margin of {where}; {open_.needed}"
    return replace(open_, reason=text)


def verdict(
    differences: Sequence[float], margin: float, alpha: float = 0.05, maximum: int | None = None
) -> Verdict:
    """`judge` for a margin of the difference. `differences`: first minus second, one a seed."""
    gaps = np.asarray(differences, np.float64)
    return judge(gaps, np.zeros_like(gaps), Margin(margin), alpha, maximum)  # type: ignore[arg-type]


def further_seeds(
    first: np.ndarray,
    second: np.ndarray,
    margin: Margin,
    alpha: float = 0.05,
    maximum: int | None = None,
    power: float = POWER,
) -> tuple[int | None, int | None]:
    """(likely least, likely most) further seeds that truly equal backends need, with `power`.

    From the standard deviation as observed, and from its upper limit; never from the observed
    difference, which would promise few seeds to whoever was lucky. None: more than the maximum.
    """
    count = len(first)
    effects = _effects(first, second, margin)
    widen = math.sqrt((count - 1) / float(chdtri(count - 1, CERTAINTY)))
    found = []
    for factor in (1.0, widen):
        total = _total([effect / factor for effect in effects], alpha, maximum, power, count + 1)
        found.append(None if total is None else total - count)
    return found[0], found[1]


def seeds_for_power(
    first: Sequence[float],
    second: Sequence[float],
    margin: Margin,
    alpha: float = 0.05,
    power: float = POWER,
) -> int | None:
    """Seeds in all that equal backends would need, in one look, with the spread as observed.

    `first`, `second`: paired scores, three seeds at least. None: more than MAXIMUM_SEEDS, or a
    ratio of means that are not positive.
    """
    x, y = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if margin.scale == "ratio" and not float(x.mean() + y.mean()) > 0:
        return None
    return _total(_effects(x, y, margin), alpha, None, power, MINIMUM_SEEDS)


def _effects(first: np.ndarray, second: np.ndarray, margin: Margin) -> list[float]:
    """Distances of equal backends to either bound, in observed standard deviations."""
    deviations = [float(each.std(ddof=1)) for each in contrasts(first, second, margin)]
    gaps = [margin.value] * 2
    if margin.scale == "ratio":
        level = float(first.mean() + second.mean()) / 2
        gaps = [(margin.value - 1) * level, (1 - 1 / margin.value) * level]
    return [g / d if d > 0 else math.inf for g, d in zip(gaps, deviations, strict=True)]


def planned_seeds(
    margin: float, spread: float, alpha: float = 0.05, maximum: int | None = None, power=POWER
) -> int | None:
    """Seeds that equal backends are likely to need in all, before there are any.

    `margin`: of a ratio. `spread`: standard deviation over seeds of the log of that ratio. None:
    more than the maximum.
    """
    each = spread / math.sqrt(2)
    effects = [
        (margin - 1) / (each * math.sqrt(1 + margin**2)),
        (1 - 1 / margin) / (each * math.sqrt(1 + margin**-2)),
    ]
    return _total(effects, alpha, maximum, power, MINIMUM_SEEDS)


def _total(
    effects: Sequence[float], alpha: float, maximum: int | None, power: float, start: int
) -> int | None:
    """Least number of seeds at which both one-sided tests together have the power.

    `effects`: distance to either bound in standard deviations. That both reject has at least the
    probability 1 - sum of misses. Of a sequential design it is the power of that look alone; with
    the looks before it, it is a little more.
    """
    most, some = maximum or MAXIMUM_SEEDS, SOME
    while start <= most:
        seeds = np.arange(start, min(start + some, most + 1))
        bounds = np.array([critical(alpha, int(number), maximum) for number in seeds])
        missed = np.zeros(len(seeds))
        for effect in effects:
            shift, far = effect * np.sqrt(seeds), 8 * bounds
            # Far out nctdtr has no value, and the test is sure to reject.
            near = nctdtr(seeds - 1, np.minimum(shift, far), bounds)
            missed += np.where(shift < far, near, 0.0)
        enough = seeds[1 - missed >= power]
        if len(enough):
            return int(enough[0])
        start, some = start + some, 4 * some
    return None


def _t(values: np.ndarray) -> np.ndarray:
    """One-sample t statistic over the last axis; infinite where all values are the same."""
    mean, error = values.mean(-1), values.std(-1, ddof=1) / math.sqrt(values.shape[-1])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((error > 0) | (mean != 0), mean / error, 0.0)


def _interval_text(
    x: np.ndarray, y: np.ndarray, margin: Margin, alpha: float, maximum: int | None
) -> str:
    looks = "" if maximum is None else f", one look of up to {maximum - MINIMUM_SEEDS + 1}"
    if margin.scale == "ratio":
        return f"ratio {y.mean() / x.mean():.4g}, {_seeds(len(x))}{looks}"
    gaps = x - y
    half = critical(alpha, len(x), maximum) * float(gaps.std(ddof=1)) / math.sqrt(len(x))
    low, high = float(gaps.mean()) - half, float(gaps.mean()) + half
    zero = ", not zero" if low > 0 or high < 0 else ""
    return f"interval {low:.4g} to {high:.4g}{zero}, {_seeds(len(x))}{looks}"


def _noun(count: int | None) -> str:
    return "seed" if count == 1 else "seeds"


def _seeds(count: int) -> str:
    return f"{count} {_noun(count)}"
