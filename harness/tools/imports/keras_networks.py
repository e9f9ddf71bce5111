"""Generators that Keras has saved, where the networks here are the same: LynnHo's, and alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from backends.architecture import ResNetSpec, network_layers, parameter_shapes, statistic_shapes
from harness.system.errors import UserError

Tensors = Mapping[str, np.ndarray]
KINDS = {"conv": "conv", "resize_conv": "conv", "transposed_conv": "transposed"}
# What Keras and tensorflow_addons have by themselves, and no file shows.
UNSEEN = {"model.padding": "same", "model.transposed_crop": "last", "model.norm.epsilon": 1e-3}


def is_generator(tensors: Tensors) -> bool:
    """Discriminators double nothing."""
    return "transposed/0/kernel" in tensors


def settings_of(network: str, where: object, tensors: Tensors) -> dict[str, Any]:
    """As foreign_networks.settings_of, of a ResNet. Raises UserError for anything else."""
    convs, ups, norms = (_count(tensors, kind) for kind in ("conv", "transposed", "norm"))
    blocks, odd = divmod(convs - 4, 2)
    stem, head = tensors.get("conv/0/kernel"), tensors.get(f"conv/{convs - 1}/kernel")
    sevens = all(array is not None and array.shape[:2] == (7, 7) for array in (stem, head))
    if ups != 2 or odd or blocks < 0 or not sevens or norms not in (0, 5 + 2 * blocks):
        raise UserError(
            f"{where}: {convs} convolutions, {ups} transposed ones and {norms} norms; of Keras only"
            " ResNet generators with two transposed convolutions are imported, as LynnHo's"
        )
    assert stem is not None and head is not None
    source, target = network[-2], network[-1]
    bias = "conv/1/bias" in tensors
    kind = "batch" if "norm/0/mean" in tensors else "instance" if norms else "none"
    values = {
        "model.generator": "resnet",
        "model.blocks": blocks,
        "model.filters": stem.shape[3],
        "model.upsampling": "transposed",
        f"data.channels_{source}": stem.shape[2],
        f"data.channels_{target}": head.shape[3],
        "model.norm.kind": kind,
        "model.norm.affine": "norm/0/scale" in tensors,
        "model.bias": bias,
        "model.stem_bias": "conv/0/bias" in tensors and not bias,
    }
    if stem.shape[2] != head.shape[3]:
        values["objective.identity"] = 0.0
    return values


def canonical(where: object, tensors: Tensors, spec: ResNetSpec) -> dict[str, np.ndarray]:
    """As foreign_networks.canonical. Keras's layouts are ours."""
    layers = network_layers(spec)
    numbers, theirs = dict.fromkeys(("conv", "transposed", "norm"), 0), {}
    for layer in layers:
        kind = KINDS[layer.kind]
        theirs[layer.name] = f"{kind}/{numbers[kind]}"
        numbers[kind] += 1
        if layer.norm:
            theirs[f"{layer.name}_norm"] = f"norm/{numbers['norm']}"
            numbers["norm"] += 1
    arrays, used = {}, set()
    for ours, shape in {**parameter_shapes(layers), **statistic_shapes(layers)}.items():
        module, _, part = ours.rpartition("/")
        name = f"{theirs[module]}/{part}"
        array = tensors.get(name)
        if array is None or array.shape != shape:
            found = "is not there" if array is None else f"has shape {array.shape}"
            raise UserError(f"{where}: {name} {found}, {ours} needs {shape}")
        if not np.isfinite(array).all():
            raise UserError(f"{where}: {name} has numbers that are not finite; copy it again")
        arrays[ours] = array
        used.add(name)
    if unknown := sorted(tensors.keys() - used):
        raise UserError(f"{where}: {unknown[0]} is in it, which no network here has")
    return arrays


def _count(tensors: Tensors, kind: str) -> int:
    return len({name.split("/")[1] for name in tensors if name.startswith(f"{kind}/")})
