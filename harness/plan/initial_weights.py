"""The weights that a run begins with, drawn once with NumPy and given to all backends."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from backends.gan import GanModel
from backends.interface import State
from backends.model import Model
from harness.plan.random_streams import stream


def initial_state(
    model: Model | GanModel,
    objective: Any,
    seed: int,
    initial_weights: Literal["normal", "glorot_uniform"] = "normal",
) -> dict[str, np.ndarray]:
    """Weights newly drawn, biases 0, no steps taken, empty pools. float32, `step` int64.

    normal, the authors' choice: kernels N(0, 0.02) as DCGAN, scales of norms N(1, 0.02).
    glorot_uniform, Keras's: kernels as `glorot_limit`, scales 1. Running means 0, variances 1.
    """
    shapes = model.state_shapes(objective)
    state = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    state["step"] = np.array(0, np.int64)
    for name in model.statistic_shapes():
        if name.endswith("_norm/variance"):
            state[name] += 1
    normal = initial_weights == "normal"
    for name, shape in model.parameter_shapes().items():
        draw = stream(seed, f"weights/{name}")
        if name.endswith("/kernel"):
            limit = glorot_limit(shape)
            weights = draw.normal(0, 0.02, shape) if normal else draw.uniform(-limit, limit, shape)
            state[name] = weights.astype(np.float32)
        elif name.endswith("_norm/scale"):
            scales = draw.normal(1, 0.02, shape) if normal else np.ones(shape)
            state[name] = scales.astype(np.float32)
    return state | averages_of(state)


def averages_of(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Moving averages before the first step: the weights and statistics themselves."""
    return {name: state[name.partition("/")[2]] for name in state if name.startswith("average/")}


def nudged_weights(
    state: State, model: Model | GanModel, precision: Literal["float32", "float64"], draw: int
) -> dict[str, np.ndarray]:
    """Every weight of `state`, moved by one unit in the last place of `precision`.

    `draw`: which of the random choices between up and down; see `nudge`.
    """
    return {
        name: nudge(state[name].astype(precision), f"{name}/{draw}")
        for name in model.parameter_shapes()
    }


def nudge(array: np.ndarray, draw: str) -> np.ndarray:
    """Every entry one unit in the last place up or down, at random; zeros stay zero.

    Next to zero is a denormal number, which many kernels flush to zero.
    """
    up = stream(0, f"ulp/{draw}").random(array.shape) < 0.5
    towards = np.where(up, np.inf, -np.inf).astype(array.dtype)
    return np.where(array == 0, array, np.nextafter(array, towards))


def glorot_limit(shape: tuple[int, ...]) -> float:
    """Bound of the uniform distribution for a kernel (h, w, .., ..), or a matrix: Glorot & Bengio
    2010, eq. 16.

    Fans as Keras takes them, from a kernel's last two dimensions and whatever their order.
    """
    return math.sqrt(6 / (math.prod(shape[:-2]) * sum(shape[-2:])))
