"""Whether the CycleGAN authors' code has the networks of a configuration, and what a file says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from harness.config.experiment import Experiment
from harness.system.errors import UserError

BLOCK = re.compile(r"model\.(\d{1,5})\.conv_block\.")
LEVEL = re.compile(r"model\.model((?:\.[13]\.model)*)\.")
PLACE = re.compile(r"(?:model|net)\.(\d{1,5})\.weight")
Setting = tuple[str, Any, Any]  # key, what it is, what it has to be


def check_architecture(experiment: Experiment) -> None:
    """Raises UserError for networks that the authors' code cannot build: weights would not fit."""
    wrong = [(key, is_, needed) for key, is_, needed in _needed(experiment) if is_ != needed]
    if wrong:
        key, is_, _ = wrong[0]
        sets = " ".join(f"{key}={_yaml(needed)}" for key, _, needed in wrong)
        raise UserError(
            f"{key}: {_yaml(is_)}, but the authors' code has no such networks; add --set '{sets}'"
        )


def check_generator(path: str, tensors: Mapping[str, np.ndarray], experiment: Experiment) -> None:
    """Raises UserError where the file's generator is another than the configuration's."""
    model = experiment.model
    depth = 1 + max((m[1].count(".model") for n in tensors if (m := LEVEL.match(n))), default=0)
    unet = depth > 1
    # The stem's norm; in a U-Net that of the second level.
    norm = "model.model.1.model.2.weight" if unet else "model.2.weight"
    first = tensors.get("model.model.0.weight" if unet else "model.1.weight")
    said: list[Setting] = [("model.generator", model.generator, "unet" if unet else "resnet")]
    if unet:
        said.append(("model.depth", model.depth, depth))
    else:
        blocks = {match[1] for name in tensors if (match := BLOCK.match(name))}
        said.append(("model.blocks", model.blocks, len(blocks)))
    _compare(path, [*said, *_filters("model.filters", model.filters, first),
                    *_norm(norm in tensors, experiment)])  # fmt: skip


def check_discriminator(
    path: str, tensors: Mapping[str, np.ndarray], experiment: Experiment
) -> None:
    """As `check_generator`."""
    model = experiment.model
    pixel = any(name.startswith("net.") for name in tensors)
    root = "net" if pixel else "model"
    kind = "pixel" if pixel else "patch"
    said: list[Setting] = [("model.discriminator", model.discriminator, kind)]
    last = max((int(m[1]) for name in tensors if (m := PLACE.fullmatch(name))), default=0)
    if not pixel:
        # A head behind as many convolutions as it has, each with two more modules but the first.
        said.append(("model.discriminator_layers", model.discriminator_layers, (last + 1) // 3 - 1))
    first = tensors.get(f"{root}.0.weight")
    filters = _filters("model.discriminator_filters", model.discriminator_filters, first)
    _compare(path, [*said, *filters, *_norm(f"{root}.3.weight" in tensors, experiment)])


def _filters(key: str, is_: int, first: np.ndarray | None) -> Iterator[Setting]:
    if first is not None and first.ndim == 4:
        yield key, is_, first.shape[0]


def _norm(batch: bool, experiment: Experiment) -> Iterator[Setting]:
    """`batch`: whether norms in the file have parameters, as only batch norms there have."""
    norm = experiment.model.norm
    if batch or norm.kind == "batch":
        yield "model.norm.kind", norm.kind, "batch" if batch else "instance"
        yield "model.norm.affine", norm.affine, batch
        yield "model.bias", experiment.model.bias, not batch


def _compare(path: str, said: list[Setting]) -> None:
    wrong = [each for each in said if each[1] != each[2]]
    if wrong:
        told = ", ".join(f"{key} is {is_}, in the file {found}" for key, is_, found in wrong)
        sets = " ".join(f"{key}={_yaml(found)}" for key, _, found in wrong)
        raise UserError(f"{path}: {told}; add --set '{sets}'")


def _needed(experiment: Experiment) -> Iterator[Setting]:
    """What decides the networks' arithmetic and is the same in all of the authors'."""
    model, data = experiment.model, experiment.data
    norm, unet = model.norm, model.generator == "unet"
    yield "data.crop_size_b", data.crop("b"), data.crop("a")
    yield "model.padding", model.padding, "symmetric"
    if unet:
        yield "model.unet_kernel", model.unet_kernel, 4
        yield "model.unet_slope", model.unet_slope, 0.2
        yield "model.unet_norm_ends", model.unet_norm_ends, False
        yield "model.depth", model.depth, max(model.depth, 5)
    else:
        yield "model.upsampling", model.upsampling, "transposed"
        yield "model.transposed_crop", model.transposed_crop, "first"
        yield "model.stem_bias", model.stem_bias, False
    yield "model.norm.affine", norm.affine, norm.kind == "batch"
    yield "model.norm.epsilon", norm.epsilon, 1e-5
    # With an instance norm there is a bias in front of it, with any other or none there is not.
    yield "model.bias", model.bias, norm.kind == "instance"
    yield _one_of("model.discriminator", model.discriminator, "patch", "pixel")
    yield _one_of("model.discriminator_norm", model.discriminator_norm, None, norm)
    yield "model.discriminator_norm_first", model.discriminator_norm_first, False
    yield _one_of("model.discriminator_bias", model.discriminator_bias, None, model.bias)
    yield _one_of("model.discriminator_padding", model.discriminator_padding, None, "symmetric")
    yield "model.discriminator_tanh", model.discriminator_tanh, False
    yield "model.slope", model.slope, 0.2


def _one_of(key: str, is_: Any, first: Any, *others: Any) -> Setting:
    return key, is_, is_ if is_ in (first, *others) else first


def _yaml(value: object) -> str:
    return "null" if value is None else str(value).lower()
