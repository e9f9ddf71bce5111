"""Learning rates from the definition of the policies: docs/conventions.md."""

from __future__ import annotations

import math

from harness.config.experiment import Experiment
from harness.config.sections import TrainingSection


def rates(experiment: Experiment, train_a: int, train_b: int) -> list[tuple[float, float]]:
    """Of generators and discriminators, for every step of a run; without what plateaus make.

    `train_a`, `train_b`: images of the train splits.
    """
    training, optimiser = experiment.training, experiment.optimiser
    generators = optimiser.learning_rate
    discriminators = optimiser.discriminator_learning_rate
    if discriminators is None:
        discriminators = generators
    images = min(train_a, train_b) if training.pairing == "zip" else max(train_a, train_b)
    per_epoch = training.steps_per_epoch or max(1, images // training.batch_size)
    steps = training.steps or (training.epochs_constant + training.epochs_decay) * per_epoch
    factors = [factor(training, step, steps, per_epoch) for step in range(steps)]
    return [(generators * each, discriminators * each) for each in factors]


def factor(training: TrainingSection, step: int, steps: int, steps_per_epoch: int) -> float:
    """Of both rates at `step` of `steps`, counted from 0."""
    result = warm_up(training, step, steps_per_epoch)
    if training.policy == "step":
        reductions = (step // steps_per_epoch) // training.step_epochs
        return result * training.step_factor**reductions
    if training.policy in ("constant", "plateau"):
        return result
    # Units of time: epochs or steps. The last epoch may be a part of one.
    length = 1 if training.decay == "step" else steps_per_epoch
    unit, units = step // length, math.ceil(steps / length)
    share = training.epochs_constant / (training.epochs_constant + training.epochs_decay)
    constant = round(units * share)
    falling = units - constant
    falls = max(0, unit - constant + 1)  # of `falling` + 1, the last of which is never reached
    p = falls / (falling + 1)
    return result * (1 - p if training.policy == "linear" else (1 + math.cos(math.pi * p)) / 2)


def warm_up(training: TrainingSection, step: int, steps_per_epoch: int) -> float:
    """1 / (n + 1), 2 / (n + 1), ... in the n steps of the warm-up, then 1."""
    n = training.warmup_epochs * steps_per_epoch
    return 1.0 if step >= n else (step + 1) / (n + 1)


def plateau_factor(training: TrainingSection, losses: list[float]) -> float:
    """Of the epoch that follows epochs with these mean losses."""
    result, best, bad = 1.0, math.inf, 0
    if training.policy != "plateau":
        return result
    for loss in losses:
        if loss < (1 - training.plateau_threshold) * best:
            best, bad = loss, 0
            continue
        bad += 1
        if bad > training.plateau_patience:
            result, bad = result * training.plateau_factor, 0
    return result
