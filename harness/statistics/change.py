"""How much a quantity has changed, with which interval, and whether that is a regression."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.statistics.equivalence import Margin, judge, verdict
from harness.statistics.intervals import (
    CONFIDENCE,
    MINIMUM_SEEDS,
    Interval,
    interval_of_sum,
    seed_interval,
    t_interval,
)

Label = Literal["regression", "improvement", "unchanged", "cannot tell", "shown only"]


@dataclass(frozen=True)
class Change:
    """`change`: new over baseline of times and bytes, new minus baseline of scores.

    `limit`: the largest change allowed, as a share, or in the score's unit; None: no limit is set.
    `new`, `baseline`: means over `counts` starts, or over the seeds that both have. `days`: how
    many days of the baseline the interval of a ratio is over; 1: it is over starts. `judged`:
    whether the exit status depends on it. `limit_is_ratio`: a score's limit is of new over
    baseline, and 1.25 stands for 0.80 to 1.25.
    """

    quantity: str
    direction: str
    device: str
    backend: str
    new: float | None
    baseline: float | None
    change: Interval
    limit: float | None
    counts: tuple[int, int]
    label: Label
    judged: bool
    days: int = 1
    limit_is_ratio: bool = False


def between_starts(
    new: Sequence[float], baseline: Sequence[float], confidence: float = CONFIDENCE
) -> Interval:
    """Ratio of geometric means of `new` over `baseline`, one positive number a start each.

    Welch's t interval of the difference of mean logs, since starts of two days are not paired. It
    is about other starts on those two days: differences of the machine from day to day are in the
    ratio and not in the interval. No bounds below three starts on either side.
    """
    if not len(new) or not len(baseline):
        return Interval(None)
    logs = [np.log(np.asarray(values, np.float64)) for values in (new, baseline)]
    gap = float(logs[0].mean() - logs[1].mean())
    if min(len(new), len(baseline)) < MINIMUM_SEEDS:
        return Interval.of(gap).exp()
    variances = np.array([values.var(ddof=1) / len(values) for values in logs])
    freedoms = np.array([len(values) - 1 for values in logs])
    return interval_of_sum(gap, variances, freedoms, confidence).exp()


def against_days(
    new: Sequence[float], days: Sequence[Sequence[float]], confidence: float = CONFIDENCE
) -> Interval:
    """Ratio of `new`, measured on one day, over the mean of `days`; geometric means throughout.

    A t interval for one further day (variance 1 + 1 / days): it contains both the machine's
    differences from day to day and those between starts. No bounds below three days, or where
    `new` has fewer starts than any day and therefore varies more. One day: `between_starts`.
    """
    if len(days) == 1:
        return between_starts(new, days[0], confidence)
    if not len(new) or not days or not all(map(len, days)):
        return Interval(None)
    middles = np.array([np.log(day).mean() for day in days])
    gap = float(np.log(new).mean() - middles.mean())
    if len(days) < MINIMUM_SEEDS or len(new) < min(map(len, days)):
        return Interval.of(gap).exp()
    error = float(middles.std(ddof=1)) * math.sqrt(1 + 1 / len(days))
    return t_interval(gap, error, len(days) - 1, confidence).exp()


def ratio_label(ratio: Interval, limit: float) -> Label:
    """More is worse. A regression: the whole interval is beyond `limit`."""
    low, high = ratio.low, ratio.high
    if low is None or high is None:
        return "cannot tell"
    if low > 1 + limit:
        return "regression"
    if high < 1 / (1 + limit):
        return "improvement"
    return "unchanged" if low >= 1 / (1 + limit) and high <= 1 + limit else "cannot tell"


def score_against_days(
    new: float, days: Sequence[float], margin: Margin | None, better: str, error: float
) -> tuple[Interval, Label]:
    """`new` minus the mean of `days`, a mean over seeds each, in the unit of the score.

    A t interval for one further day (variance 1 + 1 / days); no claim below three days. A margin
    of a ratio is of `new` over the mean of the days. A regression, or an improvement: the whole
    interval is beyond the margin.
    """
    mean = float(np.mean(days))
    if len(days) < MINIMUM_SEEDS:
        interval = Interval.of(new - mean)
    else:
        spread = float(np.std(days, ddof=1)) * math.sqrt(1 + 1 / len(days))
        interval = t_interval(new - mean, spread, len(days) - 1, 1 - error)
    if margin is None:
        return interval, "shown only"
    if interval.low is None or interval.high is None:
        return interval, "cannot tell"
    low, high = -margin.value, margin.value
    if margin.scale == "ratio":
        if mean <= 0:
            return interval, "cannot tell"
        low, high = mean / margin.value - mean, mean * margin.value - mean
    if low <= interval.low and interval.high <= high:
        return interval, "unchanged"
    if interval.low > high or interval.high < low:
        worse = (interval.low > high) == (better == "lower")
        return interval, "regression" if worse else "improvement"
    return interval, "cannot tell"


def score_change(
    gaps: Sequence[float],
    margin: float | None,
    better: str,
    error: float,
    paired: tuple[Sequence[float], Sequence[float]] | None = None,
) -> tuple[Interval, Label]:
    """`gaps`: new minus baseline, a number a seed, in the unit of `margin`.

    `paired`: scores of the baseline and new ones, of the same seeds, for a margin of their ratio.

    As between backends: the t interval over seeds, and two one-sided tests against the margin, with
    `error` in place of 5 %. Below three seeds there is no claim.
    """
    interval = seed_interval(gaps, 1 - error)
    if margin is None or not len(gaps):
        return interval, "shown only" if margin is None else "cannot tell"
    if paired is None:
        label = verdict(gaps, margin, error).label
    else:
        label = judge(*paired, Margin(margin, "ratio"), error).label
    if label == "equivalent":
        return interval, "unchanged"
    if label == "different" and interval.value is not None:
        worse = (interval.value > 0) == (better == "lower")
        return interval, "regression" if worse else "improvement"
    return interval, "cannot tell"
