"""Generators for other programs: an ONNX model each, and a model folder that `translate` reads."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from backends import interpreter
from backends.exporting import ONNX_INPUT, ONNX_OUTPUT, exporters
from backends.interface import Backend, Direction
from harness.processes.remote_backend import run_with
from harness.system import provenance
from harness.system.errors import UserError
from harness.system.files import read_arrays, write_bytes, write_json
from harness.system.untrusted import is_file, is_folder, printable, shown
from harness.tools.trained_model import TrainedModel, read_model, write_model
from harness.tools.translate.generator import choose_backend, load_backend, sizes_for
from harness.tools.translate.translate import check_folder, same

Format = Literal["onnx", "safetensors"]
FORMATS: tuple[Format, ...] = get_args(Format)
PACKAGES = ("onnx", "onnxruntime", "onnxscript")
ROUNDING = {"half_even": "to the nearest, halves to the even one", "down": "down"}
# Of outputs in [-1, 1], an 80th of a level of uint8: float32 rounding through tens of layers.
TOLERANCE = 1e-4
MOST_IMAGES = 16
NOISE_IMAGES = 4


@dataclass(frozen=True)
class ExportRequest:
    """`direction`: ab, ba, both, or titles. `formats`: names of FORMATS."""

    model: Path
    to: Path
    direction: str = "both"
    formats: Sequence[str] = FORMATS
    overwrite: bool = False


@dataclass(frozen=True)
class OnnxComparison:
    """Whether onnxruntime makes of the ONNX model what a backend makes of the trained one.

    `of`: what the images are. `max_difference` of outputs in [-1, 1]; `equal_pixels`: share of
    equal uint8 values.
    """

    images: int
    of: str
    max_difference: float
    equal_pixels: float

    @property
    def ok(self) -> bool:
        return self.max_difference <= TOLERANCE


@dataclass(frozen=True)
class ExportedModel:
    """An ONNX model, and whether it does what the trained one does; else it is not on disk."""

    file: Path
    direction: Direction
    way: str
    backend: str
    reproduced: OnnxComparison


def export(request: ExportRequest, say: Callable[[str], object]) -> list[ExportedModel]:
    """Write what is asked for, unless onnxruntime makes something else of an ONNX model.

    Then nothing is written. Raises UserError, also where the packages for ONNX are missing.
    """
    _check_formats(request.formats)
    trained = read_model(request.model)
    both = request.direction == "both"
    directions = trained.directions if both else (trained.find_direction(request.direction),)
    files = {}
    if "onnx" in request.formats:
        files = {direction: request.to / f"g_{direction}.onnx" for direction in directions}
    names = [file.name for file in files.values()]
    if "safetensors" in request.formats:
        names += ["model.json", "state.safetensors"]
    _check_folder(request, trained, [*names, "export.json"])
    contents: dict[Path, bytes] = {}
    exported = []
    if files:
        name = choose_backend(trained, None)
        # As ONNX computes: in float32, and without the detours of `deterministic`.
        plainly = {"precision": "float32", "deterministic": False}
        backend = load_backend(trained, name, "cpu", provenance.default_threads(), **plainly)
        for direction, file in files.items():
            way = trained.described(direction)
            say(f"Exporting {way}")
            contents[file] = _onnx_model(trained, direction)
            reproduced = _compare(contents[file], backend, trained, direction)
            exported.append(ExportedModel(file, direction, way, name, reproduced))
    if all(model.reproduced.ok for model in exported):
        for file, content in contents.items():
            write_bytes(file, content)
        if "safetensors" in request.formats:
            facts = {"directions": ",".join(directions), **_facts(trained)}
            write_model(request.to, trained, directions, facts)
        record = {
            "kind": "export",
            "model": trained.name,
            "backend": trained.backend,
            "directions": list(directions),
            "tolerance": TOLERANCE,
            "onnx": [as_json(model) for model in exported],
        }
        write_json(request.to / "export.json", record)
    return exported


def as_json(exported: ExportedModel) -> dict[str, Any]:
    """A row of export.json (results/README.md)."""
    return {
        "file": exported.file.name,
        "direction": exported.direction,
        "compared_with": exported.backend,
        **asdict(exported.reproduced),
    }


def _check_formats(asked: Sequence[str]) -> None:
    """Raises UserError for what cannot be written."""
    for name in asked:
        if name not in FORMATS:
            raise UserError(f"format {shown(name)}: unknown; any of {', '.join(FORMATS)}")
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if "onnx" in asked and missing:
        raise UserError(
            f"export: ONNX needs {', '.join(missing)}, not installed; pip install"
            f" {' '.join(missing)}, or give --format safetensors"
        )
    if "onnx" in asked and not exporters():
        raise UserError("export: no backend here writes ONNX; give --format safetensors")


def _check_folder(request: ExportRequest, trained: TrainedModel, names: Sequence[str]) -> None:
    check_folder(request.to)
    records = ("experiment.json", "status.json")
    if same(request.to, trained.folder) or any(is_file(request.to / name) for name in records):
        raise UserError(f"{request.to}: holds what was trained; give another folder")
    for name in names:
        path = request.to / name
        if is_folder(path) or (os.path.lexists(path) and not request.overwrite):
            raise UserError(f"{path}: is there already; add --overwrite, or give another folder")


def _facts(trained: TrainedModel) -> dict[str, str]:
    """What a program needs to know that has nothing but the file."""
    rounding = ROUNDING[trained.configuration.model.rounding]
    return {
        "title_a": printable(trained.titles["a"]),
        "title_b": printable(trained.titles["b"]),
        "input": "uint8 / 127.5 - 1",
        "output": f"(x + 1) * 127.5 rounded {rounding}, then clipped to 0..255",
        "origin": printable(trained.origin),
        "written_by": f"cyclebench {provenance.own_version()}",
    }


def _onnx_model(trained: TrainedModel, direction: Direction) -> bytes:
    """With `metadata_props`, checked as the standard has it."""
    import onnx

    model, name = trained.configuration.networks(), exporters()[0]
    spec = model.g_ab if direction == "ab" else model.g_ba
    weights = {key: array.astype(np.float32) for key, array in trained.weights(direction).items()}
    try:
        content = run_with(name, "export_onnx", name, spec, weights).tobytes()
    except ImportError as error:
        python = interpreter(name)
        raise UserError(
            f"export: {python}: {error}; {python} -m pip install {' '.join(PACKAGES)}, or give"
            " --format safetensors"
        ) from None
    document = onnx.load_from_string(content)
    facts = {"direction": trained.described(direction), **_facts(trained)}
    onnx.helper.set_model_props(document, facts)
    onnx.checker.check_model(document)
    return document.SerializeToString()


def _compare(
    content: bytes, backend: Backend, trained: TrainedModel, direction: Direction
) -> OnnxComparison:
    """`content`: an ONNX model. `backend` computes in float32."""
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    images, of = sample_images(trained, direction)
    differences, equal = [], []
    for image in images:
        given = image.transpose(2, 0, 1)[None].astype(np.float32) / np.float32(127.5) - 1
        [output] = session.run([ONNX_OUTPUT], {ONNX_INPUT: given})
        output = output.transpose(0, 2, 3, 1)
        expected = backend.activations(f"g_{direction}", image[None])["output"]
        # Infinite where there is nothing to compare: another shape, or something not finite.
        difference = float("inf")
        if output.shape == expected.shape and np.isfinite(output).all():
            difference = float(np.abs(output.astype(np.float64) - expected).max())
        differences.append(difference)
        pixels = backend.translate(image[None], direction)
        levels = to_levels(output, trained.configuration.model.rounding)
        equal.append((levels == pixels).ravel())
    share = float(np.concatenate(equal).mean())
    return OnnxComparison(len(images), of, max(differences), share)


def to_levels(output: np.ndarray, rounding: str) -> np.ndarray:
    """[-1, 1] to uint8, as backends do."""
    scaled = (output + 1) * np.float32(127.5)
    rounded = np.rint(scaled) if rounding == "half_even" else np.floor(scaled)
    return np.clip(rounded, 0, 255).astype(np.uint8)


def sample_images(trained: TrainedModel, direction: Direction) -> tuple[list[np.ndarray], str]:
    """uint8 (H, W, C) each, and what they are: test images of a run, else noise.

    The last one is noise of another size, and no square. Raises UserError for damaged records.
    """
    height, width, channels = trained.configuration.networks().input_shape(f"g_{direction}")
    draw = np.random.default_rng(0)
    multiple = sizes_for(trained.configuration, direction).multiple
    other = draw.integers(
        256, size=(height + multiple, width + 2 * multiple, channels), dtype=np.uint8
    )
    if not (trained.folder / "status.json").is_file():
        noise = draw.integers(256, size=(NOISE_IMAGES, height, width, channels), dtype=np.uint8)
        return [*noise, other], "noise, of two sizes"
    path, name = trained.folder.parent.parent.parent / "references.safetensors", direction[0]
    tests = read_arrays(path).get(f"real_{name}")
    shape = (height, width, channels)
    if tests is None or tests.dtype != np.uint8 or tests.shape[1:] != shape or not len(tests):
        raise UserError(f"{path}: real_{name} is not the test images; copy it anew")
    return [*tests[:MOST_IMAGES], other], "test images of the run, and noise of another size"
