"""What a series of timed blocks shows: where it is warm, whether it drifts, when it is enough, and
which of its blocks other programs disturbed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.statistics.intervals import (
    CONFIDENCE,
    LEAST_STARTS,
    MINIMUM_PAIRS,
    Interval,
    t_quantile,
    width,
)

SETTLED = 0.05  # by which share a warm block may be slower than those after it
# Of the CPU time there was, what others may take of it before a block says more about them than
# about a framework: a tenth of a core where there are two. Of many cores a share hides that one of
# them is taken, for which the threads on all others wait: there it is a quarter of a core.
LOAD_LIMIT = 0.05
LOAD_CPUS = 0.25
TICK = 0.01  # seconds: the unit in which Linux counts CPU time, on each CPU
MOST_STARTS = 10_000  # stands for this number or more


@dataclass(frozen=True)
class Drift:
    """Change from the first to the last block as a share of the median, with its interval."""

    change: Interval

    @property
    def certain(self) -> bool:
        low, high = self.change.low, self.change.high
        return low is not None and high is not None and not low <= 0 <= high


def cold_blocks(seconds: np.ndarray) -> int:
    """How many blocks at the beginning are warm-up; at most half of them.

    `seconds`: float (blocks,), a step. Warm-up ends with the first block that takes at most 5 %
    more than the median of those after it. So a slow block later is no warm-up.
    """
    for start in range(len(seconds) // 2):
        if seconds[start] <= (1 + SETTLED) * np.median(seconds[start + 1 :]):
            return start
    return len(seconds) // 2


def load_limit(cpus: int) -> float:
    """The share of the time of so many CPUs that others may take."""
    return min(LOAD_LIMIT, LOAD_CPUS / max(1, cpus))


def under_load(load: np.ndarray, seconds: np.ndarray, cpus: int) -> np.ndarray:
    """Which blocks others disturbed, bool (blocks,).

    `load`: float (blocks,), the share of the CPU time that others, the hypervisor and limits took
    together; NaN where it is not known, which counts as none. `seconds`: of each block. In a short
    block one unit of Linux's counter is a large share, so it is allowed on top of the limit.
    """
    limits = load_limit(cpus) + TICK / np.maximum(np.asarray(seconds, np.float64), TICK)
    return np.nan_to_num(np.asarray(load, np.float64), nan=0.0) > limits


def drift(seconds: np.ndarray) -> Drift:
    """By the Theil-Sen slope over blocks, which a few outliers do not move."""
    if len(seconds) < MINIMUM_PAIRS:
        return Drift(Interval(None))
    from scipy.stats import theilslopes  # takes half a second

    line = theilslopes(seconds, alpha=CONFIDENCE)
    scale = (len(seconds) - 1) / float(np.median(seconds))
    bounds = (line.slope * scale, line.low_slope * scale, line.high_slope * scale)
    return Drift(Interval.of(*map(float, bounds)))


def outliers(seconds: np.ndarray) -> int:
    """How many blocks took longer than the upper quartile by 1.5 interquartile ranges (Tukey).

    They are counted, not left out: the median and its interval tolerate them.
    """
    if len(seconds) < 4:
        return 0
    low, high = np.quantile(seconds, (0.25, 0.75))
    return int((seconds > high + 1.5 * (high - low)).sum())


def more_starts(ratio: Interval, starts: int, wanted: float, confidence: float = CONFIDENCE) -> int:
    """About how many more starts make the interval as narrow as `wanted`, and not by luck.

    Its width falls with the square root of their number, and with the quantile of t. At most
    MOST_STARTS.
    """
    current, more = width(ratio), max(0, LEAST_STARTS - starts)
    if not math.isfinite(current):
        return max(1, more)
    unit = current * math.sqrt(starts) / t_quantile(starts - 1, confidence)
    while (
        more < MOST_STARTS
        and unit * t_quantile(starts + more - 1, confidence) / math.sqrt(starts + more) > wanted
    ):
        more += 1
    return more
