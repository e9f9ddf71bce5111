"""Checkpoints of the CycleGAN authors' PyTorch code, taken in and written.

Taken in they become canonical state, which all backends load.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from backends.architecture import NormSpec, ResNetSpec
from backends.interface import state_shapes
from harness.config.experiment import Experiment
from harness.plan.initial_weights import averages_of
from harness.processes.remote_backend import run_with
from harness.system.errors import UserError
from harness.tools.imports.authors_networks import (
    STATISTICS,
    Spec,
    check_architecture,
    check_discriminator,
    check_generator,
    norm_modules,
    places,
)
from harness.tools.trained_model import TrainedModel, read_model, write_model

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
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise UserError(f"{to}: already there; remove it, or give another --to")
    files = {name: folder / f"{epoch}_net_{name}.pth" for name in NETWORKS}
    missing = [file.name for file in files.values() if not file.is_file()]
    if missing:
        epochs = sorted(file.name.partition("_net_")[0] for file in folder.glob("*_net_G_A.pth"))
        hint = f"; --epoch {epochs[0]} is there" if epochs else ""
        raise UserError(
            f"{folder / missing[0]}: no such file; all four of latest_net_G_A, G_B, D_A and D_B"
            f" are needed{hint}"
        )
    model = experiment.networks()
    shapes = state_shapes(model, experiment.loss())
    state = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    state["step"] = np.array(0, np.int64)
    for name, ours in (SWAPPED if swap else NETWORKS).items():
        tensors = run_with(PTH, "read_tensors", files[name])
        check = check_generator if ours.startswith("g_") else check_discriminator
        check(str(files[name]), tensors, experiment)
        weights = _canonical(files[name], tensors, getattr(model, ours))
        state |= {f"{ours}/{parameter}": array for parameter, array in weights.items()}
    state |= averages_of(state)
    origin = f"{epoch} of {folder.resolve().name}, a checkpoint of the CycleGAN authors' code"
    titles = {"a": "A", "b": "B"}
    write_model(to, TrainedModel(experiment, titles, state, to.name, to, origin=origin))
    return to


def _canonical(file: Path, tensors: Mapping[str, np.ndarray], spec: Spec) -> dict[str, np.ndarray]:
    """Our name, without a network's -> array. Raises UserError for other names, shapes or types."""
    second = tensors.get("model.10.conv_block.6.weight")
    # Without dropout a norm is there, if anything.
    dropout = isinstance(spec, ResNetSpec) and second is not None and second.ndim == 4
    wanted = places(spec, dropout)
    names = {place.theirs for place in wanted}
    names |= {f"{norm}.{part}" for norm in norm_modules(spec, dropout) for part in STATISTICS}
    unknown = next((name for name in tensors if name not in names), None)
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


def _misfit(file: Path, problem: str) -> UserError:
    return UserError(f"{file}: {problem}; say with --preset and --set which networks it is of")


def export_authors(run: Path, to: Path) -> tuple[Path, ...]:
    """Write `latest_net_G_A.pth` and the other three of a run's or model's folder into `to`.

    The same weights, bit for bit; residual blocks as without dropout (`--no_dropout`, which is
    CycleGAN's default there). Raises UserError for networks that the other code has not.
    """
    model = read_model(run)
    check_architecture(model.configuration)
    networks = model.configuration.networks()
    missing = next((name for name in networks.parameter_shapes() if name not in model.state), None)
    if missing:
        raise UserError(f"{run}: no {missing} in it; all four networks are needed")
    files = {name: to / f"latest_net_{name}.pth" for name in NETWORKS}
    taken = next((file for file in files.values() if file.exists()), None)
    if taken:
        raise UserError(f"{taken}: already there; remove it, or give another --to")
    for name, ours in NETWORKS.items():
        spec: Spec = getattr(networks, ours)
        tensors = {
            place.theirs: place.to_theirs(model.state[f"{ours}/{place.ours}"])
            for place in places(spec)
        }
        if isinstance(spec.norm, NormSpec) and spec.norm.kind == "batch":
            # Batches that the running statistics are of.
            steps = model.state["step"]
            tensors |= {f"{norm}.num_batches_tracked": steps for norm in norm_modules(spec)}
        run_with(PTH, "write_tensors", files[name], tensors)
    return tuple(files.values())
