"""Checkpoints of the CycleGAN authors' PyTorch code as canonical state, which all backends load."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from backends.architecture import ResNetSpec
from backends.interface import state_shapes
from harness.config.experiment import Experiment
from harness.processes.remote_backend import run_with
from harness.system.errors import UserError
from harness.tools.imports.authors_architecture import (
    check_architecture,
    check_discriminator,
    check_generator,
)
from harness.tools.imports.authors_names import STATISTICS, Spec, norm_modules, places
from harness.tools.trained_model import TrainedModel, write_model

PTH = "torch"  # the backend whose framework reads and writes these files
# Their networks -> ours: G_A translates A to B, and D_A judges what G_A makes.
NETWORKS = {"G_A": "g_ab", "G_B": "g_ba", "D_A": "d_b", "D_B": "d_a"}
SWAPPED = {"G_A": "g_ba", "G_B": "g_ab", "D_A": "d_a", "D_B": "d_b"}


def import_checkpoint(
    folder: Path, experiment: Experiment, to: Path, epoch: str = "latest", *, swap: bool = False
) -> Path:
    """Write `to`, a model folder of `<epoch>_net_G_A.pth` and the other three. `swap`: its domain A
    is B here.

    Weights alone: no step taken, Adam's moments zero, pools empty. Raises UserError for files that
    are missing, damaged or of other networks than the configuration's; then nothing is written.
    """
    check_architecture(experiment)
    _check_free(to)
    model = experiment.networks()
    weights: dict[str, np.ndarray] = {}
    files = {name: folder / f"{epoch}_net_{name}.pth" for name in NETWORKS}
    _check_there(folder, files)
    for name, ours in (SWAPPED if swap else NETWORKS).items():
        file, tensors = files[name], run_with(PTH, "read_tensors", files[name])
        check = check_generator if ours.startswith("g_") else check_discriminator
        check(str(file), tensors, experiment)
        found = canonical(file, tensors, getattr(model, ours))
        weights |= {f"{ours}/{name}": array for name, array in found.items()}
    origin = f"{epoch} of {folder.resolve().name}, a checkpoint of the CycleGAN authors' code"
    titles, state = {"a": "A", "b": "B"}, _state(experiment, weights)
    write_model(to, TrainedModel(experiment, titles, state, to.name, to, origin=origin))
    return to


def canonical(file: Path, tensors: Mapping[str, np.ndarray], spec: Spec) -> dict[str, np.ndarray]:
    """Our name, without a network's -> array. Raises UserError for other names, shapes or types."""
    dropout = isinstance(spec, ResNetSpec) and "model.10.conv_block.6.weight" in tensors
    dropout = dropout and tensors["model.10.conv_block.6.weight"].ndim == 4
    wanted = places(spec, dropout)
    known = {place.theirs for place in wanted}
    known |= {f"{norm}.{each}" for norm in norm_modules(spec, dropout) for each in STATISTICS}
    unknown = next((name for name in tensors if name not in known), None)
    if unknown:
        raise _misfit(file, f"{unknown!r} is in it, which these networks have not")
    for place in wanted:
        array = tensors.get(place.theirs)
        if array is None:
            raise _misfit(file, f"no {place.theirs} in it")
        if array.shape != place.shape:
            raise _misfit(file, f"{place.theirs} has shape {array.shape}, {place.ours} needs"
                          f" {place.shape}")  # fmt: skip
        if array.dtype != np.float32 or not np.isfinite(array).all():
            raise _misfit(file, f"{place.theirs} has more than finite numbers of float32")
    return {place.ours: place.from_theirs(tensors[place.theirs]) for place in wanted}


def _state(experiment: Experiment, weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    shapes = state_shapes(experiment.networks(), experiment.loss())
    zeros = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    return {**zeros, **weights, "step": np.array(0, np.int64)}


def _check_free(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder}: already there; remove it, or give another --to")


def _check_there(folder: Path, files: Mapping[str, Path]) -> None:
    missing = [file.name for file in files.values() if not file.is_file()]
    if missing:
        there = sorted({file.name.partition("_net_")[0] for file in folder.glob("*_net_G_A.pth")})
        epochs = f"; --epoch {there[0]} is there" if there else ""
        raise UserError(
            f"{folder / missing[0]}: no such file; all four of latest_net_G_A, G_B, D_A and D_B"
            f" are needed{epochs}"
        )


def _misfit(file: Path, problem: str) -> UserError:
    return UserError(f"{file}: {problem}; say with --preset and --set which networks it is of")
