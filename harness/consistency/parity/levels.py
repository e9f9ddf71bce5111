"""Rung 9: uint8 images in, uint8 images out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np

from backends.interface import Direction, Model
from harness.consistency.parity.facts import Facts
from harness.consistency.parity.lab import Lab
from harness.consistency.parity.subject import used_state

DIRECTIONS: tuple[Direction, ...] = ("ab", "ba")


def inputs(lab: Lab, name: str) -> Facts:
    """All 256 levels as the networks get them."""
    backend = lab.backend(name, "float64")
    return {
        ("levels in", network): backend.activations(network, _levels(lab))["input"]
        for network in ("g_ab", "d_a")
    }


def inputs_written_out(lab: Lab, name: str) -> Facts:
    """Level / 127.5 - 1."""
    return {("levels in", network): _levels(lab) / 127.5 - 1 for network in ("g_ab", "d_a")}


def outputs(lab: Lab, name: str) -> Facts:
    """Translations by a generator that puts out one value per channel whatever it is given."""
    backend, model = lab.backend(name, "float64"), lab.subject.model
    images = np.zeros((1, lab.subject.size, lab.subject.size, 3), np.uint8)
    facts: Facts = {}
    for case, biases in _biases(model):
        state = used_state(model, lab.subject.objective)
        for generator in ("g_ab", "g_ba"):
            state[f"{generator}/head/kernel"][:] = 0
            state[f"{generator}/head/bias"] = biases
        backend.load_state(state)
        for direction in DIRECTIONS:
            translated = backend.translate(images, direction)
            facts["levels out", f"{direction}, {case}"] = translated
    return facts


def outputs_written_out(lab: Lab, name: str) -> Facts:
    """(tanh + 1) * 127.5 to the nearest level, halves to the even one, or down."""
    model = lab.subject.model
    size = lab.subject.size
    facts: Facts = {}
    for case, biases in _biases(model):
        scaled = (np.tanh(biases) + 1) * 127.5
        rounded = np.floor(scaled) if model.rounding == "down" else np.round(scaled)
        levels = np.clip(rounded, 0, 255).astype(np.uint8)
        for direction in DIRECTIONS:
            facts["levels out", f"{direction}, {case}"] = np.tile(levels, (1, size, size, 1))
    return facts


def translations(lab: Lab, name: str) -> Facts:
    """Float32 translations as users get them."""
    size, backend = lab.subject.size, lab.backend(name, "float32")
    images = {"ab": lab.subject.summer, "ba": lab.subject.winter}
    return {
        ("float32 translations", direction): backend.translate(
            np.ascontiguousarray(images[direction][:, :size, :size]), direction
        )
        for direction in DIRECTIONS
    }


def _levels(lab: Lab) -> np.ndarray:
    """uint8 (1, H, W, 3): every level in every channel, no channel like another."""
    size = lab.subject.size
    ramp = np.arange(size * size) % 256
    levels = np.stack([ramp, 255 - ramp, (ramp + 100) % 256], axis=-1)
    return levels.reshape(1, size, size, 3).astype(np.uint8)


Case = Literal["halves", "ends", "between"]


def _biases(model: Model) -> Iterator[tuple[Case, np.ndarray]]:
    channels = model.g_ab.out_channels
    # 127.5 goes to 128 and 126.5 to 126 if halves go to the even level.
    yield "halves", np.resize([0.0, np.arctanh(-1 / 127.5)], channels)
    yield "ends", np.resize([-20.0, 20.0], channels)
    yield "between", np.random.Generator(np.random.Philox(3)).normal(0, 1, channels)
