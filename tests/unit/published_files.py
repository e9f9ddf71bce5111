"""Small networks of the CycleGAN authors' code in files, and their import."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from authors_networks import Patch, ResNet, drawn
from torch import nn

from harness.config.experiment import Experiment
from harness.config.load import load_experiment
from harness.tools.imports.checkpoint import ImportedModel, import_checkpoint
from harness.tools.trained_model import TrainedModel, read_model

SMALL = ["data.load_size=32", "data.crop_size=32", "model.filters=3", "model.blocks=1"]
SMALL += ["model.discriminator_filters=2"]
A2B, B2A = drawn(ResNet(3, 1), 0), drawn(ResNet(3, 1), 1)
JUDGES = drawn(Patch(2), 2), drawn(Patch(2), 3)
NUMBER = torch.tensor(1.0)


def experiment(*settings: str) -> Experiment:
    return load_experiment("horses", "paper", [*SMALL, *settings])


def save(folder: Path, **networks: Any) -> Path:
    folder.mkdir(exist_ok=True)
    for name, network in networks.items():
        content = network.state_dict() if isinstance(network, nn.Module) else network
        torch.save(content, folder / f"{name}.pth")
    return folder


def taken_in(paths: Path | list[Path], to: Path, *settings: str, **more: Any) -> TrainedModel:
    return read_model(imported(paths, to, *settings, **more).folder)


def imported(paths: Path | list[Path], to: Path, *settings: str, **more: Any) -> ImportedModel:
    return import_checkpoint(paths, experiment(*settings), to, **more)


def is_of(trained: TrainedModel, name: str, network: nn.Module) -> bool:
    """By its first kernel."""
    layer = "stem" if name.startswith("g") else "conv0"
    first = next(iter(network.state_dict().values())).numpy().transpose(2, 3, 1, 0)
    return np.array_equal(trained.state[f"{name}/{layer}/kernel"], first)
