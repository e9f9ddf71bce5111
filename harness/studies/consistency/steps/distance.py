"""What of two trainings is compared after every step, and how far apart they are.

As rows of step 0 (the start) to N:

- weights: at most SAMPLE of them, of all four networks, the same ones everywhere. Biases in front
  of a norm are left out: their gradient is zero, so they drift by rounding and change no output.
- outputs: of both generators on PROBES test images each, floats in [-1, 1], at most SAMPLE values.
- losses: the eight terms of the step that led there.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from backends.interface import Backend, State
from backends.model import Model
from harness.plan.random_streams import stream

MEASURES = ("weights", "outputs", "losses")
SAMPLE = 2**16
PROBES = 2

Rows = dict[str, np.ndarray]


class Sample:
    """Which values of weights and outputs are compared: drawn once, the same in every process."""

    def __init__(self, base: Model):
        shapes = base.parameter_shapes()
        self.names = sorted(shapes.keys() - base.zero_gradients())
        self._weights = _choose("weights", sum(int(np.prod(shapes[name])) for name in self.names))

    def weights(self, state: State) -> np.ndarray:
        """(at most SAMPLE,) in the dtype of the state."""
        return np.concatenate([state[name].ravel() for name in self.names])[self._weights]

    def outputs(self, backend: Backend, images: dict[str, np.ndarray]) -> np.ndarray:
        """(at most SAMPLE,) values in [-1, 1] of both generators on the probes."""
        pairs = (("g_ab", "testA"), ("g_ba", "testB"))
        values = [
            backend.activations(network, np.array(images[split][:PROBES]))["output"].ravel()
            for network, split in pairs
        ]
        flat = np.concatenate(values)
        return flat[_choose("outputs", len(flat))]


def _choose(what: str, total: int) -> np.ndarray:
    if total <= SAMPLE:
        return np.arange(total)
    return np.sort(stream(0, f"sample/{what}").choice(total, SAMPLE, replace=False))


def nudge(array: np.ndarray, draw: str) -> np.ndarray:
    """Every entry one unit in the last place up or down, at random; zeros stay zero.

    Next to zero is a denormal number, which many kernels flush to zero.
    """
    up = stream(0, f"ulp/{draw}").random(array.shape) < 0.5
    towards = np.where(up, np.inf, -np.inf).astype(array.dtype)
    return np.where(array == 0, array, np.nextafter(array, towards))


def distances(reference: Rows, other: Rows) -> pd.DataFrame:
    """Relative distances, a row a step: `step weights outputs losses`.

    Weights and outputs: Euclidean norm of the difference over that of the reference. Losses: mean
    over terms of |difference| / |reference|, terms that are zero in both left out; none at step 0.
    """
    steps = len(reference["weights"])
    table = pd.DataFrame({"step": np.arange(steps)})
    for name in ("weights", "outputs"):
        pairs = zip(reference[name], other[name], strict=True)
        table[name] = [_relative(one, two) for one, two in pairs]
    pairs = zip(reference["losses"], other["losses"], strict=True)
    table["losses"] = [_relative_terms(one, two) for one, two in pairs]
    return table


def _relative(reference: np.ndarray, other: np.ndarray) -> float:
    one, two = reference.astype(np.float64), other.astype(np.float64)
    return float(np.linalg.norm(two - one) / np.linalg.norm(one))


def _relative_terms(reference: np.ndarray, other: np.ndarray) -> float:
    present = (reference != 0) | (other != 0)
    if not present.any():
        return float("nan")
    with np.errstate(divide="ignore"):
        apart = np.abs(other - reference)[present] / np.abs(reference[present])
    return float(np.mean(apart))
