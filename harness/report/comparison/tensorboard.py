"""Runs as TensorBoard event files, a folder a run: what the report draws, to zoom in.

The files hold no clock time and have fixed names, so that the same records give the same bytes.
However long a run was, its file stays small: POINTS a curve, SHOWN evaluations. The part of a tag
before its "/" is what TensorBoard groups by.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from PIL import Image

from backends.model import NETWORKS
from backends.objective import LOSS_TERMS, PENALTIES, RECORDED
from harness.config.differences import flat
from harness.config.metric_table import METRICS
from harness.metrics import scoring
from harness.records.experiment import DIRECTIONS, ExperimentFolder
from harness.records.run import RunRecord
from harness.report.comparison.losses import CONVENTIONS, conventions
from harness.report.comparison.tensorboard_messages import (
    Entry,
    Setting,
    events,
    histogram,
    hparams,
    image,
    scalar,
)
from harness.report.comparison.timing import block_times
from harness.report.gallery import spaced
from harness.system.files import read_arrays
from harness.training.checkpoints import Checkpoints

FILE = "events.out.tfevents.0.cyclebench"
# What TensorBoard shows of a curve; of longer ones it would show a random choice.
POINTS = 1000
SHOWN = 10  # evaluations of a run, evenly spaced, with the last: as many as TensorBoard shows
ROWS = 3  # test images
SIDE = 128  # pixels of a tile at most
STEP_MS = "step_ms/median"


def event_files(experiment: ExperimentFolder) -> dict[str, bytes]:
    """Path below the experiment's folder -> content; of runs that left anything yet.

    Of a run that is not complete, what it left so far. Raises UserError naming a damaged record.
    """
    files = {}
    for run in (*experiment.runs, *experiment.unfinished):
        entries = [
            *_losses(experiment, run),
            *_scores(experiment, run),
            *_times(run),
            *_evaluations(experiment, run),
            *_weights(run),
        ]
        if entries:
            name = f"{run.device}/{run.folder.name}"
            about = _configuration(experiment, run)
            files[f"tensorboard/{name}/{FILE}"] = events([*about, *entries])
    return files


def _losses(experiment: ExperimentFolder, run: RunRecord) -> Iterator[Entry]:
    """Every term in each convention it has, accuracies in training, and the learning rate.

    Of a run under way or interrupted, up to its last checkpoint.
    """
    if (run.folder / "losses.csv").exists():
        table = run.losses
    else:
        table = pd.DataFrame(Checkpoints(run.folder).losses(len(RECORDED)), columns=list(RECORDED))
        table["step"] = np.arange(len(table))
    steps, units = table["step"].to_numpy(), conventions(experiment)
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


def _scores(experiment: ExperimentFolder, run: RunRecord) -> Iterator[Entry]:
    """Every score and accuracy on test images of metrics.json."""
    scores, accuracies = (
        [
            row
            for row in experiment.metrics.get(table, [])
            if (row["device"], row["backend"], row["seed"]) == (run.device, run.backend, run.seed)
        ]
        for table in ("scores", "discriminators")
    )
    for row in scores:
        if row["value"] is not None:
            yield scalar(row["step"], f"{row['metric']}/{row['direction']}", row["value"])
    for row in accuracies:
        for target in ("real", "fake"):
            tag = f"accuracy_{row['domain']}/{target}_in_test"
            yield scalar(row["step"], tag, row[f"accuracy_{target}"])


def _times(run: RunRecord) -> Iterator[Entry]:
    """Milliseconds a step of each timed block, at its first step, and their median at the last."""
    if not (run.folder / "blocks.csv").exists():
        return
    seconds = block_times([run])
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


def _evaluations(experiment: ExperimentFolder, run: RunRecord) -> Iterator[Entry]:
    """Test images in rows (original, translation, round trip) and the discriminators' outputs."""
    steps = run.evaluated_steps
    if len(steps) > SHOWN:
        places = np.linspace(0, len(steps) - 1, SHOWN).round().astype(int)
        steps = [steps[place] for place in places]
    for step in steps:
        arrays = run.evaluation(step)
        for direction in scoring.DIRECTIONS:
            source = experiment.references.get(direction.source)
            if source is None or direction.name not in arrays:
                continue
            columns = [source, arrays[direction.name]]
            if direction.cycle in arrays:
                columns.append(arrays[direction.cycle])
            side = min(SIDE, max(max(images.shape[1:3]) for images in columns))
            rows = [
                np.hstack([_tile(images[index], side) for images in columns])
                for index in spaced(min(map(len, columns)), ROWS)
            ]
            if rows:
                yield image(step, f"images/{direction.name}", np.vstack(rows))
        for name in sorted(arrays):
            if name.startswith("patches_"):
                tag = f"discriminators/{name.removeprefix('patches_')}"
                yield from histogram(step, tag, [arrays[name]])


def _tile(pixels: np.ndarray, side: int) -> np.ndarray:
    """(height, width, 1 or 3) -> (side, side, 3)."""
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).convert("RGB")
    smaller = Image.Resampling.BOX if max(picture.size) > side else Image.Resampling.NEAREST
    return np.asarray(picture.resize((side, side), smaller))


def _weights(run: RunRecord) -> Iterator[Entry]:
    """All layers of a network together, biases and norms among them."""
    state = run.folder / "state.safetensors"
    for network in NETWORKS if state.exists() else ():
        arrays = read_arrays(state, f"{network}/").values()
        yield from histogram(run.status["step"], f"weights/{network}", arrays)


def _configuration(experiment: ExperimentFolder, run: RunRecord) -> list[Entry]:
    """What the run is and its configuration by dotted key, and which scalars are its scores."""
    identity: dict[str, Setting] = {
        "backend": run.backend,
        "seed": float(run.seed),
        "device": run.device,
        "dataset": experiment.dataset,
        "preset": experiment.preset,
        "experiment": experiment.hash,
    }
    settings = dict(identity)
    # Of a run, `backends` and `seeds` say nothing. Keys that are null are left out.
    kept = {k: v for k, v in experiment.configuration.items() if k not in ("backends", "seeds")}
    for key, value in flat(kept).items():
        if isinstance(value, list):
            settings[key] = ", ".join(map(str, value))
        elif isinstance(value, bool | str):
            settings[key] = value
        elif value is not None and value != {}:
            settings[key] = float(value)
    scored = {row["metric"] for row in experiment.metrics.get("scores", [])}
    columns = {}
    reals = experiment.setting("evaluation.reals", "test")
    for metric in (metric.against(reals) for metric in METRICS):
        if metric.name in scored:
            for direction in DIRECTIONS:
                better = "↓" if metric.better == "lower" else "↑"
                title = f"{metric.title} {direction} {better}"
                columns[f"{metric.name}/{direction}"] = title
    columns[STEP_MS] = "step, ms"
    return hparams(settings, identity.keys(), columns, run.status["state"])
