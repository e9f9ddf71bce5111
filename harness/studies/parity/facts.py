"""Facts about one backend, and how far two sets of them are apart."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# (group, detail) -> array. A group is a row of the report, which names the worst of its details.
Facts = dict[tuple[str, str], np.ndarray]
Apart = Callable[[np.ndarray, np.ndarray], float]


def relative(expected: np.ndarray, measured: np.ndarray) -> float:
    """L2 distance in the size of `expected`; as it is where that is zero."""
    expected, measured = np.asarray(expected, np.float64), np.asarray(measured, np.float64)
    distance, size = np.linalg.norm(expected - measured), np.linalg.norm(expected)
    return float(distance / size if size else distance)


def largest(expected: np.ndarray, measured: np.ndarray) -> float:
    """Largest absolute difference of any element."""
    difference = np.asarray(expected, np.float64) - np.asarray(measured, np.float64)
    return float(np.abs(difference).max(initial=0.0))


def share(expected: np.ndarray, measured: np.ndarray) -> float:
    """Share of elements that differ at all."""
    return float(np.mean(np.asarray(expected) != np.asarray(measured)))


def worst(expected: Facts, measured: Facts, apart: Apart) -> dict[str, tuple[float, str]]:
    """Group -> how far its worst detail is apart, and which that is."""
    groups: dict[str, tuple[float, str]] = {}
    for group, detail in {**expected, **measured}:
        distance = _distance(expected, measured, (group, detail), apart)
        if group not in groups or distance > groups[group][0]:
            groups[group] = (distance, detail)
    return groups


def _distance(expected: Facts, measured: Facts, key: tuple[str, str], apart: Apart) -> float:
    """Infinite where one side lacks the fact or has it in another shape, and for NaN."""
    if key not in expected or key not in measured:
        return float("inf")
    if np.shape(expected[key]) != np.shape(measured[key]):
        return float("inf")
    distance = apart(expected[key], measured[key])
    # `max` passes over a NaN, but not over infinity.
    return distance if np.isfinite(distance) else float("inf")
