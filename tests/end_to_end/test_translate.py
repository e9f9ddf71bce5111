"""`cyclebench translate` and `export` on runs that were trained, as a user calls them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command_line import called
from PIL import Image

from harness.records.run import RunRecord, find_runs
from harness.system.files import read_arrays, read_json


@pytest.fixture
def pictures(compared: Path, tmp_path: Path) -> Path:
    """The test images of domain A, as files."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number, image in enumerate(read_arrays(compared / "references.safetensors")["real_a"]):
        Image.fromarray(image).save(folder / f"{number}.png")
    return folder


def run_of(experiment: Path, backend: str) -> RunRecord:
    [run] = [each for each in find_runs(experiment) if each.backend == backend]
    return run


def translated(*arguments: str | Path) -> str:
    found = called("translate", *arguments)
    assert found.returncode == 0, found.stderr
    return found.stdout


def in_order(folder: Path, count: int) -> np.ndarray:
    return np.stack([np.asarray(Image.open(folder / f"{each}.png")) for each in range(count)])


def test_test_images_become_what_the_run_recorded(compared, pictures, tmp_path):
    run, out = run_of(compared, "torch"), tmp_path / "out"
    assert translated(run.folder, pictures, "--to", out).endswith("by torch)\n")
    recorded = run.final_evaluation["ab"]
    made = in_order(out, len(recorded))
    # Evaluated in the process that had trained: PyTorch once rounded a first pass differently.
    assert np.abs(made.astype(int) - recorded).max() <= 1
    assert (made == recorded).mean() > 0.999


def test_an_export_is_reproduced_and_translates_as_the_run_does(compared, pictures, tmp_path):
    run, out = run_of(compared, "tf"), tmp_path / "exported"
    found = called("export", run.folder, "--to", out, "--direction", "summer2winter")
    assert found.returncode == 0, found.stderr
    [row] = read_json(out / "export.json")["onnx"]
    assert (row["direction"], row["compared_with"]) == ("ab", "tf")
    assert row["max_difference"] < 1e-5 and row["equal_pixels"] > 0.999
    # What TensorFlow trained, exported through another backend, is translated by yet another.
    translated(out, pictures, "--to", tmp_path / "out", "--backend", "torch")
    recorded = run.final_evaluation["ab"]
    made = in_order(tmp_path / "out", len(recorded))
    assert np.abs(made.astype(int) - recorded).max() <= 1
