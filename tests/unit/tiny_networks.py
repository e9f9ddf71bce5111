"""Both backends with networks and images of next to nothing, for tests of what they minimise."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Literal

import numpy as np

import backends
from backends.architecture import DiscriminatorSpec, ResNetSpec, UNetSpec
from backends.interface import POOL_PASS, Backend, Batch, PoolDecision, Runtime
from backends.model import Model
from backends.objective import RECORDED, Objective
from harness.plan.initial_weights import initial_state
from harness.system import provenance

Precision = Literal["float32", "float64", "bfloat16"]
SIZE = 16
RESNET = ResNetSpec(filters=2, blocks=0)
UNET = UNetSpec(filters=2, depth=3, dropout=0.5)
SHALLOW = UNetSpec(filters=2, depth=2)  # the fewest operations, where steps are compiled
PATCH = DiscriminatorSpec(filters=2, layers=1)
# One weight a channel and pixel: what its scores depend on can be written down.
LINEAR = DiscriminatorSpec(kind="pixel", filters=1, norm=None, slope=1.0)


def model(generator=RESNET, discriminator=PATCH, size: int = SIZE) -> Model:
    shape = (size, size, 3)
    return Model(shape, shape, generator, generator, discriminator, discriminator)


def build(
    name: str,
    networks: Model,
    objective: Objective,
    precision: Precision = "float64",
    compiled: Literal["none", "default"] = "none",
) -> Backend:
    """With image pools of two."""
    runtime = Runtime(threads=provenance.default_threads(), precision=precision, compile=compiled)
    return backends.load(name, networks, replace(objective, pool_size=2), runtime)


@cache
def shared(
    name: str, networks: Model, objective: Objective, precision: Precision = "float64"
) -> Backend:
    """As `build`, once: for tests that change only what `load_state` sets, and losses."""
    return build(name, networks, objective, precision)


def drawn_state(networks: Model, objective: Objective, seed: int = 0) -> dict[str, np.ndarray]:
    """Every weight away from zero; optimiser and pools as new."""
    state = initial_state(networks, replace(objective, pool_size=2), 0)
    draw = np.random.default_rng(seed)
    for name in networks.parameter_shapes():
        state[name] = draw.normal(0, 0.3, state[name].shape)
    return state


def constant_state(networks: Model, objective: Objective, **heads: float) -> dict[str, np.ndarray]:
    """Kernels of zero: every network puts out a constant, set by the bias of its head."""
    state = initial_state(networks, replace(objective, pool_size=2), 0)
    state = {name: np.zeros_like(array, np.float64) for name, array in state.items()}
    for network, bias in heads.items():
        state[f"{network}/head/bias"] += bias
    return {**state, "step": np.array(0, np.int64)}


def decide(count: int, action: int = POOL_PASS, slot: int = 0, drawn=()) -> PoolDecision:
    return PoolDecision(
        np.full(count, action, np.int32),
        np.full(count, slot, np.int32),
        np.array(drawn, np.int32),
    )


def batch(seed: int = 0, count: int = 2, size: int = SIZE, **changes) -> Batch:
    """Images out of a hat, pools that hand everything on, and rates of zero but for `changes`."""
    draw = np.random.default_rng(seed)
    a, b = (draw.integers(256, size=(count, size, size, 3), dtype=np.uint8) for _ in "ab")
    mix = draw.random(count)
    given = Batch(a, b, decide(count), decide(count), mix, mix[::-1].copy(), {}, 0.0, 0.0)
    return given._replace(**changes)


def recorded(backend: Backend, one: Batch) -> dict[str, float]:
    """What a step says of itself."""
    backend.losses()
    backend.train_step(one)
    return dict(zip(RECORDED, backend.losses()[0].tolist(), strict=True))
