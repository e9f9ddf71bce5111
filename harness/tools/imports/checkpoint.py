"""Networks of other PyTorch code, taken in; and ours, written as the CycleGAN authors' code has it.

Taken in they become canonical state, which all backends load.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backends.architecture import NormSpec
from backends.interface import Direction, State
from backends.model import Model
from harness.config.experiment import Experiment
from harness.plan.initial_weights import averages_of
from harness.processes.remote_backend import run_with
from harness.system.errors import UserError
from harness.tools.imports.authors_networks import Spec, norm_modules, places
from harness.tools.imports.codes import AUTHORS
from harness.tools.imports.fitting import check_architecture, fitted
from harness.tools.imports.foreign import PTH
from harness.tools.imports.published import NETWORKS, find_networks
from harness.tools.imports.weight_files import LATEST
from harness.tools.trained_model import TrainedModel, read_model, write_model

# No file says how: the FAQ of the CycleGAN authors' code advises mode='bilinear'.
NEAREST = (
    "Up-sampling is taken for doubled pixels (nearest); bilinear, which files do not tell from it,"
    " cannot be imported."
)


@dataclass(frozen=True)
class ImportedModel:
    """`notes`: a sentence for whatever was taken for granted."""

    folder: Path
    directions: tuple[Direction, ...]
    notes: tuple[str, ...]


def import_checkpoint(
    paths: Path | Sequence[Path],
    experiment: Experiment,
    to: Path,
    epoch: str = LATEST,
    *,
    swap: bool = False,
    direction: Direction | None = None,
) -> ImportedModel:
    """Write `to`, a model folder of the networks in `paths`: see `published.find_networks`.

    Of four networks a whole state: no step taken, Adam's moments zero, pools empty. Of fewer, the
    generators alone. Raises UserError for files that are missing, damaged or of other networks than
    the configuration's; then nothing is written.
    """
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise UserError(f"{to}: already there; remove it, or give another --to")
    given = [paths] if isinstance(paths, Path) else list(paths)
    found = find_networks(given, epoch, swap=swap, direction=direction)
    state = {
        f"{name}/{parameter}": array
        for name, arrays in fitted(experiment, found.networks).items()
        for parameter, array in arrays.items()
    }
    if len(found.networks) == len(NETWORKS):
        shapes = experiment.networks().state_shapes(experiment.loss())
        empty = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
        state = {**empty, "step": np.array(0, np.int64), **state}
        state |= averages_of(state)
    notes = list(found.notes)
    if experiment.model.generator == "resnet" and experiment.model.upsampling != "transposed":
        notes.append(NEAREST)
    code = found.code.title if found.code else "PyTorch code"
    names = " and ".join(path.resolve().name for path in given)
    of = f"{epoch} of {names}" if found.code is AUTHORS else names
    trained = TrainedModel(
        experiment, {"a": "A", "b": "B"}, state, to.name, to, origin=f"{of}, networks of {code}"
    )
    write_model(to, trained)
    return ImportedModel(to, trained.directions, tuple(notes))


def export_authors(run: Path, to: Path) -> tuple[Path, ...]:
    """Write `latest_net_G_A.pth` and the other three of a run's or model's folder into `to`.

    Of a model with generators alone, these. The same weights, bit for bit; residual blocks as
    without dropout (`--no_dropout`, which is CycleGAN's default there). Raises UserError for
    networks that the other code has not.
    """
    model = read_model(run)
    check_architecture(model.configuration)
    networks = model.configuration.networks()
    whole = _whole_networks(networks, model.state)
    files = {
        name: to / f"{LATEST}_net_{name}.pth"
        for name, ours in AUTHORS.networks.items()
        if ours in whole
    }
    taken = next((file for file in files.values() if file.exists()), None)
    if taken:
        raise UserError(f"{taken}: already there; remove it, or give another --to")
    for name, file in files.items():
        ours = AUTHORS.networks[name]
        spec: Spec = getattr(networks, ours)
        tensors = {
            place.theirs: place.to_theirs(model.state[f"{ours}/{place.ours}"])
            for place in places(spec)
        }
        if isinstance(spec.norm, NormSpec) and spec.norm.kind == "batch":
            # Batches that the running statistics are of.
            steps = model.state.get("step", np.array(0, np.int64))
            tensors |= {f"{norm}.num_batches_tracked": steps for norm in norm_modules(spec)}
        run_with(PTH, "write_tensors", file, tensors)
    return tuple(files.values())


def _whole_networks(model: Model, state: State) -> list[str]:
    needed = [*model.parameter_shapes(), *model.statistic_shapes()]
    lacking = {name.partition("/")[0] for name in needed if name not in state}
    return [name for name in NETWORKS if name not in lacking]
