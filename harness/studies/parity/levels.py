"""Rung 9: uint8 images in, uint8 images out."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from backends.interface import Direction
from backends.model import ImageShape, Model
from harness.studies.parity.backend_cache import BackendCache
from harness.studies.parity.facts import Facts
from harness.studies.parity.parity_case import SCENES, used_state

DIRECTIONS: tuple[Direction, ...] = ("ab", "ba")


def inputs(cache: BackendCache, name: str) -> Facts:
    """All 256 levels as the networks get them."""
    backend = cache.backend(name, "float64")
    return {
        ("levels in", network): backend.activations(network, _levels(cache, network))["input"]
        for network in ("g_ab", "d_a")
    }


def inputs_written_out(cache: BackendCache, name: str) -> Facts:
    """Level / 127.5 - 1."""
    return {
        ("levels in", network): _levels(cache, network) / 127.5 - 1 for network in ("g_ab", "d_a")
    }


def outputs(cache: BackendCache, name: str) -> Facts:
    """Translations by a generator that puts out one value per channel whatever it is given."""
    backend, model = cache.backend(name, "float64"), cache.case.model
    facts: Facts = {}
    for case in CASES:
        state = used_state(model, cache.case.objective)
        for direction in DIRECTIONS:
            generator = f"g_{direction}"
            state[f"{generator}/head/kernel"][:] = 0
            state[f"{generator}/head/bias"] = _biases(case, _target(model, direction)[-1])
        backend.load_state(state)
        for direction in DIRECTIONS:
            images = np.zeros((1, *model.input_shape(f"g_{direction}")), np.uint8)
            facts["levels out", f"{direction}, {case}"] = backend.translate(images, direction)
    return facts


def outputs_written_out(cache: BackendCache, name: str) -> Facts:
    """(tanh + 1) * 127.5 to the nearest level, halves to the even one, or down."""
    model = cache.case.model
    facts: Facts = {}
    for case in CASES:
        for direction in DIRECTIONS:
            height, width, channels = _target(model, direction)
            scaled = (np.tanh(_biases(case, channels)) + 1) * 127.5
            rounded = np.floor(scaled) if model.rounding == "down" else np.round(scaled)
            levels = np.clip(rounded, 0, 255).astype(np.uint8)
            facts["levels out", f"{direction}, {case}"] = np.tile(levels, (1, height, width, 1))
    return facts


def translations(cache: BackendCache, name: str) -> Facts:
    """Float32 translations as users get them."""
    case, backend = cache.case, cache.backend(name, "float32")
    return {
        ("float32 translations", direction): backend.translate(
            case.cut(network, 0, SCENES, case.size(network), case.size(network)), direction
        )
        for direction in DIRECTIONS
        for network in (f"g_{direction}",)
    }


def _levels(cache: BackendCache, network: str) -> np.ndarray:
    """uint8 (1, H, W, C): every level in every channel, no channel like another."""
    height, width, channels = cache.case.model.input_shape(network)
    ramp = np.arange(height * width) % 256
    levels = np.stack([ramp, 255 - ramp, (ramp + 100) % 256], axis=-1)[:, :channels]
    return levels.reshape(1, height, width, channels).astype(np.uint8)


def _target(model: Model, direction: Direction) -> ImageShape:
    return model.shape_b if direction == "ab" else model.shape_a


Case = Literal["halves", "ends", "between"]
CASES: tuple[Case, ...] = get_args(Case)


def _biases(case: Case, channels: int) -> np.ndarray:
    if case == "halves":
        # 127.5 goes to 128 and 126.5 to 126 if halves go to the even level.
        return np.resize([0.0, np.arctanh(-1 / 127.5)], channels)
    if case == "ends":
        return np.resize([-20.0, 20.0], channels)
    return np.random.Generator(np.random.Philox(3)).normal(0, 1, channels)
