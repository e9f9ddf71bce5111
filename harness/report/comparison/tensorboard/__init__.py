"""Runs as TensorBoard event files, a folder a run: what the report draws, to zoom in.

The files hold no clock time and have fixed names, so that the same records give the same bytes.
However long a run was, its file stays small: POINTS a curve, SHOWN evaluations.
"""

from __future__ import annotations

from collections.abc import Iterator

from backends.model import NETWORKS
from harness.records.experiment import ExperimentFolder
from harness.records.run import RunRecord
from harness.report.comparison.tensorboard import evaluations, hparams, scalars
from harness.report.comparison.tensorboard.events import Entry, events, histogram
from harness.system.files import read_arrays

FILE = "events.out.tfevents.0.cyclebench"


def event_files(experiment: ExperimentFolder) -> dict[str, bytes]:
    """Path below the experiment's folder -> content; of runs that left anything yet.

    Of a run that is not complete, what there is. Raises UserError naming a damaged record.
    """
    files = {}
    for run in (*experiment.runs, *experiment.unfinished):
        entries = [*_measured(experiment, run)]
        if entries:
            name = f"{run.device}/{run.backend}-seed{run.seed}"
            about = hparams.of_run(experiment, run)
            files[f"tensorboard/{name}/{FILE}"] = events([*about, *entries])
    return files


def _measured(experiment: ExperimentFolder, run: RunRecord) -> Iterator[Entry]:
    yield from scalars.losses(experiment, run)
    yield from scalars.scores(experiment, run)
    yield from scalars.times(run)
    yield from evaluations.of_run(experiment, run)
    state = run.folder / "state.safetensors"
    for network in NETWORKS if state.exists() else ():
        # All layers of the network together, biases and norms among them.
        arrays = read_arrays(state, f"{network}/").values()
        if weights := histogram(run.status["step"], f"weights/{network}", arrays):
            yield weights
