"""Why the sequential design has its shape: seeds and power of others with the same error rate.

Bounds of look n in normal deviates fall as c / n**shape: 0 is Pocock's, the same level at every
look; 0.5 is O'Brien & Fleming's. `c` is simulated here anew for each shape, by another way than the
table of `harness.statistics.sequential` was: cumulative sums of every sequence.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from benchmarks.coverage.sequential_studies import ALPHA, RATIO, SPREADS, scores
from harness.statistics.equivalence import contrasts
from harness.statistics.intervals import MINIMUM_SEEDS
from harness.statistics.sequential import DEFAULT_MAXIMUM, SHAPE
from harness.system.terminal_tables import show

SHAPES = {0.0: "Pocock", SHAPE: "the design", 0.25: "", 0.5: "O'Brien & Fleming"}
SEQUENCES = 100_000
LOOKS = np.arange(MINIMUM_SEEDS, DEFAULT_MAXIMUM + 1)


@dataclass(frozen=True)
class ShapeRow:
    """Of equal backends: share found equivalent and mean number of seeds; of a true ratio of 1.6
    the seeds until it is found different."""

    shape: float
    name: str
    spread: float
    equivalent: float
    seeds: float
    seeds_if_different: float


def t_statistics(values: np.ndarray) -> np.ndarray:
    """Of the first 3, 4, ... numbers of the last axis: float (..., looks)."""
    counts = np.arange(1, values.shape[-1] + 1)
    means = values.cumsum(-1) / counts
    squares = (values**2).cumsum(-1) - counts * means**2
    variances = np.maximum(squares, 1e-300) / np.maximum(counts - 1, 1)
    return (means / np.sqrt(variances / counts))[..., MINIMUM_SEEDS - 1 :]


def bounds(shape: float, alpha: float) -> np.ndarray:
    """Of t at each look (looks,), so that a mean of zero passes any of them with chance `alpha`."""
    draws = np.random.default_rng(11).standard_normal((SEQUENCES, DEFAULT_MAXIMUM))
    deviates = -ndtri(stdtr(LOOKS - 1, -t_statistics(draws)))
    constant = np.quantile((deviates * LOOKS**shape).max(-1), 1 - alpha)
    return -stdtrit(LOOKS - 1, ndtr(-constant / LOOKS**shape))


def shape_rows(repeats: int, report: Callable[[str, int, int], None]) -> list[ShapeRow]:
    rows = []
    for done, (shape, name) in enumerate(SHAPES.items()):
        report("shapes", done, len(SHAPES))
        near, far = bounds(shape, ALPHA), bounds(shape, ALPHA / 2)
        for spread in SPREADS:
            rng = np.random.default_rng(0)
            first, second = scores(rng, "lognormal", spread, repeats, DEFAULT_MAXIMUM)
            equivalent, _, seeds = _stopped(first, second, near, far)
            _, _, different = _stopped(first, 1.6 * second, near, far)
            rows.append(ShapeRow(shape, name, spread, equivalent, seeds, different))
    report("shapes", len(SHAPES), len(SHAPES))
    return rows


def _stopped(
    first: np.ndarray, second: np.ndarray, near: np.ndarray, far: np.ndarray
) -> tuple[float, float, float]:
    """Shares (equivalent, different) and the mean number of seeds."""
    upper, lower = map(t_statistics, contrasts(first, second, RATIO))
    same = np.asarray(((upper < -near) & (lower > near)).all(1))
    different = np.asarray(((upper > far) | (lower < -far)).any(1))
    ended = same | different
    at = np.where(ended.any(-1), ended.argmax(-1), len(LOOKS) - 1)
    every = np.arange(len(at))
    seeds = math.fsum(LOOKS[at].tolist()) / len(at)
    return float(same[every, at].mean()), float(different[every, at].mean()), seeds


def print_shapes(rows: list[ShapeRow], console: Console) -> None:
    title = "Other shapes of the sequential design: equal backends, and a true ratio of 1.6"
    table = Table("shape", "", title=title, title_justify="left")
    for column in ("spread", "equivalent", "seeds", "seeds, ratio 1.6"):
        table.add_column(column, justify="right")
    for row in rows:
        numbers = (f"{row.equivalent:.1%}", f"{row.seeds:.1f}", f"{row.seeds_if_different:.1f}")
        table.add_row(f"n^{row.shape:g}", row.name, f"{row.spread:g}", *numbers)
    show(table, console)
