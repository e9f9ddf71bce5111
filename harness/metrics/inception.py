"""The Inception network that FID is defined by (Heusel et al., arXiv:1706.08500).

TensorFlow's graph of 2015-12-05, with the weights that `harness.metrics.weights` finds, on images
resized as TensorFlow 1 did.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import nn

from harness.metrics.extractors import INCEPTION
from harness.metrics.inception_graph import ConvNormRelu, build_network
from harness.system.errors import UserError

SIDE = 299
BATCH = 8  # images whose activations are in memory at once


class InceptionFeatures(nn.Module):
    """uint8 NHWC images in, global average of the last 2048 feature maps out."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """uint8 (N, H, W, 3) to float32 (N, 2048)."""
        scaled = (resize_like_tensorflow1(images, SIDE) - 128.0) / 128.0
        # NHWC seen as NCHW is what torch calls channels_last: nothing is moved.
        return self.network(scaled.permute(0, 3, 1, 2)).mean(dim=(2, 3))


def load_extractor(weights: Path | None) -> Callable[[np.ndarray], np.ndarray]:
    """From uint8 (N, H, W, 3) to float32 (N, 2048). Raises UserError for other weights, or none."""
    if weights is None:
        raise UserError("FID: no file with Inception weights given; run `cyclebench fetch-weights`")
    features = load_network(weights)

    @torch.inference_mode()
    def extract(images: np.ndarray) -> np.ndarray:
        vectors = np.empty((len(images), INCEPTION.dimensions), np.float32)
        for start in range(0, len(images), BATCH):
            batch = torch.from_numpy(np.array(images[start : start + BATCH], order="C"))
            vectors[start : start + BATCH] = features(batch).numpy()
        return vectors

    return extract


def load_network(weights: Path) -> InceptionFeatures:
    """The network in evaluation mode, batch norm folded in. Raises UserError for other weights."""
    network = build_network()
    network.load_state_dict(read_tensors(weights, network.state_dict()), assign=True)
    network.eval().requires_grad_(False)
    for module in network.modules():
        if isinstance(module, ConvNormRelu):
            module.fold()
    return InceptionFeatures(network.to(memory_format=torch.channels_last)).eval()


def read_tensors(weights: Path, expected: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Every tensor of the file, by name.

    Raises UserError unless it is the published file, byte for byte, and holds tensors of the names,
    shapes and types of `expected` and nothing else. No code in it is run.
    """
    try:
        content = weights.read_bytes()
    except OSError as error:
        raise UserError(
            f"{weights}: cannot read ({error.strerror}); run `cyclebench fetch-weights`"
        ) from None
    digest = hashlib.sha256(content).hexdigest()
    if digest != INCEPTION.weights_sha256:
        raise _not_published(weights, f"sha256 {digest}, expected {INCEPTION.weights_sha256}")
    try:
        tensors = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a file of another kind makes a parser raise
        raise _not_published(weights, f"no file of tensors ({type(error).__name__})") from None
    problem = _first_difference(tensors, expected)
    if problem:
        raise _not_published(weights, problem)
    return tensors


def _first_difference(tensors: object, expected: Mapping[str, torch.Tensor]) -> str | None:
    if not isinstance(tensors, Mapping):
        return f"a {type(tensors).__name__}, not tensors by name"
    for name, tensor in expected.items():
        if name not in tensors:
            return f"no tensor {name!r}"
        if _kind(tensors[name]) != _kind(tensor):
            return f"{name!r} is {_kind(tensors[name])}, expected {_kind(tensor)}"
    return next((f"unexpected {name!r}" for name in tensors if name not in expected), None)


def _kind(value: object) -> str:
    if not isinstance(value, torch.Tensor):
        return type(value).__name__
    return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"


def _not_published(weights: Path, problem: str) -> UserError:
    return UserError(
        f"{weights}: {problem}; not the published Inception weights: remove it and run"
        " `cyclebench fetch-weights`"
    )


def resize_like_tensorflow1(images: torch.Tensor, size: int) -> torch.Tensor:
    """(N, H, W, C), any type, to float32 (N, size, size, C): bilinear, no rounding, no antialias.

    `tf.compat.v1.image.resize_bilinear` without `align_corners` and `half_pixel_centers`: output i
    is read at i * H / size, so the image shifts up and left; past the last pixel, that pixel.
    """
    images = images.float()
    for axis in (2, 1):  # across, then down, as TensorFlow does: the same rounding
        count = images.shape[axis]
        position = torch.arange(size, dtype=torch.float32) * (count / size)
        low = position.long()
        share = (position - low).reshape(-1, *[1] * (3 - axis))
        before = images.index_select(axis, low)
        after = images.index_select(axis, (low + 1).clamp_max(count - 1))
        images = before + (after - before) * share
    return images
