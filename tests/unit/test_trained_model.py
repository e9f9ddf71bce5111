"""Trained models as they are found on disk."""

from __future__ import annotations

import numpy as np
import pytest
from trained_run import TITLES, experiment, write_run

from backends.interface import check_state
from harness.system.errors import UserError
from harness.system.files import read_arrays, write_arrays
from harness.tools.trained_model import read_model, write_model


def test_a_run_is_read_with_its_configuration_titles_and_weights(tmp_path):
    trained = read_model(write_run(tmp_path / "one", "tf"))
    assert trained.configuration == experiment()
    assert (trained.titles, trained.backend) == (TITLES, "tf")
    assert (trained.name, trained.directions) == ("one/tf-seed0", ("ab", "ba"))
    state = read_arrays(trained.folder / "state.safetensors")
    averaged = state["average/g_ba/down0/kernel"]
    assert np.array_equal(trained.weights("ba")["down0/kernel"], averaged)
    assert not np.array_equal(averaged, state["g_ba/down0/kernel"])


def test_an_experiment_stands_for_its_only_complete_run(tmp_path):
    run = write_run(tmp_path, "torch")
    write_run(tmp_path, "tf", state="interrupted")
    assert read_model(tmp_path).folder == run
    write_run(tmp_path, "tf")
    with pytest.raises(UserError, match=r"2 complete runs, name one.*tf-seed0, .*torch-seed0"):
        read_model(tmp_path)


def test_a_model_folder_with_one_generator_is_read_and_can_be_loaded(tmp_path):
    whole = read_model(write_run(tmp_path / "run", "tf", ["model.norm.kind=batch"]))
    write_model(tmp_path / "winter", whole, ["ab"])
    trained = read_model(tmp_path / "winter")
    assert (trained.name, trained.backend, trained.directions) == ("winter", "tf", ("ab",))
    assert all(name.startswith("g_ab/") for name in trained.state)
    assert trained.titles == TITLES and trained.configuration == whole.configuration
    assert trained.origin == whole.origin == "run: tf, seed 0, 20 steps"
    for name, array in whole.weights("ab").items():
        assert np.array_equal(trained.weights("ab")[name], array)
    model, objective, state = trained.loadable()
    check_state(state, model.state_shapes(objective))
    assert np.array_equal(state["g_ab/head/kernel"], whole.state["average/g_ab/head/kernel"])
    assert not state["g_ba/head/kernel"].any()
    assert state["pool_a"].shape[0] == 0


def test_directions_have_the_names_of_domains(tmp_path):
    trained = read_model(write_run(tmp_path / "run"))
    named = {"ab": "ab", "BA": "ba", "summer2winter": "ab", "Winter2Summer": "ba"}
    assert {asked: trained.find_direction(asked) for asked in named} == named
    with pytest.raises(UserError, match=r"one of ab \(summer to winter\), ba \(winter to summer\)"):
        trained.find_direction("winter2winter")
    write_model(tmp_path / "winter", trained, ["ab"])
    with pytest.raises(UserError, match=r"no generator ba; it has ab \(summer to winter\)"):
        read_model(tmp_path / "winter").find_direction("ba")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda state: state.pop("g_ab/stem/kernel"), "g_ab/stem/kernel is missing"),
        (lambda state: state.update({"g_ab/x": np.zeros(1)}), "g_ab/x is unknown"),
        (lambda state: state.update({"g_ab/stem/bias": np.zeros(3)}), "has shape"),
        (lambda state: state["g_ba/stem/bias"].fill(np.nan), "'g_ba/stem/bias' has a number"),
        (lambda state: [state.pop(name) for name in list(state) if "g_" in name], "no generator"),
    ],
)
def test_weights_that_are_not_those_of_the_configuration_are_refused(tmp_path, change, says):
    run = write_run(tmp_path)
    state = read_arrays(run / "state.safetensors")
    change(state)
    write_arrays(run / "state.safetensors", state)
    with pytest.raises(UserError, match=says):
        read_model(run)
