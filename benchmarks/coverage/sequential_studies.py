"""The sequential design: errors, power and seeds under optional stopping, simulated.

Two backends are compared as `--seeds auto` compares them: one score in two directions, a look after
every seed from the third on, until the verdict is equivalent or different, or the design ends.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchmarks.coverage.rows import Line, Outcome, Study
from harness.statistics.equivalence import Margin, decide
from harness.statistics.intervals import MINIMUM_SEEDS
from harness.statistics.sequential import DEFAULT_MAXIMUM

RATIO = Margin(1.25, "ratio")
ALPHA = 0.05
ALLOWED = 0.01  # as of other verdicts: a hundredth more often wrong than meant
SPREADS = (0.06, 0.10, 0.15, 0.25)  # standard deviation of the log ratio over seeds
RATIOS = (1.0, 1.1, 1.25, 1.6)
Shape = Literal["normal", "heavy tails", "lognormal"]


@dataclass(frozen=True)
class Stopped:
    """Per repeat: what was decided, and after how many seeds. Arrays (repeats,)."""

    equivalent: np.ndarray
    different: np.ndarray
    seeds: np.ndarray


@dataclass(frozen=True)
class DesignRow:
    """Shares and mean number of seeds, at a true ratio and spread."""

    spread: float
    ratio: float
    equivalent: float
    different: float
    seeds: float


def stop(first: np.ndarray, second: np.ndarray, maximum: int, margin: Margin = RATIO) -> Stopped:
    """Look after every seed. `first`, `second`: scores (repeats, directions, seeds), `maximum` at
    least as many as seeds: the levels are those of its design."""
    repeats, _, available = first.shape
    same, different = np.zeros(repeats, bool), np.zeros(repeats, bool)
    seeds = np.full(repeats, available)
    for count in range(MINIMUM_SEEDS, available + 1):
        open_ = ~(same | different)
        equal, apart = decide(
            first[open_, :, :count], second[open_, :, :count], margin, ALPHA, ALPHA / 2, maximum
        )
        ends = equal.all(1) | apart.any(1)
        places = np.flatnonzero(open_)
        same[places], different[places] = equal.all(1), apart.any(1)
        seeds[places[ends]] = count
    return Stopped(same, different, seeds)


def scores(
    rng: np.random.Generator, shape: Shape, spread: float, repeats: int, seeds: int
) -> np.ndarray:
    """Scores (2 backends, repeats, 2 directions, seeds) with mean 1; a backend's standard deviation
    is spread / sqrt(2), so that of the log ratio is about `spread`."""
    each, size = spread / math.sqrt(2), (2, repeats, 2, seeds)
    if shape == "heavy tails":
        return 1 + each * rng.standard_t(4, size) / math.sqrt(2)  # the variance of t with 4 is 2
    if shape == "lognormal":
        sigma = math.sqrt(math.log1p(each**2))
        return np.exp(sigma * rng.standard_normal(size) - sigma**2 / 2)
    return 1 + each * rng.standard_normal(size)


def design_rows(repeats: int, report: Callable[[str, int, int], None]) -> list[DesignRow]:
    """Power and seeds of the design with the default maximum; lognormal scores."""
    rows = []
    for done, spread in enumerate(SPREADS):
        report("power", done, len(SPREADS))
        for ratio in RATIOS:
            rng = np.random.default_rng(0)
            first, second = scores(rng, "lognormal", spread, repeats, DEFAULT_MAXIMUM)
            got = stop(first, ratio * second, DEFAULT_MAXIMUM)
            shares = float(got.equivalent.mean()), float(got.different.mean())
            rows.append(DesignRow(spread, ratio, *shares, float(got.seeds.mean())))
    report("power", len(SPREADS), len(SPREADS))
    return rows


def _study(shape: Shape, spread: float) -> Study:
    def once(rng: np.random.Generator) -> dict[str, Outcome]:
        first, second = scores(rng, shape, spread, 1, DEFAULT_MAXIMUM)
        at_bound = stop(first, RATIO.value * second, DEFAULT_MAXIMUM)
        equal = stop(first, second, DEFAULT_MAXIMUM)
        return {
            "equivalent": not at_bound.equivalent[0],
            "different": not at_bound.different[0],
            "zero": not equal.different[0],
        }

    setting = f"up to {DEFAULT_MAXIMUM} seeds, spread {spread:g}, {shape}"
    at, equals = "SEEDS=auto, ratio = margin", "SEEDS=auto, equal backends"
    limit = "a t test of few seeds is not made for such tails"
    printed = shape == "normal"
    lines = tuple(
        Line(key, quantity, setting, claim, "printed" if printed else "limit",
             required=1 - error - ALLOWED, reason="" if printed else limit)
        for key, quantity, claim, error in (
            ("equivalent", at, 'not "equivalent" (5%)', 0.05),
            ("different", at, 'not "different" (5%)', 0.05),
            ("zero", equals, 'not "different"', 0.0),
        )
    )  # fmt: skip
    return Study(f"sequential {shape} {spread}", "sequential", 10000, once, lines)


STUDIES: tuple[Study, ...] = (
    _study("normal", 0.10),
    _study("heavy tails", 0.10),
    _study("lognormal", 0.25),
)
