"""What a study trains, and the command line's refusals."""

import pytest

from harness.cli import main
from harness.config.load import load_experiment
from harness.plan.plan import evenly
from harness.studies.consistency.defaults import DEFAULTS, switched
from harness.studies.consistency.study import DEFAULT_SEEDS, ConsistencyOptions, plan, planted


@pytest.fixture(scope="module")
def experiment():
    return load_experiment("seasons", "consistency", [])


def test_every_default_that_acts_on_a_cpu_is_trained_beside_what_it_is_compared_with(experiment):
    entries = plan(ConsistencyOptions(seeds=4, pairs=6), experiment)
    by_role = {(entry.role, entry.name): entry for entry in entries}
    reference = by_role["reference", ""]
    assert reference.experiment == experiment
    assert reference.seeds == {"torch": tuple(range(12)), "tf": (0, 1, 2, 3)}
    for default in DEFAULTS:
        assert (("default", default.name) in by_role) is not default.cuda
        assert (("base", default.name) in by_role) is bool(default.base_overrides)
        if default.cuda:
            continue
        base = by_role.get(("base", default.name), reference)
        changed = by_role["default", default.name]
        assert changed.experiment == switched(base.experiment, default.overrides)
        assert changed.experiment != base.experiment
        assert changed.seeds == {"torch": tuple(range(DEFAULT_SEEDS))}
        assert set(changed.seeds["torch"]) <= set(base.seeds["torch"])


def test_no_two_experiments_of_a_study_are_the_same(experiment):
    entries = plan(ConsistencyOptions(), experiment)
    digests = [entry.experiment.digest() for entry in entries]
    assert len(set(digests)) == len(digests)


def test_a_default_that_is_asked_for_anyway_is_not_trained_twice():
    experiment = load_experiment("seasons", "consistency", ["objective.pool_size=0"])
    assert "image pool" not in {entry.name for entry in plan(ConsistencyOptions(), experiment)}


def test_the_planted_difference_is_in_the_cycle_weight_alone(experiment):
    other = switched(experiment, planted(experiment))
    assert other.objective.lambda_a < experiment.objective.lambda_a
    assert other.objective.lambda_b < experiment.objective.lambda_b
    same = {"lambda_a": 10.0, "lambda_b": 10.0}
    assert other.objective.model_copy(update=same) == experiment.objective
    assert other.model_copy(update={"objective": experiment.objective}) == experiment


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--backends", "torch"], "consistency: needs two backends"),
        (["--backends", "torch,mxnet"], "backends: 'mxnet' is unknown"),
        (["--seeds", "2"], "seeds: 2 is too few for a verdict; at least 3"),
        (["--seeds", "6", "--pairs", "5"], "pairs: 5 is less than the 6 of one verdict"),
        (["--set", "model.blokcs=1"], "model.blokcs: unknown key"),
        (["--dataset", "/no/such/place"], "/no/such/place"),
    ],
)
def test_bad_input_is_one_line_and_status_2(capsys, tmp_path, arguments, says):
    results = tmp_path / "results"
    assert main(["consistency", "--results", str(results), *arguments]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("cyclebench: ") and says in last
    assert not results.exists()


def test_the_images_that_are_scored_are_capped_by_the_preset_and_by_whoever_overrides_it():
    """Of a real data set hundreds of test images would take longer to score than to train."""
    assert load_experiment("horse2zebra", "consistency", []).evaluation.images == 40
    changed = load_experiment("horse2zebra", "consistency", ["evaluation.images=7"])
    assert changed.evaluation.images == 7
    assert evenly(120, 40).tolist() == sorted(set(evenly(120, 40).tolist()))
    assert (evenly(120, 40)[0], evenly(120, 40)[-1], len(evenly(120, 40))) == (0, 119, 40)
    assert evenly(6, 40).tolist() == evenly(6, None).tolist() == list(range(6))
