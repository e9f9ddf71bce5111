"""Trajectories of both backends in their own processes: interrupted, resumed, shared."""

from __future__ import annotations

import json

import numpy as np
import psutil
import pytest

import backends
from harness.config.load import load_experiment
from harness.data.seasons import render
from harness.studies.consistency.defaults import DEFAULTS
from harness.studies.consistency.divergence import divergence
from harness.studies.consistency.effects import IDENTICAL, default_effects
from harness.studies.consistency.floor import not_neutral, summarise
from harness.studies.consistency.launch import clean

pytestmark = pytest.mark.devices
STEPS = 6
NAMES = backends.USUAL
FEW = [
    default
    for default in DEFAULTS
    if default.name in ("LeakyReLU slope", "rounding to uint8", "TF32")
]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Drawn once; the same files whatever the experiment."""
    folder = tmp_path_factory.mktemp("images")
    data = load_experiment("seasons", "smoke", []).data
    files = {}
    for first, (split, size) in enumerate(
        {"trainA": data.load_size, "trainB": data.load_size, "testA": 32, "testB": 32}.items()
    ):
        season = "summer" if split.endswith("A") else "winter"
        files[split] = folder / f"{split}.npy"
        np.save(files[split], np.stack([render(10 * first + i, season, size) for i in range(4)]))
    return lambda experiment: files


class Watched:
    """Runs one of the study's functions and notes which trajectories it trained."""

    def __init__(self, folder, images):
        self.folder, self.images = folder, images
        self.experiment = load_experiment("seasons", "smoke", [])
        self.lines: list[str] = []

    def run(self, function, names, stop_at=None, **more):
        trained = []

        def progress(what, done, total):
            trained.append(what)
            if what == stop_at:
                raise KeyboardInterrupt

        arguments = (self.folder, self.experiment, self.images, names, STEPS, self.lines.append)
        table = function(*arguments, progress, threads=1, **more)
        return table, set(trained)


@pytest.fixture(scope="module")
def watched(tmp_path_factory, images):
    """A study that was interrupted in its third trajectory."""
    watched = Watched(tmp_path_factory.mktemp("study"), images)
    with pytest.raises(KeyboardInterrupt):
        watched.run(divergence, NAMES, stop_at=f"{NAMES[0]}: ulp-1")
    return watched


@pytest.fixture(scope="module")
def resumed(watched):
    left = [child for child in psutil.Process().children() if "trajectory" in str(child.cmdline())]
    finished = {path.name for path in watched.folder.rglob("*.csv")}
    return watched.run(divergence, NAMES), finished, left


def test_an_interrupted_study_keeps_what_is_finished_and_leaves_no_process(resumed):
    (_, trained), finished, left = resumed
    first = NAMES[0]
    assert left == []
    assert finished == {"reference-moved.csv", f"ulp-0-against-{first}-reference.csv"}
    assert f"{first}: ulp-1" in trained
    assert not trained & {f"{first}: reference", f"{first}: ulp-0"}


def test_backends_part_by_rounding_alone(resumed):
    (table, _), _, _ = resumed
    assert table["step"].max() == STEPS
    for (kind, variant), curves in table.groupby(["kind", "variant"]):
        starts = curves.loc[curves["step"] == 0, "weights"]
        nudged = kind == "within" and variant == "ulp"
        assert ((starts > 0) == nudged).all() and (starts < 1e-6).all()
    between = table[(table["kind"] == "between") & (table["step"] == 1)]
    assert len(between) == 4
    for measure in ("weights", "outputs", "losses"):
        small = between[measure].between(0, 1e-5, inclusive="neither")
        # In float32 rounding may carry a value over a kink of ReLU or L1, where a gradient jumps,
        # as it does with these crops in one of the four; float64 agrees to 1e-16.
        assert small.sum() >= 3 and (between[measure] < 1e-2).all(), f"{measure}: {between}"
    assert len(not_neutral(table)) == 0, "a change that should be neutral is not"


def test_the_summary_speaks_of_every_measure_early_and_late(resumed):
    (table, _), _, _ = resumed
    ratios = summarise(table)
    assert len(ratios) == 6 and all(row.ratio and row.ratio > 0 for row in ratios)
    assert all(row.low <= row.ratio <= row.high for row in ratios)


def test_what_could_not_be_varied_is_said_and_recorded(resumed, watched):
    assert any("threads not varied" in line for line in watched.lines)
    record = json.loads((watched.folder / "divergence.json").read_text())
    skipped = {(change["backend"], change["variant"]) for change in record["skipped"]}
    assert {(name, "threads") for name in NAMES} <= skipped


def test_defaults_share_the_reference_and_are_measured_against_rounding(resumed, watched):
    table, trained = watched.run(default_effects, NAMES[0], defaults=FEW)
    assert trained == {
        f"{NAMES[0]}: switched-{name}"
        for name in ("leakyrelu-slope", "rounding-to-uint8", "another-draw-of-images")
    }
    rows = table.set_index("default")
    assert 0.01 < rows.loc["LeakyReLU slope", "one_step"] < 2
    assert rows.loc["LeakyReLU slope", "early_weights"] > 100
    assert rows.loc["rounding to uint8", "note"] == IDENTICAL
    assert rows.loc["TF32", "note"].startswith("not measured") and np.isnan(
        rows.loc["TF32", "early_weights"]
    )


def test_a_finished_study_trains_nothing_even_without_its_working_files(resumed, watched):
    (before, _), _, _ = resumed
    clean(watched.folder)
    assert not list(watched.folder.rglob("*.safetensors"))
    table, trained = watched.run(divergence, NAMES)
    assert trained == set() and table.equals(before)
