"""What the known scores, losses and times come to: over seeds, in units, as ratios, as verdicts."""

from __future__ import annotations

import math
from functools import cache

import known_backend as known
import numpy as np
from by_hand import Bounds, ratio_interval
from checks_scores import METRICS, score
from known_world import BLOCK, STEPS, TIMED
from scipy.stats import binom
from scipy.stats import t as student

RATIOS = {"kid_efflite0": 1.25, "fd_efflite0": 1.25, "fid": 1.25}
MARGINS = RATIOS | {
    "judge_accuracy": 0.02, "checkerboard": 1.0, "cycle_psnr": 0.5, "cycle_ssim": 0.02,
    "pair_psnr": 0.5, "pair_ssim": 0.02, "pair_mae": 1.0,
}  # fmt: skip
SCALES = {"kid_efflite0": 1000, "judge_accuracy": 100}
LOWER = ("kid_efflite0", "fd_efflite0", "fid", "checkerboard", "pair_mae")
ROWS = [(metric, direction) for metric in METRICS for direction in ("ab", "ba")]
PATHS = {"ab": "A → B", "ba": "B → A"}


# -------------------------------------------------------------------------------------- scores


def final(metric: str, direction: str, backend: str, step: int = STEPS) -> list[float]:
    """A number a seed."""
    found = [score(metric, direction, backend, seed, step) for seed in known.SEEDS]
    return [one.value for one in found if one is not None]


def gaps(metric: str, direction: str) -> list[float]:
    first, second = (final(metric, direction, name) for name in known.BACKENDS)
    return [x - y for x, y in zip(first, second, strict=True)]


def ratio(metric: str, direction: str) -> Bounds:
    return ratio_interval(*(final(metric, direction, name) for name in known.BACKENDS))


def p_values(metric: str, direction: str) -> tuple[float, float]:
    """Of "not within the margin" and of "not beyond it", one-sided t tests over seeds."""
    x, y = (np.array(final(metric, direction, name)) for name in known.BACKENDS)
    margin = MARGINS[metric]
    if metric in RATIOS:
        upper, lower = y - margin * x, y - x / margin
    else:
        upper, lower = x - y - margin, x - y + margin
    n = len(x)

    def t(values: np.ndarray) -> float:
        error = float(values.std(ddof=1)) / math.sqrt(n)
        return float(values.mean()) / error if error else math.copysign(math.inf, values.mean())

    above, below = (float(student.sf(side * t(v), n - 1)) for side, v in ((-1, upper), (1, lower)))
    over, under = (float(student.sf(side * t(v), n - 1)) for side, v in ((1, upper), (-1, lower)))
    return max(above, below), min(over, under)


@cache
def verdicts() -> dict[tuple[str, str], str]:
    """The primary score by itself; all others together, by Holm's steps."""
    labels = {}
    for row in ROWS[:2]:
        same_p, far_p = p_values(*row)
        labels[row] = "equivalent" if same_p < 0.05 else "different" if far_p < 0.025 else ""
    alike, apart = ({row: p_values(*row)[claim] for row in ROWS[2:]} for claim in (0, 1))
    for claim, label in ((apart, "different"), (alike, "equivalent")):
        left = len(claim)
        for row in sorted(claim, key=claim.__getitem__):
            level = min(0.05 / left, 0.025 if label == "different" else 1.0)
            if claim[row] >= level:
                break
            labels[row] = label
            left -= 1
    return {row: labels.get(row) or "cannot tell yet" for row in ROWS}


# -------------------------------------------------------------------------------------- losses


def last_tenth(backend: str, term: int) -> float:
    """Mean over the last two of twenty steps, then over seeds."""
    steps = range(STEPS - STEPS // 10, STEPS)
    means = [np.mean([known.loss(backend, s, step, term) for step in steps]) for s in known.SEEDS]
    return float(np.mean(means))


def factors(term: str) -> dict[str, float]:
    """From the recorded mean to each unit: 16 x 16 pixels of three channels, lambdas 8 and 12."""
    lambdas = {"a": 8.0, "b": 12.0}
    kind, _, side = term.partition("_")
    if kind == "adversarial":
        return {"mean": 1.0, "weighted": 1.0}
    if kind == "discriminator":
        return {"mean": 1.0, "weighted": 0.5}
    weight = lambdas[side] * (0.25 if kind == "identity" else 1.0)
    return {"mean": 1.0, "unnormalised": 768.0, "normalised": 0.5, "weighted": weight}


# -------------------------------------------------------------------------------------- timing


def block_means(backend: str, seed: int, what=known.step_seconds) -> dict[int, float]:
    """Of a step, by the first step of each timed block: no warm-up, nothing beside others."""
    cold = {0} | ({12} if (backend, seed) == ("torch", 2) else set())
    starts = {start: BLOCK for start in range(0, TIMED, BLOCK) if start not in cold}
    if (backend, seed) == known.DIES[:2]:
        del starts[8]
        starts |= {12: 1, 13: 1}
    return {
        start: float(np.mean([what(backend, seed, step) for step in range(start, start + count)]))
        for start, count in starts.items()
    }


def clean_blocks(backend: str, what=known.step_seconds) -> list[float]:
    """Of all seeds, those under load left out."""
    return [
        value
        for seed in known.SEEDS
        for start, value in block_means(backend, seed, what).items()
        if (backend, seed, start) != (*known.BUSY[:2], known.BUSY[2][0])
    ]


def pair_ratios(what=known.step_seconds) -> list[float]:
    """Second over first of blocks of the same seed and steps, both undisturbed."""
    ratios = []
    for seed in known.SEEDS:
        first, second = (block_means(backend, seed, what) for backend in known.BACKENDS)
        for start in sorted(first.keys() & second.keys()):
            whole = not (start == 12 and seed == known.DIES[1])
            if whole and (seed, start) != (known.BUSY[1], known.BUSY[2][0]):
                ratios.append(second[start] / first[start])
    return ratios


def median_interval(ratios: list[float]) -> Bounds:
    """Hettmansperger and Sheather's interval of a median, between ordered values."""
    ordered, n = np.sort(ratios), len(ratios)

    def coverage(k: int) -> float:  # of the k-th value from either end
        return 1 - 2 * float(binom.cdf(k - 1, n, 0.5))

    k = max(k for k in range(1, n // 2) if coverage(k) >= 0.95)
    share = (coverage(k) - 0.95) / (coverage(k) - coverage(k + 1))
    weight = (n - k) * share / (k + (n - 2 * k) * share)
    low = (1 - weight) * ordered[k - 1] + weight * ordered[k]
    high = (1 - weight) * ordered[n - k] + weight * ordered[n - k - 1]
    return float(np.median(ordered)), float(low), float(high)
