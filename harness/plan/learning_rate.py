"""Learning rates over a run, as factors of the rates that an experiment sets."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from harness.config.sections import TrainingSection


def factors(training: TrainingSection, steps: int, steps_per_epoch: int) -> np.ndarray:
    """Of every step, float64 (steps,), without what depends on the losses: see `plateaus`.

    With p = 0 while the rate is constant, rising to just below 1 at the last epoch (or step):

    - linear: 1 - p. As the CycleGAN authors' code that steps the rate after an epoch. Its later
      versions step before: the schedule is an epoch ahead and the last epoch has rate 0.
    - cosine: (1 + cos(pi p)) / 2, without restarts (Loshchilov & Hutter 2017)
    - step: `step_factor` once more after every `step_epochs`, from the first epoch on
    - constant, and plateau: 1

    During `warmup_epochs` it is multiplied by a factor that rises with every step, up to 1.
    """
    step = np.arange(steps)
    unit = 1 if training.decay == "step" else steps_per_epoch
    time, whole = step // unit, -(-steps // unit)
    constant = round(whole * training.epochs_constant / training.epochs)
    progress = np.maximum(0, time + 1 - constant) / (whole - constant + 1)
    factor: np.ndarray = np.ones(steps)
    if training.policy == "linear":
        factor = 1 - progress
    elif training.policy == "cosine":
        factor = (1 + np.cos(math.pi * progress)) / 2
    elif training.policy == "step":
        factor = training.step_factor ** (step // (training.step_epochs * steps_per_epoch))
    warmup = training.warmup_epochs * steps_per_epoch
    return factor * np.minimum(1, (step + 1) / (warmup + 1))


def plateaus(training: TrainingSection, losses: Sequence[float]) -> list[float]:
    """Factor of every epoch whose mean loss is given and of the next; 1 for other policies.

    As PyTorch's ReduceLROnPlateau with a relative threshold, of which the CycleGAN authors take
    patience 5, threshold 0.01 and factor 0.2: once more than `plateau_patience` epochs in a row
    were not better than the best by the threshold, the rate is multiplied by the factor.
    """
    if training.policy != "plateau":
        return [1.0] * (len(losses) + 1)
    factors, best, waited = [1.0], math.inf, 0
    for loss in losses:
        if loss < best * (1 - training.plateau_threshold):
            best, waited = loss, 0
        else:
            waited += 1
        reduced = waited > training.plateau_patience
        factors.append(factors[-1] * (training.plateau_factor if reduced else 1.0))
        waited = 0 if reduced else waited
    return factors
