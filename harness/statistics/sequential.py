"""A group-sequential design for paired t tests: a look after every seed, one error rate for all.

Looking again after every seed at the ordinary level would find a difference between equals in one
of five experiments. The design makes up for it: at look n of up to `maximum` seeds a one-sided test
rejects beyond c / n**0.15 in normal deviates, turned into a level and from there into a bound of
t with n - 1 degrees of freedom. The shape is between Pocock's (the same level at every look: few
seeds where the spread is small, little power where it is large) and O'Brien & Fleming's (almost
nothing at the first looks), as in Wang & Tsiatis 1987 with Delta = 0.35. `make calibrate` compares
shapes and counts errors under optional stopping.

Under normality the t statistics of a sequence whose mean is zero have one joint distribution,
whatever the spread; so `c` is a number. It was found by simulation: the quantile of the largest
normal deviate times n**0.15 over looks 3 to maximum, of three million sequences.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.special import ndtr, stdtrit

from harness.statistics.intervals import MINIMUM_SEEDS

SHAPE = 0.15
DEFAULT_MAXIMUM = 20
LARGEST_MAXIMUM = 100
ALPHAS = (0.05, 0.025, 0.01, 0.005, 0.0025, 0.001, 0.0005)
# Maximum number of seeds -> c for each of ALPHAS.
CONSTANTS = {
    3: (1.938, 2.310, 2.738, 3.035, 3.314, 3.655, 3.896),
    4: (2.239, 2.617, 3.053, 3.349, 3.622, 3.970, 4.208),
    5: (2.427, 2.807, 3.247, 3.546, 3.825, 4.164, 4.404),
    6: (2.565, 2.949, 3.392, 3.698, 3.978, 4.324, 4.556),
    7: (2.674, 3.062, 3.511, 3.818, 4.099, 4.452, 4.704),
    8: (2.764, 3.157, 3.612, 3.922, 4.207, 4.566, 4.817),
    9: (2.840, 3.238, 3.699, 4.012, 4.304, 4.658, 4.921),
    10: (2.908, 3.307, 3.774, 4.091, 4.388, 4.749, 5.009),
    11: (2.967, 3.370, 3.840, 4.163, 4.461, 4.832, 5.085),
    12: (3.020, 3.428, 3.902, 4.227, 4.528, 4.904, 5.167),
    13: (3.070, 3.480, 3.960, 4.286, 4.588, 4.968, 5.230),
    14: (3.116, 3.528, 4.012, 4.342, 4.647, 5.026, 5.294),
    15: (3.160, 3.572, 4.060, 4.392, 4.700, 5.084, 5.354),
    16: (3.200, 3.615, 4.106, 4.440, 4.756, 5.138, 5.415),
    17: (3.238, 3.654, 4.149, 4.485, 4.803, 5.193, 5.465),
    18: (3.272, 3.693, 4.189, 4.527, 4.847, 5.245, 5.525),
    19: (3.305, 3.728, 4.228, 4.566, 4.893, 5.292, 5.575),
    20: (3.337, 3.762, 4.264, 4.606, 4.935, 5.332, 5.623),
    25: (3.472, 3.909, 4.424, 4.782, 5.114, 5.533, 5.829),
    30: (3.585, 4.031, 4.558, 4.927, 5.265, 5.694, 6.014),
    40: (3.766, 4.227, 4.775, 5.157, 5.519, 5.963, 6.284),
    50: (3.908, 4.383, 4.953, 5.347, 5.716, 6.183, 6.496),
    75: (4.176, 4.679, 5.277, 5.696, 6.091, 6.569, 6.915),
    100: (4.373, 4.896, 5.528, 5.966, 6.375, 6.868, 7.225),
}


def nominal_level(alpha: float, seeds: int, maximum: int | None) -> float:
    """One-sided level of the look at `seeds` seeds, so that all looks together have `alpha`.

    `maximum`: seeds after which the design ends, 3 to 100, at least `seeds`; None: there is one
    look, and its level is `alpha`. Raises ValueError for numbers beyond that.
    """
    if maximum is None:
        return alpha
    if not MINIMUM_SEEDS <= maximum <= LARGEST_MAXIMUM:
        raise ValueError(f"a design of {MINIMUM_SEEDS} to {LARGEST_MAXIMUM} seeds, given {maximum}")
    if not MINIMUM_SEEDS <= seeds <= maximum:
        raise ValueError(f"a look at 3 to {maximum} seeds is in the design, given {seeds}")
    if alpha < ALPHAS[-1]:
        return alpha / (maximum - MINIMUM_SEEDS + 1)  # Bonferroni
    sizes = list(CONSTANTS)
    of_alpha = [
        np.interp(np.log(maximum), np.log(sizes), [CONSTANTS[size][column] for size in sizes])
        for column in range(len(ALPHAS))
    ]
    # Ascending for interp. A level above 5 % takes the bound of 5 %.
    constant = np.interp(np.log(alpha), np.log(ALPHAS[::-1]), of_alpha[::-1])
    return float(ndtr(-constant / seeds**SHAPE))


@lru_cache(maxsize=4096)
def critical(alpha: float, seeds: int, maximum: int | None) -> float:
    """Bound of a one-sided t test of the mean of `seeds` numbers; see `nominal_level`."""
    return float(stdtrit(seeds - 1, 1 - nominal_level(alpha, seeds, maximum)))
