"""Trains step by step and says after each step how far it is from trainings that went before.

A process of its own, since threads and kernel libraries are chosen once a process. Its first line
names the backend and the fields of its `Runtime`; every command is a `Trajectory`. While it trains
it tells of the backend's `environment`, once, and of the `step`. Its tables are written whole or
not at all.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import backends
from backends.interface import Backend, Runtime, State
from backends.objective import LOSS_TERMS
from harness.config.experiment import Experiment
from harness.plan.initial_weights import initial_state
from harness.plan.plan import make_plan
from harness.processes.child import Parent, run
from harness.studies.consistency.steps.distance import Rows, Sample, distances, nudge
from harness.system.files import read_arrays, write_arrays, write_table

PROGRESS_SECONDS = 0.5


@dataclass(frozen=True)
class Against:
    """Compare with `rows`, the file of an earlier trajectory, in the size of that; write `table`.

    `table`: CSV with a row a step, `step weights outputs losses`, relative distances.
    """

    rows: str
    table: str


@dataclass(frozen=True)
class Trajectory:
    """One training of `steps` steps. Files are absolute paths.

    `base`: the experiment whose weights are compared; `experiment` has all of them, maybe more.
    `ulp_draw`: None, or which random draw moves every weight of the start by one unit in the last
    place. `moved`: CSV of the distances from its own start, or None. `keep`: write `rows`.
    """

    name: str
    experiment: dict[str, Any]
    base: dict[str, Any]
    images: dict[str, str]
    steps: int
    seed: int
    plan_seed: int
    ulp_draw: int | None
    moved: str | None
    rows: str
    keep: bool
    against: tuple[Against, ...]

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Trajectory:
        against = tuple(Against(**each) for each in content.pop("against"))
        return cls(against=against, **content)


def start_of(trajectory: Trajectory, experiment: Experiment) -> State:
    """Initial weights and empty pools, in the precision of the experiment."""
    model = experiment.networks()
    state = initial_state(
        model, experiment.loss(), trajectory.seed, experiment.model.initial_weights
    )
    if trajectory.ulp_draw is None:
        return state
    precision = Runtime(precision=experiment.runtime.precision).stored
    nudged = {
        name: nudge(state[name].astype(precision), f"{name}/{trajectory.ulp_draw}")
        for name in model.parameter_shapes()
    }
    return {**state, **nudged}


class Trainer:
    """Backends of one process; the last one built is used again where only the start differs."""

    def __init__(self, parent: Parent):
        self.parent = parent
        self._built: tuple[Experiment, Backend] | None = None

    def follow(self, trajectory: Trajectory) -> None:
        """Train, compare, and write what was asked for."""
        rows = self._train(trajectory)
        if trajectory.keep:
            write_arrays(Path(trajectory.rows), rows)
        for against in trajectory.against:
            reference = read_arrays(Path(against.rows))
            write_table(Path(against.table), distances(reference, rows))
        if trajectory.moved:
            start = {name: np.broadcast_to(array[:1], array.shape) for name, array in rows.items()}
            write_table(Path(trajectory.moved), distances(rows, start))

    def _train(self, trajectory: Trajectory) -> Rows:
        experiment = Experiment.model_validate(trajectory.experiment)
        images = {
            split: np.load(path, mmap_mode="r", allow_pickle=False)
            for split, path in trajectory.images.items()
        }
        train_a, train_b = images["trainA"], images["trainB"]
        plan = make_plan(experiment, trajectory.plan_seed, len(train_a), len(train_b))
        sample = Sample(Experiment.model_validate(trajectory.base).networks())
        backend = self._backend(experiment)
        backend.load_state(start_of(trajectory, experiment))
        rows = {"weights": [sample.weights(backend.state())]}
        rows["outputs"] = [sample.outputs(backend, images)]
        rows["losses"] = [np.full(len(LOSS_TERMS), np.nan)]
        said = 0.0
        for step in range(trajectory.steps):
            backend.train_step(plan.batch(step, train_a, train_b))
            rows["losses"].append(backend.losses()[0, : len(LOSS_TERMS)])
            rows["weights"].append(sample.weights(backend.state()))
            rows["outputs"].append(sample.outputs(backend, images))
            if time.monotonic() - said > PROGRESS_SECONDS or step + 1 == trajectory.steps:
                said = time.monotonic()
                self.parent.progress(step=step + 1)
        return {name: np.stack(each) for name, each in rows.items()}

    def _backend(self, experiment: Experiment) -> Backend:
        if self._built is None or self._built[0] != experiment:
            first = self._built is None
            self._built = None  # the old one's memory, before the new one takes its own
            runtime = Runtime(**self.parent.first["runtime"])
            model, objective = experiment.networks(), experiment.loss()
            backend = backends.load(self.parent.first["backend"], model, objective, runtime)
            self._built = (experiment, backend)
            if first:
                self.parent.progress(environment=backend.environment())
        return self._built[1]


def serve(parent: Parent) -> None:
    trainer = Trainer(parent)
    parent.send({"ready": True})
    for command in parent.commands():
        trainer.follow(Trajectory.from_json(command["trajectory"]))
        parent.send({"done": True})


if __name__ == "__main__":
    run(serve)
