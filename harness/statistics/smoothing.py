"""Curves smoothed for a picture."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

PARTS = 40  # a curve is smoothed over this part of its run
LONG = 50_000  # steps, more than any picture shows
PLACES = PARTS * 21 + 1


def smooth(values: np.ndarray) -> np.ndarray:
    """Centred running median over a fortieth of the run, then its running mean.

    `values`: float (runs, steps), and so is the result. Of runs longer than LONG the medians are
    taken at PLACES places and interpolated in between: windows of neighbouring steps share all but
    one value.
    """
    steps = values.shape[1]
    if steps > LONG:
        return np.stack([_smooth_long(row) for row in values])
    frame = pd.DataFrame(values.T)
    rolling = _centred(max(1, steps // PARTS))
    return frame.rolling(**rolling).median().rolling(**rolling).mean().to_numpy().T


def _smooth_long(values: np.ndarray) -> np.ndarray:
    """`smooth` of one run (steps,); it differs by less than the width of a drawn line."""
    steps, window = len(values), len(values) // PARTS
    places = np.linspace(0, steps - 1, PLACES).round().astype(int)
    starts = np.maximum(0, places - window // 2)
    medians = [
        _median(values[start : place + (window + 1) // 2])
        for start, place in zip(starts, places, strict=True)
    ]
    means = pd.Series(medians).rolling(**_centred(PLACES // PARTS)).mean().to_numpy()
    return np.interp(np.arange(steps), places, means)


def _centred(window: int) -> dict[str, Any]:
    return {"window": window, "center": True, "min_periods": 1}


def _median(values: np.ndarray) -> float:
    """Of the values that are not NaN, or NaN. `np.nanmedian` takes six times as long."""
    kept = values[~np.isnan(values)]
    if not len(kept):
        return math.nan
    middle = len(kept) // 2
    # One selection, and a maximum where the median lies between two values.
    partitioned = np.partition(kept, middle)
    if len(kept) % 2:
        return float(partitioned[middle])
    return float((partitioned[:middle].max() + partitioned[middle]) / 2)
