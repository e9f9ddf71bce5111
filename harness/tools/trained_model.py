"""A trained model as it lies on disk: a run of a comparison, or a model folder.

A model folder holds `model.json` and `state.safetensors`, see results/README.md: what `export`
writes, and what is imported from elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

import backends
from backends.interface import Direction, State, check_state
from backends.model import Model
from backends.objective import Objective
from harness.config.experiment import Experiment, class_of, experiment_of, recorded_settings
from harness.config.load import one_line
from harness.records.run import RunRecord, find_runs
from harness.records.schema import Text, check_shape
from harness.system.errors import UserError
from harness.system.files import read_arrays, read_json, write_arrays, write_json
from harness.system.untrusted import is_file, printable, shown

DIRECTIONS: tuple[Direction, ...] = ("ab", "ba")


class Titles(BaseModel):
    model_config = ConfigDict(extra="forbid")

    a: Text = Field(min_length=1)
    b: Text = Field(min_length=1)


class ModelDescription(BaseModel):
    """model.json, as far as it is read; in experiment.json titles are in the configuration."""

    dataset: Text = ""
    preset: Text = ""
    configuration: dict[str, Any]
    titles: Titles
    origin: Text = ""
    backend: Text | None = None


@dataclass(frozen=True)
class TrainedModel:
    """Generators and what is known of them.

    `state`: canonical, at least every weight and running statistic of one generator. `folder`: of
    the run, or the model folder. `backend` trained it, as far as is known. `origin`: where the
    weights are from, in words.
    """

    configuration: Experiment
    titles: Mapping[str, str]
    state: State
    name: str
    folder: Path
    backend: str | None = None
    origin: str = ""

    @property
    def directions(self) -> tuple[Direction, ...]:
        """Whose generators are there."""
        return tuple(
            direction for direction in DIRECTIONS if f"g_{direction}/head/kernel" in self.state
        )

    def described(self, direction: Direction) -> str:
        """In words; titles are whatever somebody has written into a file."""
        source, target = (self.titles[domain] for domain in direction)
        return printable(f"{source} to {target}")

    def find_direction(self, asked: str) -> Direction:
        """`ab`, `ba`, or titles as in `summer2winter`. Raises UserError."""
        a, b = (self.titles[domain].casefold() for domain in "ab")
        named: dict[str, Direction] = {"ab": "ab", "ba": "ba"}
        if a != b:
            named = {f"{a}2{b}": "ab", f"{b}2{a}": "ba", **named}
        direction = named.get(asked.casefold())
        if direction is None:
            choices = self._listed(DIRECTIONS)
            raise UserError(f"direction {shown(asked)}: unknown; one of {choices}")
        if direction not in self.directions:
            raise UserError(
                f"{self.name}: holds no generator {direction}; it has"
                f" {self._listed(self.directions)}"
            )
        return direction

    def _listed(self, directions: Sequence[Direction]) -> str:
        return ", ".join(f"{way} ({self.described(way)})" for way in directions)

    def scored(self, name: str) -> np.ndarray:
        """A weight or statistic as it is scored: its moving average, where the state has one."""
        return self.state.get(f"average/{name}", self.state[name])

    def weights(self, direction: Direction) -> dict[str, np.ndarray]:
        """Own canonical name -> weight or running statistic of a generator, as `scored`."""
        names = generator_shapes(self.configuration.networks(), direction)
        return {name.partition("/")[2]: self.scored(name) for name in names}

    def loadable(self) -> tuple[Model, Objective, dict[str, np.ndarray]]:
        """What a backend is built from and a state that it loads, for translating alone.

        Weights as `scored`, without averages beside them and without image pools. All that
        translating does not need is zero.
        """
        model = self.configuration.networks()
        objective = replace(self.configuration.loss(), pool_size=0, average=0.0)
        state = {
            name: np.zeros(shape, np.int64 if name == "step" else np.float32)
            for name, shape in model.state_shapes(objective).items()
        }
        networks = {*model.parameter_shapes(), *model.statistic_shapes()}
        state |= {name: self.scored(name) for name in self.state if name in networks}
        return model, objective, state


def generator_shapes(model: Model, direction: Direction) -> dict[str, tuple[int, ...]]:
    """Canonical name -> shape of every weight and running statistic of a generator."""
    everything = {**model.parameter_shapes(), **model.statistic_shapes()}
    return {name: shape for name, shape in everything.items() if name.startswith(f"g_{direction}/")}


def read_model(path: Path) -> TrainedModel:
    """Of a run's folder, of an experiment folder with one complete run, or of a model folder.

    Raises UserError where there is none, or where it is damaged or does not fit together.
    """
    if is_file(path / "model.json"):
        file = path / "model.json"
        return _trained(file, read_json(file), path, path.resolve().name)
    if is_file(path / "experiment.json"):
        runs = [run for run in find_runs(path) if run.complete]
        if not runs:
            raise UserError(f"{path}: no complete run there; `make compare` completes them")
        if len(runs) > 1:
            names = ", ".join(str(run.folder) for run in runs)
            raise UserError(f"{path}: {len(runs)} complete runs, name one of them: {names}")
        return _read_run(path, runs[0])
    if is_file(path / "status.json"):
        run = path.resolve()
        experiment = run.parent.parent.parent
        if is_file(experiment / "experiment.json"):
            return _read_run(experiment, RunRecord(run))
    raise UserError(
        f"{path}: no trained model there; name a run as"
        " results/<experiment>/runs/<device>/<backend>-seed<n>, or a model folder"
    )


def write_model(
    folder: Path,
    trained: TrainedModel,
    directions: Sequence[Direction] | None = None,
    facts: Mapping[str, str] | None = None,
) -> None:
    """A model folder, for `read_model`: the generators of `directions` alone, or the whole state.

    `facts`: for the metadata of the arrays, which other programs may read without model.json.
    """
    model = trained.configuration.networks()
    names = [name for direction in directions or () for name in generator_shapes(model, direction)]
    experiment, titles = trained.configuration, dict(trained.titles)
    configuration: dict[str, Any] = {
        **experiment.model_dump(exclude={"dataset", "preset"}),
        "backends": list(backends.USUAL),
        "titles": titles,
    }
    document = {
        "dataset": experiment.dataset,
        "preset": experiment.preset,
        "backend": trained.backend,
        "origin": trained.origin,
        "titles": titles,
        "configuration": configuration,
    }
    arrays = {name: trained.scored(name) for name in names} or dict(trained.state)
    # Several facts are written in no fixed order; without them the same state gives the same bytes.
    metadata = {**facts, "configuration": json.dumps(configuration)} if facts else None
    write_arrays(folder / "state.safetensors", arrays, metadata)
    # Written last: a folder that has it is complete.
    write_json(folder / "model.json", document)


def _read_run(experiment: Path, run: RunRecord) -> TrainedModel:
    status = run.status
    if not run.complete:
        raise UserError(
            f"{run.folder}: {status['state']} at step {status['step']} of {status['steps']};"
            " `make compare` completes it"
        )
    file, name = experiment / "experiment.json", experiment.resolve().name
    document = read_json(file)
    configuration = document.get("configuration")
    document |= {
        "titles": configuration.get("titles") if isinstance(configuration, dict) else None,
        "backend": run.backend,
        "origin": f"{name}: {run.backend}, seed {run.seed}, {status['steps']} steps",
    }
    return _trained(file, document, run.folder, f"{name}/{run.folder.name}")


def _trained(path: Path, document: Mapping[str, Any], folder: Path, name: str) -> TrainedModel:
    """`document`: what is in the file `path`, as a ModelDescription has it."""
    check_shape(path, document, ModelDescription, "take it from where it was written")
    description = ModelDescription.model_validate(document)
    try:
        settings = recorded_settings(description.model_dump())
        configuration = experiment_of(settings)
        if not isinstance(configuration, Experiment):
            raise UserError(
                f"{path}: its model is no CycleGAN and translates nothing; what it makes is in"
                " report.html and in evaluations/ of its runs"
            )
    except ValidationError as error:
        raise UserError(
            f"{path}: {one_line(error, class_of(settings))}; use the version of cyclebench that"
            " wrote it"
        ) from None
    file = folder / "state.safetensors"
    state = read_arrays(file)
    try:
        _check(state, configuration)
    except ValueError as error:
        raise UserError(f"{file}: {error}; take it from where it was written") from None
    return TrainedModel(
        configuration,
        description.titles.model_dump(),
        state,
        name,
        folder,
        description.backend,
        description.origin,
    )


def _check(state: State, configuration: Experiment) -> None:
    """Raises ValueError unless `state` holds one or two whole generators, and all of it fits."""
    model = configuration.networks()
    generators = [
        generator_shapes(model, direction)
        for direction in DIRECTIONS
        if any(name.startswith(f"g_{direction}/") for name in state)
    ]
    if not generators:
        raise ValueError("holds no generator: no array g_ab/... or g_ba/...")
    full = model.state_shapes(configuration.loss())
    needed = {name: full[name] for name in state if name in full}
    for shapes in generators:
        needed |= shapes
    check_state(state, needed)
    for name in (name for shapes in generators for name in shapes):
        if not np.isfinite(state[name]).all():
            raise ValueError(f"{shown(name)} has a number that is not finite")
