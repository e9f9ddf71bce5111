"""Which arrays each metric compares, in each direction. Arrays in, replicates out; no files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from harness.metrics import pixel
from harness.metrics.frechet import frechet_distance, frechet_replicates
from harness.metrics.kid import kid, kid_replicates
from harness.statistics import Interval, Replicates, mean_replicates

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Direction:
    """The arrays of one direction, under their names in results/README.md."""

    name: str
    source: str  # real images that are translated
    target: str  # real images the translations should look like
    floor: str  # other real images of the target domain
    truth: str  # true translations of `source`, where the set has them
    cycle: str  # `source` translated there and back, after the last step


DIRECTIONS = (
    Direction("ab", "real_a", "real_b", "floor_b", "truth_ab", "aba"),
    Direction("ba", "real_b", "real_a", "floor_a", "truth_ba", "bab"),
)
CYCLE = {"cycle_psnr": pixel.psnr, "cycle_ssim": pixel.ssim}
PAIR = {"pair_psnr": pixel.psnr, "pair_ssim": pixel.ssim, "pair_mae": pixel.mae}


@dataclass(frozen=True)
class Score:
    """A metric of one model in one direction; `n` is the number of translations it rests on."""

    metric: str
    replicates: Replicates
    n: int


@dataclass(frozen=True)
class Reference:
    """What real images and untranslated images score; None where the metric has no such thing."""

    metric: str
    floor: float | None
    identity_baseline: float | None
    n: int


def model_scores(
    direction: Direction, references: Arrays, evaluation: Arrays, found: Arrays, fake: np.ndarray
) -> Iterator[Score]:
    """Every metric whose images exist.

    `references`, `evaluation`: uint8 NHWC by name; `found`: features of the references by name;
    `fake`: features of the translations, (N, d).
    """
    real = found[direction.target]
    yield Score("kid_efflite0", kid_replicates(fake, real), len(fake))
    n = common_count(direction, references)
    yield Score("fd_efflite0", frechet_replicates(spaced(fake, n), spaced(real, n)), n)
    source = references[direction.source]
    if direction.cycle in evaluation:
        for metric, measure in CYCLE.items():
            values = measure(evaluation[direction.cycle], source)
            yield Score(metric, mean_replicates(values), len(values))
    if direction.truth in references:
        for metric, measure in PAIR.items():
            values = measure(evaluation[direction.name], references[direction.truth])
            yield Score(metric, mean_replicates(values), len(values))


def reference_scores(
    direction: Direction, references: Arrays, found: Arrays
) -> Iterator[Reference]:
    """Floor (real against real) and identity baseline (untranslated) of the metrics above."""
    source, target, floor = (
        found[name] for name in (direction.source, direction.target, direction.floor)
    )
    yield Reference(
        "kid_efflite0", _known(kid(floor, target)), _known(kid(source, target)), len(source)
    )
    n = common_count(direction, references)
    distances = [frechet_distance(spaced(real, n), spaced(target, n)) for real in (floor, source)]
    yield Reference("fd_efflite0", _known(distances[0]), _known(distances[1]), n)
    untranslated = references[direction.source]
    for metric in CYCLE:
        yield Reference(metric, None, None, len(untranslated))
    if direction.truth in references:
        for metric, measure in PAIR.items():
            values = measure(untranslated, references[direction.truth])
            yield Reference(metric, None, _known(float(values.mean())), len(values))


def common_count(direction: Direction, references: Arrays) -> int:
    """The N of FD@N: model, floor and identity baseline compare only at equal counts."""
    names = (direction.source, direction.target, direction.floor)
    return min(len(references[name]) for name in names)


def spaced(array: np.ndarray, count: int) -> np.ndarray:
    """`count` rows spread evenly over `array`, in order: the same images for every run."""
    return array[np.arange(count) * len(array) // max(1, count)]


def _known(value: float) -> float | None:
    return Interval.of(value).value
