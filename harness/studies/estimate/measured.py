"""What a calibration has measured. Values only; seconds throughout."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.statistics.intervals import seed_interval


@dataclass(frozen=True)
class Measured:
    """One backend, in a process of its own, as a run has it.

    `start`: until its process has begun its clocks; then by those clocks. `blocks`: a step, in each
    timed block after the warm-up; `data`, `logging`: a step. Evaluations are of `tested` images of
    A and B: the first one with compiling; the last one also translates back.
    """

    backend: str
    framework: str
    start: float
    setup: float
    first_step: float
    blocks: tuple[float, ...]
    data: float
    logging: float
    tested: tuple[int, int]
    first_evaluation: float
    evaluation: float
    last_evaluation: float
    finish: float

    @property
    def step(self) -> float:
        """The mean, not the median: a run pays for slow blocks, too."""
        return float(np.mean(self.blocks))

    @property
    def spread(self) -> float:
        """Half the width of the 95 % interval of `step`, as a share of it."""
        return relative_spread(self.blocks)


def relative_spread(blocks: tuple[float, ...]) -> float:
    """By a t interval; of two blocks, which give none, how far they are apart; of one: infinite."""
    if len(blocks) < 2:
        return math.inf
    interval, mean = seed_interval(blocks), float(np.mean(blocks))
    if interval.low is None or interval.high is None:
        return (max(blocks) - min(blocks)) / mean
    return (interval.high - interval.low) / 2 / mean


@dataclass(frozen=True)
class Extraction:
    """Features of images by one network: until its process is ready, and then an image."""

    start: float
    image: float

    def seconds(self, images: int) -> float:
        return self.start + self.image * images


@dataclass(frozen=True)
class Scoring:
    """What follows the trainings. `inception`: None without the weights that FID needs.

    `evaluation`: scores of one evaluation of one run; `last`: of the one after training.
    `references`: of real images, once. `report`: of one seed; `row`: a step of one run, written.
    """

    features: Extraction
    inception: Extraction | None
    evaluation: float
    last: float
    references: float
    report: float
    row: float


@dataclass(frozen=True)
class Calibration:
    """`preparing`: drawing and decoding all images once; None where it is not known."""

    backends: tuple[Measured, ...]
    scoring: Scoring
    preparing: float | None
