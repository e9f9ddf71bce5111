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
from backends.architecture import GeneratorSpec
from backends.exporting import exporters
from backends.interface import Direction, State
from harness.processes.remote_backend import run_with
from harness.system import provenance
from harness.system.errors import UserError
from harness.system.files import write_bytes, write_json
from harness.system.untrusted import is_file, is_folder, printable, shown
from harness.tools.trained_model import TrainedModel, read_model, write_model
from harness.tools.translate.direction import described, find_direction
from harness.tools.translate.loading import choose_backend, load_backend
from harness.tools.translate.pictures import check_folder, same
from harness.tools.translate.reproduced import TOLERANCE, OnnxComparison, compare, sample_images

Format = Literal["onnx", "safetensors"]
FORMATS: tuple[Format, ...] = get_args(Format)
PACKAGES = ("onnx", "onnxruntime", "onnxscript")
ROUNDING = {"half_even": "to the nearest, halves to the even one", "down": "down"}


@dataclass(frozen=True)
class ExportRequest:
    """`direction`: ab, ba, both, or titles. `formats`: names of FORMATS."""

    model: Path
    to: Path
    direction: str = "both"
    formats: Sequence[str] = FORMATS
    overwrite: bool = False


@dataclass(frozen=True)
class ExportedModel:
    """An ONNX model and whether it does what it should; only then it is on disk."""

    file: Path
    direction: Direction
    way: str
    backend: str
    reproduced: OnnxComparison


def export(request: ExportRequest, say: Callable[[str], object]) -> list[ExportedModel]:
    """Write what is asked for, unless onnxruntime makes something else of an ONNX model.

    Then nothing is written. Raises UserError, also where the packages for ONNX are missing.
    """
    onnx, safetensors = _formats(request.formats)
    trained = read_model(request.model)
    both = request.direction == "both"
    directions = trained.directions if both else (find_direction(trained, request.direction),)
    names = [f"g_{direction}.onnx" for direction in directions] if onnx else []
    names += ["model.json", "state.safetensors"] if safetensors else []
    _check_folder(request, trained, [*names, "export.json"])
    models = _onnx_models(trained, directions, say) if onnx else {}
    exported = [
        ExportedModel(
            request.to / f"g_{direction}.onnx", direction, described(trained, direction), *model[1:]
        )
        for direction, model in models.items()
    ]
    if all(model.reproduced.ok for model in exported):
        for model in exported:
            write_bytes(model.file, models[model.direction][0])
        if safetensors:
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


def _formats(asked: Sequence[str]) -> tuple[bool, bool]:
    """Whether ONNX and whether safetensors is asked for. Raises UserError for what cannot be."""
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
    return "onnx" in asked, "safetensors" in asked


def _check_folder(request: ExportRequest, trained: TrainedModel, names: Sequence[str]) -> None:
    check_folder(request.to)
    records = ("experiment.json", "status.json")
    if same(request.to, trained.folder) or any(is_file(request.to / name) for name in records):
        raise UserError(f"{request.to}: holds what was trained; give another folder")
    for name in names:
        path = request.to / name
        if is_folder(path) or (os.path.lexists(path) and not request.overwrite):
            raise UserError(f"{path}: is there already; add --overwrite, or give another folder")


def _onnx_models(
    trained: TrainedModel, directions: Sequence[Direction], say: Callable[[str], object]
) -> dict[Direction, tuple[bytes, str, OnnxComparison]]:
    """Of each direction: the model, the backend it was compared with, and how."""
    name = choose_backend(trained, None)
    # As ONNX computes: in float32, and without the detours of `deterministic`.
    plainly = {"precision": "float32", "deterministic": False}
    backend = load_backend(trained, name, "cpu", provenance.default_threads(), **plainly)
    model, models = trained.configuration.networks(), {}
    for direction in directions:
        say(f"Exporting {described(trained, direction)}")
        spec = model.g_ab if direction == "ab" else model.g_ba
        weights = {
            key: array.astype(np.float32) for key, array in trained.weights(direction).items()
        }
        plain = _exported(exporters()[0], spec, weights)
        content = with_metadata(
            plain, {"direction": described(trained, direction), **_facts(trained)}
        )
        images, of = sample_images(trained, direction)
        reproduced = compare(content, backend, direction, images, of, model.rounding)
        models[direction] = (content, name, reproduced)
    return models


def _exported(name: str, spec: GeneratorSpec, weights: State) -> bytes:
    try:
        return run_with(name, "export_onnx", name, spec, weights).tobytes()
    except ImportError as error:
        python = interpreter(name)
        raise UserError(
            f"export: {python}: {error}; {python} -m pip install {' '.join(PACKAGES)}, or give"
            " --format safetensors"
        ) from None


def with_metadata(content: bytes, facts: dict[str, str]) -> bytes:
    """An ONNX model with `metadata_props`, checked as the standard has it."""
    import onnx

    document = onnx.load_from_string(content)
    onnx.helper.set_model_props(document, facts)
    onnx.checker.check_model(document)
    return document.SerializeToString()


def _facts(trained: TrainedModel) -> dict[str, str]:
    """What a program needs to know that only has the file."""
    rounding = ROUNDING[trained.configuration.model.rounding]
    return {
        "title_a": printable(trained.titles["a"]),
        "title_b": printable(trained.titles["b"]),
        "input": "uint8 / 127.5 - 1",
        "output": f"(x + 1) * 127.5 rounded {rounding}, then clipped to 0..255",
        "origin": printable(trained.origin),
        "written_by": f"cyclebench {provenance.own_version()}",
    }


def as_json(exported: ExportedModel) -> dict[str, Any]:
    """A row of export.json (results/README.md)."""
    return {
        "file": exported.file.name,
        "direction": exported.direction,
        "compared_with": exported.backend,
        **asdict(exported.reproduced),
    }
