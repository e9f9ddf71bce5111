"""PyTorch, TensorFlow and JAX in one comparison, interrupted and continued, and what it leaves."""

from __future__ import annotations

import json
from itertools import combinations

import numpy as np
import pytest
from command_line import called, command, experiment_folder, interrupt_when, run, undrawn
from frameworks import INSTALLED
from killing import assert_identical
from PIL import Image

import backends
from backends.objective import RECORDED
from harness.records.run import find_runs
from harness.system.files import read_arrays, read_json

NAMES = backends.available()
MISSING = [name for name in NAMES if name not in INSTALLED]
ASKED = ("--backends", ",".join(NAMES))
pytestmark = [
    pytest.mark.devices,
    pytest.mark.skipif(bool(MISSING), reason=f"not installed here: {', '.join(MISSING)}"),
]


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    results = tmp_path_factory.mktemp("three")
    with undrawn():
        done = run(results, *ASKED)
    assert done.returncode == 0, done.stderr
    return experiment_folder(results)


def test_all_climb_the_ladder_together(three):
    [climb] = read_json(three / "parity.json")["climbs"]
    assert climb["backends"] == list(NAMES)
    assert [row for row in climb["rows"] if not row["passed"]] == []
    assert {row["what"].partition(",")[0] for row in climb["rows"]} == set(NAMES)


def test_every_two_begin_alike(three):
    """Translations and scores of patches before training, and the losses of the first step."""
    terms = [name for name in RECORDED if not name.startswith("accuracy")]
    for one, two in combinations(find_runs(three), 2):
        first = [record.losses.iloc[0][terms].to_numpy(float) for record in (one, two)]
        assert first[0] == pytest.approx(first[1], rel=1e-5)
        images, others = one.evaluation(0), two.evaluation(0)
        assert set(images) == set(others)
        for name, array in images.items():
            rounded = 1 if array.dtype == np.uint8 else 2e-3
            np.testing.assert_allclose(array.astype(float), others[name], atol=rounded)


def test_each_is_compared_with_the_first(three):
    summary = json.loads((three / "summary.json").read_text())
    pairs = {tuple(name for name in NAMES if name in row) for row in summary["metrics"]}
    assert pairs == {(NAMES[0], name) for name in NAMES[1:]}
    page = (three / "report.html").read_text()
    assert all(record.environment["framework"] in page for record in find_runs(three))


def test_interrupted_and_continued_all_have_the_same_bits(three, tmp_path, monkeypatch):
    begun = lambda line: line.startswith("About ")  # noqa: E731
    status, said = interrupt_when(tmp_path, begun, program=command(tmp_path, *ASKED))
    assert status == 130, said
    steps = [record.status["step"] for record in find_runs(experiment_folder(tmp_path))]
    assert len(steps) == len(NAMES) and all(0 < step < 64 for step in steps)
    page = experiment_folder(tmp_path) / "report.html"
    monkeypatch.setattr("harness.studies.comparison.score", lambda *_: page.touch() or page)
    done = run(tmp_path, *ASKED)
    assert done.returncode == 0, done.stderr
    assert_identical(three.parent, tmp_path)


def test_what_jax_learnt_is_translated_and_exported(three, tmp_path):
    record = next(each for each in find_runs(three) if each.backend == "jax")
    given, out = tmp_path / "in", tmp_path / "out"
    given.mkdir()
    for number, image in enumerate(read_arrays(three / "references.safetensors")["real_a"]):
        Image.fromarray(image).save(given / f"{number}.png")
    done = called("translate", record.folder, given, "--to", out)
    assert done.returncode == 0 and done.stdout.endswith("by jax)\n"), done.stderr
    expected = record.final_evaluation["ab"]
    for number, image in enumerate(expected):
        made = np.asarray(Image.open(out / f"{number}.png"))
        assert np.abs(made.astype(int) - image).max() <= 1
    done = called("export", record.folder, "--to", tmp_path / "exported")
    assert done.returncode == 0, done.stderr
    rows = read_json(tmp_path / "exported" / "export.json")["onnx"]
    assert {row["compared_with"] for row in rows} == {"jax"}
    assert all(row["max_difference"] < 1e-5 and row["equal_pixels"] > 0.999 for row in rows)


def test_first_steps_are_replayed_to_the_last_bit(three):
    done = called("verify", three, "--steps", "3")
    assert done.returncode == 0, done.stdout + done.stderr
