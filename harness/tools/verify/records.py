"""Are the records of a run consistent with each other and with its plan?"""

from __future__ import annotations

import numpy as np

from backends.interface import Runtime, check_state, state_shapes
from backends.objective import RECORDED
from harness.config.experiment import Experiment
from harness.plan.learning_rate import plateaus
from harness.plan.plan import Plan, evaluation_steps, evenly
from harness.records.run import RunRecord
from harness.system.checksums import check_sums
from harness.system.files import read_arrays
from harness.tools.verify.recorded import RecordedExperiment
from harness.tools.verify.verify_result import CheckResult, differs, ok, unchecked
from harness.training.loss_history import History


def check_files(run: RunRecord) -> CheckResult:
    damage = check_sums(run.folder)
    if damage is None:
        return unchecked("no sums.json: the run was made before cyclebench wrote one")
    return differs(str(damage)) if damage else ok("every file has the SHA-256 it was finished with")


def check_losses(run: RunRecord, recorded: RecordedExperiment, plan: Plan) -> CheckResult:
    """A row for every step, in order, with the epoch and the learning rate of the plan."""
    table = run.losses
    missing = {"step", "epoch", "learning_rate", *RECORDED} - set(table.columns)
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
    history = History(plan.steps, plan.steps_per_epoch, recorded.experiment.loss().weights)
    history.add(losses)
    factors = np.array(plateaus(recorded.experiment.training, history.epoch_means))[plan.epoch]
    planned = {"epoch": plan.epoch, "learning_rate": factors * plan.learning_rate}
    for name, values in planned.items():
        wrong = np.flatnonzero(table[name].to_numpy() != values)
        if len(wrong):
            step = wrong[0]
            return differs(f"{name} at step {step} is {table[name][step]}, planned {values[step]}")
    return ok(f"{plan.steps} steps in order, at the planned learning rates")


def check_blocks(run: RunRecord, plan: Plan) -> CheckResult:
    """Every step belongs to one timed block."""
    expected = 0
    for start, steps in run.blocks[["start_step", "steps"]].itertuples(index=False):
        if start != expected:
            return differs(f"a block begins at step {start}, the one before ends at {expected}")
        expected = start + steps
    if expected != plan.steps:
        return differs(f"the last block ends at step {expected} of {plan.steps}")
    return ok(f"{len(run.blocks)} blocks contain every step once")


def check_evaluations(run: RunRecord, recorded: RecordedExperiment, plan: Plan) -> CheckResult:
    """Those that the configuration asks for; of the first and the last also what is in them."""
    asked = evaluation_steps(recorded.experiment, plan.steps, plan.steps_per_epoch)
    expected, evaluated = [0, *asked, plan.steps], run.evaluated_steps
    if evaluated != expected:
        first = min(set(expected) ^ set(evaluated))
        return differs(
            f"{len(expected)} evaluations are planned, there are {len(evaluated)}; see step {first}"
        )
    for step in (0, plan.steps):
        shapes = {name: array.shape for name, array in run.evaluation(step).items()}
        for name, shape in _translations(recorded, everything=step > 0).items():
            if shapes.get(name) != shape:
                return differs(f"{name} after step {step} is {shapes.get(name)}, not {shape}")
    return ok(f"{len(evaluated)} evaluations, as planned")


def check_weights(run: RunRecord, recorded: RecordedExperiment, plan: Plan) -> CheckResult:
    """state.safetensors holds the networks of the configuration, after the last step."""
    state, experiment = read_arrays(run.folder / "state.safetensors"), recorded.experiment
    try:
        check_state(state, state_shapes(experiment.networks(), experiment.loss()))
    except ValueError as error:
        return differs(str(error))
    if int(state["step"]) != plan.steps:
        return differs(f"state.safetensors is of step {state['step']}, not {plan.steps}")
    return ok(f"{len(state)} arrays, of step {plan.steps}")


def losses_of(run: RunRecord, experiment: Experiment) -> np.ndarray:
    """(steps, len(RECORDED)) to the last bit, in the precision that training had them in.

    The digits in the file are as many as tell numbers of that precision apart.
    """
    dtype = Runtime(precision=experiment.runtime.precision).stored
    return run.losses[list(RECORDED)].to_numpy(np.float64).astype(dtype)


def _translations(recorded: RecordedExperiment, everything: bool) -> dict[str, tuple[int, ...]]:
    """Shapes of what is translated, by name in an evaluation."""
    model, most = recorded.experiment.networks(), recorded.experiment.evaluation.images
    a, b = (len(evenly(recorded.images(f"test{side}"), most)) for side in "AB")
    shapes: dict[str, tuple[int, ...]] = {"ab": (a, *model.shape_b), "ba": (b, *model.shape_a)}
    if everything:
        shapes |= {"aba": (a, *model.shape_a), "bab": (b, *model.shape_b)}
    return shapes
