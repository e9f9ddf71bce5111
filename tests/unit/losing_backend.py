"""A backend whose losses are made up, and a run that trains it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from backends.interface import Batch, PeakMemory, Runtime, State
from backends.model import Model
from backends.objective import RECORDED, Objective
from harness.config.load import load_experiment
from harness.training.clocks import Clocks
from harness.training.job import Job
from harness.training.run import TrainingRun

PER_EPOCH, EPOCHS = 5, 8
OVERRIDES = [
    "training.policy=plateau",
    "training.plateau_patience=1",
    "training.plateau_factor=0.5",
    "training.epochs_constant=8",
    "training.epochs_decay=0",
    "optimiser.learning_rate=1e-3",
    "optimiser.discriminator_learning_rate=4e-3",
    "objective.lambda_a=3",
    "objective.lambda_b=5",
    "objective.identity=2",
    "objective.identity_unit=absolute",
]
# Better, better, then not: from the third epoch on nothing is won.
LEVELS = [4.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0]


class Losing:
    """A backend whose losses are made up, and that keeps the batches it is given."""

    def __init__(self, name: str, model: Model, objective: Objective, runtime: Runtime) -> None:
        self.batches: list[Batch] = []
        self.handed_out = self.began = 0

    def load_state(self, state: State) -> None:
        self.loaded = dict(state)
        self.began = self.handed_out = int(state["step"])

    def environment(self) -> dict[str, str]:
        return {"framework": "none", "precision": "any"}

    def state(self) -> dict[str, np.ndarray]:
        return {**self.loaded, "step": np.array(self.began + len(self.batches))}

    def translate(self, images: np.ndarray, direction: str, averaged: bool = False) -> np.ndarray:
        return images

    def patch_scores(self, images: np.ndarray, domain: str) -> np.ndarray:
        return images[..., 0].astype(np.float32)

    def train_step(self, batch: Batch) -> None:
        self.batches.append(batch)

    def synchronize(self) -> None:
        pass

    def reset_peak_memory(self) -> None:
        self.reset_after = len(self.batches)

    def peak_memory(self) -> PeakMemory:
        return PeakMemory(1, "resident")

    def losses(self) -> np.ndarray:
        new = range(self.handed_out, self.began + len(self.batches))
        self.handed_out = new.stop
        return np.array([row(step) for step in new], np.float32).reshape(-1, len(RECORDED))


def row(step: int) -> list[float]:
    """The level of an epoch, as weighted; without weights the loss would rise where that falls."""
    level, noise = LEVELS[step // PER_EPOCH], 0.01 * (step % PER_EPOCH)
    values = dict.fromkeys(RECORDED, 0.0)
    values |= {"adversarial_ab": 2 * (4 - level), "cycle_a": level + noise, "cycle_b": 0.25}
    values |= {"identity_a": 0.125, "discriminator_a": -10.0 * step, "accuracy_real_a": step}
    return list(values.values())


def begin(folder: Path, *overrides: str, **of_job: Any) -> TrainingRun:
    for split, side in (("train", 36), ("test", 32)):
        np.save(folder / f"{split}.npy", np.zeros((8, side, side, 3), np.uint8))
    images = {f"{s}{d}": str(folder / f"{s}.npy") for s in ("train", "test") for d in "AB"}
    settings = load_experiment("any", "smoke", [*OVERRIDES, *overrides]).model_dump()
    job = Job("torch", 0, str(folder), "cpu", "a CPU", 2, settings, images, **of_job)
    return TrainingRun(job, Clocks())
