"""Curves as another code has written them, before anything is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Curve:
    """`steps` int64 (n,), ascending, each once; `values` float64 (n,), which may be NaN."""

    steps: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class Curves:
    """By the name they have in their source. `assumed`: a sentence for each guess made."""

    by_name: Mapping[str, Curve]
    assumed: tuple[str, ...] = ()


def curve_of(points: Mapping[int, float]) -> Curve:
    """Step -> value, in whatever order."""
    steps = np.array(sorted(points), np.int64)
    return Curve(steps, np.array([points[step] for step in steps.tolist()], np.float64))
