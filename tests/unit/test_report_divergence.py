"""How far losses are apart, and what the page says of it."""

import numpy as np
import pytest
from report_experiment import STEPS, build

from harness.records.experiment import load
from harness.records.run import RunRecord
from harness.report.comparison.divergence import divergences, share, why
from harness.system.files import read_table, write_table


def moved(folder, seed, factor):
    """TensorFlow's losses become PyTorch's times `factor` (steps,)."""
    place = folder / "runs" / "cpu-example"
    table = read_table(place / f"torch-seed{seed}" / "losses.csv")
    changed = table.copy()
    terms = [name for name in table if name.split("_")[0] in LOSSES]
    changed[terms] = table[terms].mul(factor, axis=0)
    write_table(place / f"tf-seed{seed}" / "losses.csv", changed)


LOSSES = ("adversarial", "cycle", "identity", "discriminator")


def test_the_distance_is_relative_to_the_losses(tmp_path):
    folder = build(tmp_path)
    growing = np.geomspace(1e-7, 0.1, STEPS)
    moved(folder, 0, 1 + growing)
    [found] = divergences(load(folder))
    np.testing.assert_allclose(found.backends[0], growing / (1 + growing / 2), rtol=1e-6)
    assert found.at_start == pytest.approx(1e-7, rel=1e-6) and found.seeds_at_end is None
    beyond = int(np.flatnonzero(growing / (1 + growing / 2) > 0.01)[0])
    assert found.apart_from == beyond
    text = why(load(folder), [found])[0]
    assert "losses is 1.0e-07 at the first step (rounding alone can cause it)" in text
    assert f"exceeds 1 % from step {beyond:,} on" in text and "two seeds" not in text


def test_a_gap_at_the_first_step_is_not_called_rounding(tmp_path):
    folder = build(tmp_path)
    moved(folder, 0, np.full(STEPS, 1.02))
    assert "(more than rounding)" in why(load(folder), divergences(load(folder)))[0]


def test_two_seeds_of_one_backend_are_the_measure(tmp_path):
    folder = build(tmp_path, seeds=(0, 1, 2))
    [found] = divergences(load(folder))
    assert found.backends.shape == found.seeds.shape == (3, STEPS)
    a, b = (RunRecord(folder / "runs" / "cpu-example" / f"torch-seed{seed}") for seed in (0, 1))
    gap, size = 0.0, 0.0
    for name in a.losses:
        if name.split("_")[0] in LOSSES:
            gap = gap + (a.losses[name] - b.losses[name]).abs()
            size = size + (a.losses[name] + b.losses[name]) / 2
    np.testing.assert_allclose(found.seeds[0], gap / size)
    assert f"two seeds of PyTorch it is {share(found.seeds_at_end)}" in why(
        load(folder), [found]
    )[0]  # fmt: skip


def test_terms_that_are_not_trained_on_do_not_count(tmp_path):
    folder = build(tmp_path)
    place = folder / "runs" / "cpu-example"
    from harness.system.files import read_json, write_json

    record = read_json(folder / "experiment.json")
    record["configuration"]["objective"]["identity"] = 0.0
    write_json(folder / "experiment.json", record)
    moved(folder, 0, np.ones(STEPS))
    table = read_table(place / "tf-seed0" / "losses.csv")
    table["identity_a"] *= 2
    write_table(place / "tf-seed0" / "losses.csv", table)
    [found] = divergences(load(folder))
    assert found.at_end == 0


def test_a_single_backend_has_no_distance(tmp_path):
    assert divergences(load(build(tmp_path, backends=("tf",)))) == []
    assert len(why(load(tmp_path), [])) == 1


def test_shares_are_written_for_people():
    assert [share(x) for x in (2.34e-7, 0.0041, 0.12)] == ["2.3e-07", "0.41 %", "12 %"]
