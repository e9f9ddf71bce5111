"""A trained model as the files that the CycleGAN authors' PyTorch code loads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from backends.architecture import NormSpec
from harness.processes.remote_backend import run_with
from harness.system.errors import UserError
from harness.tools.imports.authors_architecture import check_architecture
from harness.tools.imports.authors_names import Spec, norm_modules, places
from harness.tools.imports.checkpoint import NETWORKS, PTH
from harness.tools.trained_model import read_model


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
        tensors = theirs(model.state, ours, getattr(networks, ours))
        run_with(PTH, "write_tensors", files[name], tensors)
    return tuple(files.values())


def theirs(state: Mapping[str, np.ndarray], network: str, spec: Spec) -> dict[str, np.ndarray]:
    """Their name -> array, of one network."""
    found = {
        place.theirs: place.to_theirs(state[f"{network}/{place.ours}"]) for place in places(spec)
    }
    if isinstance(spec.norm, NormSpec) and spec.norm.kind == "batch":
        # Batches that the running statistics are of.
        found |= {f"{norm}.num_batches_tracked": state["step"] for norm in norm_modules(spec)}
    return found
