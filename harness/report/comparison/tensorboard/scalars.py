"""Curves of a run. The part of a tag before its "/" is what TensorBoard groups by."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from backends.objective import LOSS_TERMS, PENALTIES, RECORDED
from harness.records.experiment import ExperimentFolder
from harness.records.run import RunRecord
from harness.report.comparison.losses import CONVENTIONS, conventions
from harness.report.comparison.tensorboard.events import Entry, scalar
from harness.report.comparison.timing import step_seconds
from harness.training.checkpoints import Checkpoints

# What TensorBoard shows of a curve; of longer ones it would show a random choice.
POINTS = 1000
STEP_MS = "step_ms/median"


def losses(experiment: ExperimentFolder, run: RunRecord) -> Iterator[Entry]:
    """Every term in each convention it has, accuracies in training, and the learning rate."""
    table, units = _recorded(run), conventions(experiment)
    steps = table["step"].to_numpy()
    penalised = units.objective.adversarial == "wasserstein_gp"
    for term in LOSS_TERMS + PENALTIES if penalised else LOSS_TERMS:
        values = table[term].to_numpy(np.float64)
        for convention in CONVENTIONS:
            factor = units.factor(term, convention)
            if factor is not None:
                yield from curve(f"{term}/{convention}", steps, values * factor)
    for side in "ab":
        for target in ("real", "fake"):
            values = table[f"accuracy_{target}_{side}"].to_numpy(np.float64)
            yield from curve(f"accuracy_{side}/{target}_in_training", steps, values)
    if "learning_rate" in table:  # checkpoints have the plan for it
        rates = table["learning_rate"].to_numpy(np.float64)
        yield from curve("learning_rate/generators", steps, rates)


def scores(experiment: ExperimentFolder, run: RunRecord) -> Iterator[Entry]:
    """Every score and accuracy on test images of metrics.json."""
    for row in _rows(experiment, run, "scores"):
        if row["value"] is not None:
            yield scalar(row["step"], f"{row['metric']}/{row['direction']}", row["value"])
    for row in _rows(experiment, run, "discriminators"):
        for target in ("real", "fake"):
            tag = f"accuracy_{row['domain']}/{target}_in_test"
            yield scalar(row["step"], tag, row[f"accuracy_{target}"])


def times(run: RunRecord) -> Iterator[Entry]:
    """Milliseconds a step of each timed block, at its first step, and their median at the last."""
    if not (run.folder / "blocks.csv").exists():
        return
    seconds = step_seconds(run)
    if seconds.empty:
        return
    starts = seconds.index.get_level_values(1).to_numpy()
    yield from curve("step_ms/block", starts, seconds.to_numpy() * 1000)
    yield scalar(run.status["step"], STEP_MS, float(seconds.median()) * 1000)


def curve(tag: str, steps: np.ndarray, values: np.ndarray) -> Iterator[Entry]:
    """(N,) and (N,): each point; of more than POINTS the means of POINTS parts, at their middles.

    A part with a value that is not finite is not finite: divergence is not averaged away.
    """
    count = len(values)
    if count > POINTS:
        starts = np.arange(POINTS) * count // POINTS
        ends = np.append(starts[1:], count)
        values = np.add.reduceat(values, starts) / (ends - starts)
        steps = steps[(starts + ends) // 2]
    for step, value in zip(steps.tolist(), values.tolist(), strict=True):
        yield scalar(step, tag, value)


def _recorded(run: RunRecord) -> pd.DataFrame:
    """A row a step; of a run under way or interrupted, up to its last checkpoint."""
    if (run.folder / "losses.csv").exists():
        return run.losses
    table = pd.DataFrame(Checkpoints(run.folder).losses(), columns=list(RECORDED))
    table["step"] = np.arange(len(table))
    return table


def _rows(experiment: ExperimentFolder, run: RunRecord, table: str) -> Iterator[dict]:
    for row in experiment.metrics.get(table, []):
        if (row["device"], row["backend"], row["seed"]) == (run.device, run.backend, run.seed):
            yield row
