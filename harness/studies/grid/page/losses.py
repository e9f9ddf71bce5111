"""The loss of both generators, and of both discriminators, as the optimisers see them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from harness.records.experiment import ExperimentFolder
from harness.records.run import RunRecord
from harness.report.comparison.losses import TAIL, conventions, curves
from harness.statistics.smoothing import smooth

Part = Literal["generators", "discriminators"]
STEADY = 0.1  # of the final level


def loss_curves(experiment: ExperimentFolder, runs: Sequence[RunRecord], part: Part) -> np.ndarray:
    """Sum of the weighted terms, float64 (runs, steps); NaN where not finite."""
    total = np.zeros(())
    for term, weight in conventions(experiment).objective.weights.items():
        of_discriminators = term.startswith(("discriminator", "penalty"))
        if weight and of_discriminators == (part == "discriminators"):
            total = total + weight * curves(runs, term)
    return total


def steady_from(curve: np.ndarray) -> int | None:
    """The step from which a run's smoothed loss stays within a tenth of its final level.

    `curve` float (steps,); the final level is the mean of the last tenth. None: not before that
    tenth, or not finite.
    """
    steps = len(curve)
    if steps < TAIL or not np.isfinite(curve).all():
        return None
    smoothed = smooth(curve[None])[0]
    tail = steps - steps // TAIL
    final = float(curve[tail:].mean())
    outside = np.flatnonzero(np.abs(smoothed - final) > STEADY * abs(final))
    first = int(outside[-1]) + 1 if len(outside) else 0
    return first if first < tail else None
