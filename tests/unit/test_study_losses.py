"""The losses that a study's page draws: as the optimisers see them."""

import numpy as np
from report_experiment import build

from harness.records.experiment import load
from harness.records.run import RunRecord
from harness.studies.grid.page.losses import loss_curves, steady_from
from harness.system.files import read_json, write_json, write_table


def test_generator_loss_is_the_weighted_sum(tmp_path):
    experiment = load(build(tmp_path))
    [run] = experiment.of("torch")
    losses = run.losses
    made = loss_curves(experiment, [run], "generators")[0]
    # `report_experiment` writes lambda 10 and identity 0.5.
    sides = [losses[f"adversarial_{s}"] for s in ("ab", "ba")]
    sides += [10 * losses[f"cycle_{s}"] + 5 * losses[f"identity_{s}"] for s in "ab"]
    np.testing.assert_allclose(made, sum(sides), rtol=1e-12)
    made = loss_curves(experiment, [run], "discriminators")[0]
    np.testing.assert_allclose(made, (losses["discriminator_a"] + losses["discriminator_b"]) / 2)


def test_loss_of_a_critic_includes_its_penalty_and_may_be_below_zero(tmp_path):
    build(tmp_path, seeds=(0,))
    record = read_json(tmp_path / "experiment.json")
    record["configuration"]["objective"] |= {"adversarial": "wasserstein_gp"}
    write_json(tmp_path / "experiment.json", record)
    experiment = load(tmp_path)
    [run] = experiment.of("torch")
    losses = run.losses.assign(penalty_a=0.5, penalty_b=0.25, discriminator_a=-9.0)
    write_table(run.folder / "losses.csv", losses)
    made = loss_curves(experiment, [RunRecord(run.folder)], "discriminators")[0]
    halves = (losses["discriminator_a"] + losses["discriminator_b"]) / 2
    np.testing.assert_allclose(made, halves + 10 * 0.75)
    assert made.max() < 5


def test_a_loss_is_steady_from_where_it_stays_near_its_end():
    falling = np.concatenate([np.linspace(11, 1, 200), np.ones(800)])
    step = steady_from(falling)
    assert 185 <= step <= 225
    assert steady_from(np.ones(100)) == 0
    assert steady_from(np.linspace(10, 1, 1000)) is None
    assert steady_from(np.full(100, np.nan)) is None and steady_from(np.ones(3)) is None
