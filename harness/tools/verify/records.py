"""The records of an experiment, and whether they are consistent with each other and the plan."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import ValidationError

from backends.interface import Runtime, check_state
from harness.config.experiment import (
    AnyExperiment,
    class_of,
    digest_of,
    experiment_of,
    recorded_settings,
)
from harness.config.load import one_line
from harness.data import Manifest
from harness.plan.learning_rate import plateaus
from harness.plan.plan import evaluation_steps, evenly
from harness.records.run import RunRecord, find_runs
from harness.system.checksums import check_sums
from harness.system.errors import UserError
from harness.system.files import SCHEMA_VERSION, read_arrays, read_json
from harness.system.provenance import in_one_line
from harness.training.kinds import AnyPlan, kind_of
from harness.training.loss_history import History

Outcome = Literal["ok", "DIFFERS", "not checked"]


@dataclass(frozen=True)
class CheckResult:
    outcome: Outcome
    note: str


def ok(note: str) -> CheckResult:
    return CheckResult("ok", note)


def differs(note: str) -> CheckResult:
    return CheckResult("DIFFERS", note)


def unchecked(note: str) -> CheckResult:
    return CheckResult("not checked", note)


@dataclass(frozen=True)
class RecordedExperiment:
    """`settings` as they were written down, `experiment` as they are understood now.

    `packages` as `provenance.deciding_packages` gave them; None in an older folder, whose
    `source_digest` covers the packages, too.
    """

    folder: Path
    settings: dict[str, Any]
    experiment: AnyExperiment
    packages: dict[str, dict[str, str]] | None
    manifest: Manifest
    runs: tuple[RunRecord, ...]

    def images(self, split: str) -> int:
        return len(self.manifest.splits[split])

    def plan(self, seed: int) -> AnyPlan:
        counts = (self.images("trainA"), self.images("trainB"))
        return kind_of(self.experiment).make_plan(self.experiment, seed, *counts)


def read_recorded(path: Path) -> RecordedExperiment:
    """Of an experiment folder, or of one run's folder inside one. Raises UserError."""
    run = path.resolve()
    above = run.parent.parent.parent
    if (path / "experiment.json").is_file():
        folder, runs = path, tuple(find_runs(path))
    elif (run / "status.json").is_file() and (above / "experiment.json").is_file():
        folder, runs = above, (RunRecord(run),)
    else:
        raise UserError(
            f"{path}: no experiment there; name results/<experiment>, or a run as"
            " results/<experiment>/runs/<device>/<backend>-seed<n>"
        )
    document = read_json(folder / "experiment.json")
    try:
        settings = recorded_settings(document)
        experiment = experiment_of(settings)
    except (KeyError, AttributeError) as error:
        raise UserError(
            f"{folder}/experiment.json: not as `make compare` writes it ({error!r}); copy it from"
            " where the runs were made"
        ) from None
    except ValidationError as error:
        raise UserError(
            f"{folder}/experiment.json: {one_line(error, class_of(settings))}; verify with the"
            " version of cyclebench that wrote it"
        ) from None
    manifest = Manifest.from_json(read_json(folder / "manifest.json"))
    if not any(run.complete for run in runs):
        raise UserError(f"{path}: no complete run there to verify; `make compare` completes them")
    return RecordedExperiment(
        folder, settings, experiment, document.get("packages"), manifest, runs
    )


def check_configuration(recorded: RecordedExperiment) -> CheckResult:
    """The folder's name is made of the configuration, the images, the code and the packages."""
    name = recorded.folder.resolve().name.rpartition("-")[2]
    sources = {str(run.environment.get("source_digest")) for run in recorded.runs if run.complete}
    packages = [] if recorded.packages is None else [in_one_line(recorded.packages)]
    digests = {
        digest_of(
            recorded.settings, recorded.manifest.digest, source, *packages, str(SCHEMA_VERSION)
        )
        for source in sources
    }
    if digests == {name}:
        return ok(
            f"configuration, images, code and packages make the hash {name} of the folder's name"
        )
    return differs(
        f"configuration, images, code and packages make {', '.join(sorted(digests))}, the folder's"
        f" name says {name}: experiment.json, manifest.json or environment.json was changed"
    )


def check_files(run: RunRecord) -> CheckResult:
    damage = check_sums(run.folder)
    if damage is None:
        return unchecked("no sums.json: the run was made before cyclebench wrote one")
    return differs(str(damage)) if damage else ok("every file has the SHA-256 it was finished with")


