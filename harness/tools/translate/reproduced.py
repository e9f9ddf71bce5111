"""Does onnxruntime make of an exported generator what a backend makes of the trained one?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backends.exporting import ONNX_INPUT, ONNX_OUTPUT
from backends.interface import Backend, Direction
from harness.system.errors import UserError
from harness.system.files import read_arrays
from harness.tools.trained_model import TrainedModel
from harness.tools.translate.sizes import sizes_for

# Of outputs in [-1, 1], an 80th of a level of uint8: float32 rounding through tens of layers.
TOLERANCE = 1e-4
MOST_IMAGES = 16
NOISE_IMAGES = 4


@dataclass(frozen=True)
class OnnxComparison:
    """`max_difference` of outputs in [-1, 1]; `equal_pixels`: share of equal uint8 values."""

    images: int
    of: str
    max_difference: float
    equal_pixels: float

    @property
    def ok(self) -> bool:
        return self.max_difference <= TOLERANCE


def sample_images(trained: TrainedModel, direction: Direction) -> tuple[list[np.ndarray], str]:
    """uint8 (H, W, C) each, and what they are: test images of a run, else noise.

    The last one is noise of another size, and no square. Raises UserError for damaged records.
    """
    shape = trained.configuration.networks().input_shape(f"g_{direction}")
    draw = np.random.default_rng(0)
    multiple = sizes_for(trained.configuration, direction).multiple
    other = draw.integers(
        256, size=(shape[0] + multiple, shape[1] + 2 * multiple, shape[2]), dtype=np.uint8
    )
    tests = _test_images(trained, direction, shape)
    if tests is not None:
        return [*tests, other], "test images of the run, and noise of another size"
    noise = draw.integers(256, size=(NOISE_IMAGES, *shape), dtype=np.uint8)
    return [*noise, other], "noise, of two sizes"


def _test_images(
    trained: TrainedModel, direction: Direction, shape: tuple[int, ...]
) -> np.ndarray | None:
    if not (trained.folder / "status.json").is_file():
        return None
    path = trained.folder.parent.parent.parent / "references.safetensors"
    images = read_arrays(path).get(f"real_{direction[0]}")
    if images is None or images.dtype != np.uint8 or images.shape[1:] != shape or not len(images):
        raise UserError(f"{path}: real_{direction[0]} is not the test images; copy it anew")
    return images[:MOST_IMAGES]


def compare(
    content: bytes,
    backend: Backend,
    direction: Direction,
    images: Sequence[np.ndarray],
    of: str,
    rounding: str,
) -> OnnxComparison:
    """`content`: an ONNX model as `export_onnx` makes it. `backend` computes in float32."""
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    differences, equal = [], []
    for image in images:
        given = image.transpose(2, 0, 1)[None].astype(np.float32) / np.float32(127.5) - 1
        [output] = session.run([ONNX_OUTPUT], {ONNX_INPUT: given})
        output = output.transpose(0, 2, 3, 1)
        expected = backend.activations(f"g_{direction}", image[None])["output"]
        differences.append(_largest(output, expected))
        pixels = backend.translate(image[None], direction)
        equal.append((to_levels(output, rounding) == pixels).ravel())
    share = float(np.concatenate(equal).mean())
    return OnnxComparison(len(images), of, max(differences), share)


def to_levels(output: np.ndarray, rounding: str) -> np.ndarray:
    """[-1, 1] to uint8, as backends do."""
    scaled = (output + 1) * np.float32(127.5)
    rounded = np.rint(scaled) if rounding == "half_even" else np.floor(scaled)
    return np.clip(rounded, 0, 255).astype(np.uint8)


def _largest(output: np.ndarray, expected: np.ndarray) -> float:
    """Infinite where there is nothing to compare: another shape, or something not finite."""
    if output.shape != expected.shape or not np.isfinite(output).all():
        return float("inf")
    return float(np.abs(output.astype(np.float64) - expected).max())
