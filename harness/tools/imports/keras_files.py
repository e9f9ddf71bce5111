"""Weights as Keras and TensorFlow 2 save them, by kind of layer: HDF5 files, and checkpoints.

Names are `conv/0/kernel`, `transposed/1/bias`, `norm/2/scale`: the layers of a kind are counted in
the order in which images pass them.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tensorflow as tf

from harness.system.errors import UserError
from harness.system.untrusted import check_file, reason, shown

MOST = 4 * 2**30  # bytes
MOST_LAYERS = 2000
INSIDE = "model.weights.h5"  # of a .keras file
VARIABLE = re.compile(
    r"(\w+)/layer_with_weights-(\d{1,4})/(\w+)/\.ATTRIBUTES/VARIABLE_VALUE", re.ASCII
)
# Keras's name of a variable -> ours.
PARTS = {"kernel": "kernel", "bias": "bias", "gamma": "scale", "scale": "scale", "beta": "offset",
         "offset": "offset", "moving_mean": "mean", "moving_variance": "variance"}  # fmt: skip
# Of a layer whose variables have numbers alone.
IN_ORDER = {"conv": ("kernel", "bias"), "transposed": ("kernel", "bias"),
            "norm": ("scale", "offset", "mean", "variance")}  # fmt: skip

Tensors = dict[str, np.ndarray]
Layer = tuple[str, dict[str, np.ndarray]]  # its kind, its variables by our names


def read_keras(path: Path) -> tuple[dict[str, Tensors], list[str]]:
    """Network, or empty -> name -> array, of an HDF5, .keras or .index file; sentences.

    Raises UserError for whatever has no convolutions in it that can be put in order.
    """
    try:
        check_file(path, MOST)
        if path.suffix == ".index":
            found = _of_checkpoint(path.with_suffix(""))
        else:
            found = {"": _counted(_of_hdf5(path))}
    except Exception as error:  # whatever a file of another kind makes a parser raise
        raise UserError(
            f"{path}: no weights of Keras that are read here ({reason(error)}); give what"
            " model.save_weights wrote"
        ) from None
    return found, []


def _of_checkpoint(prefix: Path) -> dict[str, Tensors]:
    reader = tf.train.load_checkpoint(str(prefix))
    layers: dict[str, dict[int, dict[str, np.ndarray]]] = {}
    for name in reader.get_variable_to_shape_map():
        match = VARIABLE.fullmatch(name)
        if match and match[3] in PARTS and not match[1].startswith("D"):
            place = layers.setdefault(match[1], {}).setdefault(int(match[2]), {})
            place[PARTS[match[3]]] = np.asarray(reader.get_tensor(name))
    if not layers:
        raise ValueError("no network of layer_with_weights-0, -1, ... in it")
    return {name: _counted(_of_numbers(numbered)) for name, numbered in layers.items()}


def _of_numbers(layers: Mapping[int, dict[str, np.ndarray]]) -> Iterator[Layer]:
    """Of layers without classes: those that double images come late, and have fewer outputs."""
    for number, variables in sorted(layers.items()):
        kernel = variables.get("kernel")
        if kernel is None:
            yield "norm", variables
        else:
            late = number > len(layers) / 2
            doubles = late and kernel.ndim == 4 and kernel.shape[2] < kernel.shape[3]
            yield "transposed" if doubles else "conv", variables


def _of_hdf5(path: Path) -> list[Layer]:
    content: Any = path
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            member = archive.getinfo(INSIDE)
            if member.file_size > MOST:
                raise ValueError("too large")
            content = io.BytesIO(archive.read(member))
    with h5py.File(content, "r") as file:
        root = file.get("model_weights", file)
        if "layer_names" in root.attrs:
            names = [_text(name) for name in root.attrs["layer_names"]]
            return [layer for name in names for layer in _of_group(name, root[name])]
        names = sorted(root["layers"], key=_natural)
        return [layer for name in names for layer in _of_vars(name, root["layers"][name])]


def _of_group(name: str, group: Any) -> Iterator[Layer]:
    """As Keras 2 has a layer: the names of its variables are in an attribute."""
    variables = {}
    for weight in map(_text, group.attrs["weight_names"]):
        part = PARTS.get(weight.rpartition("/")[2].partition(":")[0])
        if part is None:
            raise ValueError(f"a variable {shown(weight)}")
        variables[part] = np.asarray(group[weight])
    if variables:
        yield _kind(name), variables


def _of_vars(name: str, group: Any) -> Iterator[Layer]:
    """As Keras 3 has a layer: its variables are called 0, 1, ..."""
    held = group.get("vars", {})
    if len(held):
        kind = _kind(name)
        arrays = [np.asarray(held[str(number)]) for number in range(len(held))]
        yield kind, dict(zip(IN_ORDER[kind], arrays, strict=False))


def _kind(name: str) -> str:
    if "conv2d_transpose" in name:
        return "transposed"
    if "conv2d" in name:
        return "conv"
    if "norm" in name:
        return "norm"
    raise ValueError(f"a layer {shown(name)}, neither a convolution nor a norm")


def _natural(name: str) -> tuple[str, int]:
    """`conv2d_10` after `conv2d_9`."""
    match = re.fullmatch(r"(.*?)(?:_(\d{1,6}))?", name)
    assert match is not None
    return match[1], int(match[2] or 0)


def _text(name: object) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def _counted(layers: Any) -> Tensors:
    numbers = dict.fromkeys(IN_ORDER, 0)
    tensors: Tensors = {}
    for kind, variables in layers:
        for part, array in variables.items():
            tensors[f"{kind}/{numbers[kind]}/{part}"] = array.astype(np.float32)
        numbers[kind] += 1
        if numbers[kind] > MOST_LAYERS:
            raise ValueError("too many layers")
    if not numbers["conv"]:
        raise ValueError("no convolutions in it")
    return tensors
