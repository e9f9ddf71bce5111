"""A process that trains step by step and measures how far it is from earlier trainings.

It is a process of its own, since threads and kernel libraries are chosen once a process. Its first
line names the backend and the fields of its `Runtime`; every command is a `Trajectory`. While it
trains it reports the backend's `environment`, once, and the `step`. Its tables are written whole or
not at all.

What is compared, as rows of step 0 (the start) to N:

- weights: at most SAMPLE of them, of all four networks, the same ones everywhere. Biases in front
  of a norm are left out: their gradient is zero, so they drift by rounding and change no output.
- outputs: of both generators on PROBES test images each, floats in [-1, 1], at most SAMPLE values.
- losses: the eight terms of the step that led there.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import TypeAdapter

import backends
from backends.interface import Backend, Runtime, State
from backends.model import Model
from backends.objective import LOSS_TERMS
from harness.config.experiment import Experiment
from harness.plan.initial_weights import initial_state, nudged_weights
from harness.plan.plan import make_plan
from harness.plan.random_streams import stream
from harness.processes.child import Parent, run
from harness.system.files import read_arrays, write_arrays, write_table

MEASURES = ("weights", "outputs", "losses")
SAMPLE = 2**16
PROBES = 2
PROGRESS_SECONDS = 0.5
SEED = 0  # of the start, and of the plan unless another is asked for

Rows = dict[str, np.ndarray]


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
    plan_seed: int
    ulp_draw: int | None
    moved: str | None
    rows: str
    keep: bool
    against: tuple[Against, ...]


class Sample:
    """Which values of weights and outputs are compared: drawn once, the same in every process."""

    def __init__(self, base: Model):
        shapes = base.parameter_shapes()
        self.names = sorted(shapes.keys() - base.zero_gradients())
        self._weights = _choose("weights", sum(int(np.prod(shapes[name])) for name in self.names))

    def weights(self, state: State) -> np.ndarray:
        """(at most SAMPLE,) in the dtype of the state."""
        return np.concatenate([state[name].ravel() for name in self.names])[self._weights]

    def outputs(self, backend: Backend, images: dict[str, np.ndarray]) -> np.ndarray:
        """(at most SAMPLE,) values in [-1, 1] of both generators on the probes."""
        pairs = (("g_ab", "testA"), ("g_ba", "testB"))
        values = [
            backend.activations(network, np.array(images[split][:PROBES]))["output"].ravel()
            for network, split in pairs
        ]
        flat = np.concatenate(values)
        return flat[_choose("outputs", len(flat))]


def _choose(what: str, total: int) -> np.ndarray:
    if total <= SAMPLE:
        return np.arange(total)
    return np.sort(stream(0, f"sample/{what}").choice(total, SAMPLE, replace=False))


def relative_norm(one: np.ndarray, two: np.ndarray) -> float:
    """Euclidean norm of the difference of two arrays of one shape over that of `one`."""
    one, two = one.astype(np.float64), two.astype(np.float64)
    return float(np.linalg.norm(two - one) / np.linalg.norm(one))


def relative_mean(one: np.ndarray, two: np.ndarray) -> float:
    """Mean over the terms of a step of |difference| / |one|; NaN where all are zero in both."""
    present = (one != 0) | (two != 0)
    if not present.any():
        return float("nan")
    with np.errstate(divide="ignore"):
        return float(np.mean(np.abs(two - one)[present] / np.abs(one[present])))


def distances(reference: Rows, other: Rows) -> pd.DataFrame:
    """Relative distances, a row a step: `step weights outputs losses`.

    Weights and outputs: Euclidean norm of the difference over that of the reference. Losses: mean
    over terms of |difference| / |reference|, terms that are zero in both left out; none at step 0.
    """

    table = pd.DataFrame({"step": np.arange(len(reference["weights"]))})
    for name in MEASURES:
        distance = relative_mean if name == "losses" else relative_norm
        pairs = zip(reference[name], other[name], strict=True)
        table[name] = [distance(one, two) for one, two in pairs]
    return table


def start_of(trajectory: Trajectory, experiment: Experiment) -> State:
    """Initial weights and empty pools, in the precision of the experiment."""
    model = experiment.networks()
    state = initial_state(model, experiment.loss(), SEED, experiment.model.initial_weights)
    if trajectory.ulp_draw is None:
        return state
    precision = Runtime(precision=experiment.runtime.precision).stored
    return {**state, **nudged_weights(state, model, precision, trajectory.ulp_draw)}


class Trainer:
    """Backends of one process; the last one built is used again where only the start differs."""

    def __init__(self, parent: Parent):
        self.parent = parent
        self._built: tuple[Experiment, Backend] | None = None

    def follow(self, trajectory: Trajectory) -> None:
        """Train, compare, and write what was asked for."""
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
        # Train; row 0 of each measure is the start.
        weights = [sample.weights(backend.state())]
        outputs = [sample.outputs(backend, images)]
        losses = [np.full(len(LOSS_TERMS), np.nan)]
        reported = 0.0
        for step in range(trajectory.steps):
            backend.train_step(plan.batch(step, train_a, train_b))
            losses.append(backend.losses()[0, : len(LOSS_TERMS)])
            weights.append(sample.weights(backend.state()))
            outputs.append(sample.outputs(backend, images))
            if time.monotonic() - reported > PROGRESS_SECONDS or step + 1 == trajectory.steps:
                reported = time.monotonic()
                self.parent.progress(step=step + 1)
        measured = (weights, outputs, losses)
        rows = {name: np.stack(of_steps) for name, of_steps in zip(MEASURES, measured, strict=True)}
        # Compare with trainings that went before, and with its own start.
        if trajectory.keep:
            write_arrays(Path(trajectory.rows), rows)
        for against in trajectory.against:
            reference = read_arrays(Path(against.rows))
            write_table(Path(against.table), distances(reference, rows))
        if trajectory.moved:
            start = {name: np.broadcast_to(array[:1], array.shape) for name, array in rows.items()}
            write_table(Path(trajectory.moved), distances(rows, start))

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
    trainer, trajectories = Trainer(parent), TypeAdapter(Trajectory)
    parent.send({"ready": True})
    for command in parent.commands():
        trainer.follow(trajectories.validate_python(command["trajectory"]))
        parent.send({"done": True})


if __name__ == "__main__":
    run(serve)