def check_losses(run: RunRecord, recorded: RecordedExperiment, plan: AnyPlan) -> CheckResult:
    """A row for every step, in order, with the epoch and the learning rate of the plan."""
    table = run.losses
    missing = {"step", "epoch", "learning_rate", *recorded.experiment.loss().recorded} - set(
        table.columns
    )
    if missing:
        return differs(f"losses.csv has no column {', '.join(sorted(missing))}")
    done, of, rows = run.status["step"], run.status["steps"], len(table)
    if not done == of == rows == plan.steps:
        return differs(
            f"{plan.steps} steps are planned; status.json has {done} of {of}, losses.csv has {rows}"
        )
    wrong = np.flatnonzero(table["step"].to_numpy() != np.arange(plan.steps))
    if len(wrong):
        return differs(f"row {wrong[0]} of losses.csv is step {table['step'][wrong[0]]}")
    losses = losses_of(run, recorded.experiment)
    if not np.isfinite(losses).all():
        return differs("a loss is not a finite number, in a run that is complete")
    history = History(plan.steps, plan.steps_per_epoch, recorded.experiment.loss())
    history.add(losses)
    factors = np.array(plateaus(recorded.experiment.training, history.epoch_means))[plan.epoch]
    planned = {"epoch": plan.epoch, "learning_rate": factors * plan.learning_rate}
    for name, values in planned.items():
        wrong = np.flatnonzero(table[name].to_numpy() != values)
        if len(wrong):
            step = wrong[0]
            return differs(f"{name} at step {step} is {table[name][step]}, planned {values[step]}")
    return ok(f"{plan.steps} steps in order, at the planned learning rates")


def check_blocks(run: RunRecord, plan: AnyPlan) -> CheckResult:
    """Every step belongs to one timed block."""
    expected = 0
    for start, steps in run.blocks[["start_step", "steps"]].itertuples(index=False):
        if start != expected:
            return differs(f"a block begins at step {start}, the one before ends at {expected}")
        expected = start + steps
    if expected != plan.steps:
        return differs(f"the last block ends at step {expected} of {plan.steps}")
    return ok(f"{len(run.blocks)} blocks contain every step once")


def check_evaluations(run: RunRecord, recorded: RecordedExperiment, plan: AnyPlan) -> CheckResult:
    """All that the configuration asks for; and what the first and the last of them hold."""
    asked = evaluation_steps(recorded.experiment, plan.steps, plan.steps_per_epoch)
    expected, evaluated = [0, *asked, plan.steps], run.evaluated_steps
    if evaluated != expected:
        step = min(set(expected) ^ set(evaluated))
        return differs(
            f"{len(expected)} evaluations are planned, there are {len(evaluated)}; see step {step}"
        )
    # Shapes of what is translated, by name in an evaluation.
    most = recorded.experiment.evaluation.images
    counts = [len(evenly(recorded.images(f"test{side}"), most)) for side in "AB"]
    first, last = kind_of(recorded.experiment).shapes(recorded.experiment, *counts)
    for step, planned in ((0, first), (plan.steps, last)):
        shapes = {name: array.shape for name, array in run.evaluation(step).items()}
        for name, shape in planned.items():
            if shapes.get(name) != shape:
                return differs(f"{name} after step {step} is {shapes.get(name)}, not {shape}")
    return ok(f"{len(evaluated)} evaluations, as planned")


def check_weights(run: RunRecord, recorded: RecordedExperiment, plan: AnyPlan) -> CheckResult:
    """state.safetensors holds the networks of the configuration, after the last step."""
    state, experiment = read_arrays(run.folder / "state.safetensors"), recorded.experiment
    try:
        check_state(state, experiment.networks().state_shapes(experiment.loss()))
    except ValueError as error:
        return differs(str(error))
    if int(state["step"]) != plan.steps:
        return differs(f"state.safetensors is of step {state['step']}, not {plan.steps}")
    return ok(f"{len(state)} arrays, of step {plan.steps}")


def losses_of(run: RunRecord, experiment: AnyExperiment) -> np.ndarray:
    """(steps, columns of `objective.recorded`) to the last bit, in the precision of training.

    The file has enough digits to tell numbers of that precision apart.
    """
    dtype = Runtime(precision=experiment.runtime.precision).stored
    return run.losses[list(experiment.loss().recorded)].to_numpy(np.float64).astype(dtype)
