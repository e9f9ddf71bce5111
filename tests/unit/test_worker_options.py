"""What a worker hands to its backend is what the experiment names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import backends
from backends.interface import Runtime, State
from backends.model import Model
from backends.objective import Objective
from harness.config.experiment import Experiment
from harness.config.load import load_experiment
from harness.plan.initial_weights import initial_state
from harness.records.run import RunRecord
from harness.system.files import write_arrays
from harness.training.clocks import Clocks
from harness.training.job import Job
from harness.training.run import TrainingRun


class Listening:
    """A backend that keeps what it is given."""

    def __init__(self, name: str, model: Model, objective: Objective, runtime: Runtime) -> None:
        self.model, self.objective, self.runtime = model, objective, runtime
        self.loaded: State = {}

    def load_state(self, state: State) -> None:
        self.loaded = state

    def environment(self) -> dict[str, str]:
        return {}


def begin(experiment: Experiment, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Listening:
    """The backend of a run that has just begun."""
    monkeypatch.setattr(backends, "load", Listening)
    np.save(folder / "train.npy", np.zeros((8, 36, 36, 3), np.uint8))
    np.save(folder / "test.npy", np.zeros((6, 32, 32, 3), np.uint8))
    images = {
        f"{split}{side}": str(folder / f"{split}.npy")
        for split in ("train", "test")
        for side in "AB"
    }
    settings = experiment.model_dump()
    run = TrainingRun(Job("torch", 5, str(folder), "cpu", "a CPU", 2, settings, images), Clocks())
    assert isinstance(run.backend, Listening)
    return run.backend


@pytest.mark.parametrize("weights", ["normal", "glorot_uniform"])
def test_a_run_begins_with_the_initial_weights_it_names(
    weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = load_experiment(
        "any", "smoke", [f"model.initial_weights={weights}", "model.norm.affine=true"]
    )
    backend = begin(experiment, tmp_path, monkeypatch)
    expected = initial_state(experiment.networks(), experiment.loss(), 5, weights)  # type: ignore[arg-type]
    assert backend.loaded.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(backend.loaded[name], array)


def test_a_backend_is_told_every_option_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overrides = [
        "runtime.onednn=false",
        "runtime.channels_last=false",
        "model.norm.kind=batch",
        "model.norm.momentum=0.01",
        "model.padding=same",
        "model.transposed_crop=last",
        "model.bias=false",
        "model.rounding=down",
        "objective.halve_discriminator=false",
        "objective.update_order=discriminators_first",
        "optimiser.epsilon_hat=true",
    ]
    backend = begin(load_experiment("any", "smoke", overrides), tmp_path, monkeypatch)
    assert backend.runtime == Runtime("cpu", threads=2, onednn=False, channels_last=False)
    for network in (backend.model.g_ab, backend.model.d_b):
        assert (network.norm.kind, network.norm.momentum) == ("batch", 0.01)
        assert (network.padding, network.bias) == ("same", False)
    assert backend.model.g_ba.transposed_crop == "last" and backend.model.rounding == "down"
    objective = backend.objective
    assert (objective.halve_discriminator, objective.epsilon_hat) == (False, True)
    assert objective.update_order == "discriminators_first"


def test_translations_of_training_that_was_lost_are_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed process may have been evaluated further on than its checkpoint, or than none."""
    lost = RunRecord(tmp_path).evaluation_file(10)
    write_arrays(lost, {"ab": np.zeros(1, np.uint8)})
    begin(load_experiment("any", "smoke", []), tmp_path, monkeypatch)
    assert not lost.exists()
