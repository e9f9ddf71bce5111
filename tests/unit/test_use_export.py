"""ONNX models of generators, whether onnxruntime reproduces them, and what is kept if not."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from frameworks import INSTALLED
from safetensors import safe_open
from trained_run import drawn, experiment, write_run

import backends
from backends.exporting import ONNX_INPUT, ONNX_OUTPUT, exporter, exporters
from harness.cli import main
from harness.processes import backend_process
from harness.system import provenance
from harness.system.errors import UserError
from harness.tools.trained_model import TrainedModel, read_model, write_model
from harness.tools.translate import export as exporting
from harness.tools.translate.export import TOLERANCE, ExportRequest, export, sample_images
from harness.tools.translate.generator import load_backend

GROWING = (
    "data.crop_size=14", "data.crop_size_b=16", "data.channels_a=1", "objective.identity=0",
    "model.norm.affine=true", "model.upsampling=resize_conv",
)  # fmt: skip
UNET = (
    "model.generator=unet", "model.depth=2", "model.dropout=0.5", "model.norm.kind=batch",
    "model.rounding=down", "model.padding=same",
)  # fmt: skip


def quiet(line: str) -> None:
    pass


def check_reproduced(model):
    # Three test images and one of another size: that no side is fixed is part of it.
    assert model.reproduced.images == 4
    assert model.reproduced.max_difference < 1e-5
    assert model.reproduced.equal_pixels > 0.999


@pytest.mark.usefixtures("eager")
def test_onnxruntime_reproduces_what_tensorflow_computes(tmp_path):
    run = write_run(tmp_path / "run", "tf", GROWING)
    [model] = export(ExportRequest(run, tmp_path / "out", "ab", ["onnx"]), quiet)
    assert model.backend == "tf"
    check_reproduced(model)
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"export.json", "g_ab.onnx"}
    assert b"rounded to the nearest, halves to the even one" in model.file.read_bytes()


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    run = write_run(folder / "run", "torch", UNET)
    return run, export(ExportRequest(run, folder / "out"), quiet), folder / "out"


def test_an_export_holds_both_directions_and_says_what_was_compared(exported):
    _, models, out = exported
    for model in models:
        check_reproduced(model)
    assert [model.way for model in models] == ["summer to winter", "winter to summer"]
    record = json.loads((out / "export.json").read_text())
    assert record["tolerance"] == TOLERANCE and record["directions"] == ["ab", "ba"]
    assert [row["file"] for row in record["onnx"]] == ["g_ab.onnx", "g_ba.onnx"]
    for row in record["onnx"]:
        assert row["max_difference"] < TOLERANCE and row["compared_with"] == "torch"


def test_an_onnx_file_says_how_images_go_in_and_out(exported):
    model = onnx.load(exported[2] / "g_ba.onnx")
    content = (exported[2] / "g_ba.onnx").read_bytes()
    assert b".py" not in content, "no paths of this machine"
    facts = {entry.key: entry.value for entry in model.metadata_props}
    assert facts["direction"] == "winter to summer"
    assert facts["input"] == "uint8 / 127.5 - 1"
    assert "rounded down" in facts["output"]
    [given], [output] = model.graph.input, model.graph.output
    assert (given.name, output.name) == (ONNX_INPUT, ONNX_OUTPUT)
    sides = [side.dim_param or side.dim_value for side in given.type.tensor_type.shape.dim]
    assert sides == ["batch", 3, "4*height", "4*width"]


def test_the_model_folder_translates_as_the_run_does(exported):
    run, _, out = exported
    whole, part = read_model(run), read_model(out)
    assert part.configuration.model == whole.configuration.model
    assert part.backend == "torch" and part.directions == ("ab", "ba")
    assert all(np.array_equal(part.state[name], whole.scored(name)) for name in part.state)
    with safe_open(str(out / "state.safetensors"), framework="numpy") as file:
        facts = file.metadata()
    assert facts["title_b"] == "winter" and facts["directions"] == "ab,ba"
    assert json.loads(facts["configuration"])["model"]["depth"] == 2


def test_noise_is_compared_where_there_are_no_test_images(exported):
    images, of = sample_images(read_model(exported[2]), "ab")
    assert of.startswith("noise")
    assert {image.shape for image in images} == {(16, 16, 3), (20, 24, 3)}


def test_a_model_that_is_not_reproduced_is_not_kept(exported, tmp_path, monkeypatch, capsys):
    run, _, out = exported
    model = onnx.load(out / "g_ab.onnx")
    bias = next(array for array in model.graph.initializer if list(array.dims) == [3])
    changed = onnx.numpy_helper.to_array(bias) + np.float32(1e-3)
    bias.CopyFrom(onnx.numpy_helper.from_array(changed, bias.name))

    class Careless:
        """Gets one weight wrong."""

        def export_onnx(self, spec, weights):
            return model.SerializeToString()

    monkeypatch.setattr(backend_process, "exporter", lambda name: Careless())
    arguments = ["export", str(run), "--to", str(tmp_path / "out"), "--direction", "ab"]
    assert main(arguments) == 1
    assert "NOT reproduced" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_missing_packages_are_named_with_what_installs_them(exported, tmp_path, monkeypatch):
    run, real = exported[0], importlib.util.find_spec
    monkeypatch.setattr(
        exporting.importlib.util,
        "find_spec",
        lambda name: None if name == "onnxscript" else real(name),
    )
    with pytest.raises(UserError, match="needs onnxscript, not installed; pip install onnxscript"):
        export(ExportRequest(run, tmp_path / "out"), quiet)
    assert export(ExportRequest(run, tmp_path / "out", formats=["safetensors"]), quiet) == []
    assert read_model(tmp_path / "out").directions == ("ab", "ba")


def test_what_was_exported_stays_unless_asked_for(exported):
    run, _, out = exported
    before = (out / "g_ab.onnx").stat().st_mtime_ns
    with pytest.raises(UserError, match=r"g_ab.onnx: is there already; add --overwrite"):
        export(ExportRequest(run, out), quiet)
    assert (out / "g_ab.onnx").stat().st_mtime_ns == before


def test_a_run_is_not_written_over_by_its_own_export(tmp_path):
    run = write_run(tmp_path / "run")
    write_model(tmp_path / "model", read_model(run), ["ab", "ba"])
    for model, to in ((run, run), (run, run.parents[2]), (tmp_path / "model", tmp_path / "model")):
        with pytest.raises(UserError, match="holds what was trained; give another folder"):
            export(ExportRequest(model, to, formats=["safetensors"], overwrite=True), quiet)


def test_no_backend_is_asked_by_name():
    assert set(exporters()) < set(backends.available())
    with pytest.raises(KeyError):
        exporter("../torch")


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("rounding", ["half_even", "down"])
def test_levels_are_those_of_the_backends(rounding):
    one = experiment("model.blocks=0", f"model.rounding={rounding}")
    trained = TrainedModel(one, {"a": "a", "b": "b"}, drawn(one), "x", Path())
    image = np.random.default_rng(0).integers(256, size=(1, 16, 16, 3), dtype=np.uint8)
    for name in INSTALLED:
        backend = load_backend(trained, name, "cpu", provenance.default_threads())
        floats = backend.activations("g_ab", image)["output"]
        pixels = backend.translate(image, "ab")
        assert (exporting.to_levels(floats, rounding) == pixels).mean() > 0.999
        assert pixels.min() == 0 or pixels.max() == 255 or pixels.std() > 10
