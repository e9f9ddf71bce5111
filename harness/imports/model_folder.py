"""A model by itself: four networks, and the configuration that they belong to.

`model.json` and `state.safetensors`, as in results/README.md. A run of an experiment is one, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

import backends
from backends.interface import check_state, state_shapes
from harness.config import Experiment, one_line
from harness.errors import UserError
from harness.records import RunRecord, read_arrays, read_json, write_arrays, write_json

FILE_NAME = "model.json"
STATE = "state.safetensors"
# In a configuration that was written down, but not among the settings of an experiment.
FOR_REPORTS = ("backends", "titles")


@dataclass(frozen=True)
class TrainedModel:
    """`state` is canonical; `origin`: where the weights are from, in words."""

    experiment: Experiment
    titles: Mapping[str, str]
    origin: str
    state: Mapping[str, np.ndarray]


def write_model(folder: Path, model: TrainedModel) -> None:
    """Raises UserError where there is something already."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder}: already there; remove it, or give another --to")
    experiment, titles = model.experiment, dict(model.titles)
    write_arrays(folder / STATE, model.state)
    document = {
        "dataset": experiment.dataset,
        "preset": experiment.preset,
        "origin": model.origin,
        "titles": titles,
        "configuration": {
            **experiment.model_dump(exclude={"dataset", "preset"}),
            "backends": list(backends.available()),
            "titles": titles,
        },
    }
    # Last: a folder that has it is whole.
    write_json(folder / FILE_NAME, document)


def read_model(folder: Path) -> TrainedModel:
    """Of a model folder, or of a complete run's. Raises UserError for another, or a damaged one."""
    file, origin = _document(folder)
    document = read_json(file)
    try:
        names = {name: document[name] for name in ("dataset", "preset")}
        configuration = document["configuration"]
        settings = {k: v for k, v in configuration.items() if k not in FOR_REPORTS} | names
        experiment = Experiment.model_validate(settings)
        titles = {side: str(configuration["titles"][side]) for side in "ab"}
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{file}: not as cyclebench writes it ({error!r}); make it anew") from None
    except ValidationError as error:
        raise UserError(
            f"{file}: {one_line(error, Experiment)}; use the version of cyclebench that wrote it"
        ) from None
    state = read_arrays(folder / STATE)
    try:
        check_state(state, state_shapes(experiment.networks(), experiment.loss()))
    except ValueError as error:
        raise UserError(f"{folder / STATE}: not of {file.name} ({error}); make it anew") from None
    return TrainedModel(experiment, titles, origin or str(document.get("origin")), state)


def _document(folder: Path) -> tuple[Path, str]:
    """The file with the configuration; what a run's weights are from."""
    if (folder / FILE_NAME).is_file():
        return folder / FILE_NAME, ""
    run = folder.resolve()
    file = run.parent.parent.parent / "experiment.json"
    if not (run / "status.json").is_file() or not file.is_file():
        raise UserError(
            f"{folder}: no model there; name a folder that `cyclebench import checkpoint` made, or"
            " a run as results/<experiment>/runs/<device>/<backend>-seed<n>"
        )
    status = RunRecord(run).status
    if status["state"] != "complete":
        raise UserError(
            f"{folder}: {status['state']} at step {status['step']} of {status['steps']}: no final"
            " weights; `make compare` completes it"
        )
    return file, f"{status['backend']}, seed {status['seed']}, {status['steps']} steps"
