"""Which arrays each metric compares, in each direction. Arrays in, replicates out; no files."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.config.metric_table import Reals
from harness.metrics import pixel
from harness.metrics.artefacts import checkerboard_energy, checkerboard_replicates
from harness.metrics.frechet import frechet_distance, frechet_replicates
from harness.metrics.kid import kid, kid_replicates
from harness.statistics.intervals import Replicates, mean_replicates, share_replicates

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Direction:
    """The arrays of one direction, under their names in results/README.md."""

    name: str
    source: str  # real images that are translated
    target: str  # real images the translations should look like
    floor: str  # other real images of the target domain
    train: str  # all training images of the target domain, where scores compare with them
    truth: str  # true translations of `source`, where the set has them
    cycle: str  # `source` translated there and back, after the last step

    @property
    def last(self) -> str:
        """`source` translated by the weights of the last step, where the others are averages."""
        return f"last_{self.name}"

    @property
    def colours(self) -> str:
        """`source` with the colours of the target domain: see `target_colours`."""
        return f"colours_{self.name}"


DIRECTIONS = (
    Direction("ab", "real_a", "real_b", "floor_b", "train_b", "truth_ab", "aba"),
    Direction("ba", "real_b", "real_a", "floor_a", "train_a", "truth_ba", "bab"),
)
CYCLE = {"cycle_psnr": pixel.psnr, "cycle_ssim": pixel.ssim}
PAIR = {"pair_psnr": pixel.psnr, "pair_ssim": pixel.ssim, "pair_mae": pixel.mae}


@dataclass(frozen=True)
class Score:
    """A metric of one model in one direction, measured on `n` translations."""

    metric: str
    replicates: Replicates
    n: int


@dataclass(frozen=True)
class ReferenceScore:
    """What images score that no model has made; None where the metric has no such score.

    `floor`: real images of the target domain. The baselines: untranslated images; these with the
    target's colours (see `target_colours`); the target domain's mean image in place of each.
    """

    metric: str
    floor: float | None
    identity_baseline: float | None
    colour_baseline: float | None
    mean_baseline: float | None
    n: int


@dataclass(frozen=True)
class Yardstick:
    """What every model of an experiment is measured against, by name of the real images.

    `images`: uint8 NHWC, with `target_colours`. `energy`: `checkerboard_energy`, (N,), empty where
    images are too small for it. `features`: of EfficientNet, (N, 1280); `inception`: of the FID
    network, (N, 2048), empty without its weights. `hits`: by direction, whether the judge of the
    target domain is right about real test images of it ("real") and about untranslated ones of the
    source domain ("untranslated"): bool (labelled images,), empty without labels. `reals`: with
    which real images distributions are compared; unless "test", both kinds of features have
    `Direction.train`.
    """

    images: Arrays
    energy: Arrays
    features: Arrays
    inception: Arrays = field(default_factory=dict)
    hits: Mapping[str, Arrays] = field(default_factory=dict)
    reals: Reals = "test"

    def compared(self, direction: Direction, vectors: Arrays) -> np.ndarray:
        """Features of the real images that translations are compared with."""
        if self.reals == "test":
            return vectors[direction.target]
        both = (vectors[direction.train], vectors[direction.target])
        return both[0] if self.reals == "train" else np.concatenate(both)

    def apart(self, direction: Direction, vectors: Arrays) -> tuple[np.ndarray, np.ndarray]:
        """Features of two sets of real images with no image in common, for the floor.

        The first stands for the translations. Training images against test images; test images
        against training images where these are compared with, "both" too: an image that is in both
        sets would lower the floor below what any model can reach.
        """
        if self.reals == "test":
            return vectors[direction.floor], vectors[direction.target]
        return vectors[direction.target], vectors[direction.train]

    def pick(self, real: np.ndarray, count: int) -> np.ndarray:
        """Of the real images as many as translations, or all where training images are among them:
        more of them are what they are chosen for."""
        return spaced(real, count) if self.reals == "test" else real


@dataclass(frozen=True)
class Translations:
    """One model's results in one direction.

    `images`: of the evaluation, uint8 NHWC by name. `features`, `inception`: (N, d) of the
    translations; `hits`: whether the judge reads their source's label in them. None: not computed.
    """

    images: Arrays
    features: np.ndarray
    inception: np.ndarray | None = None
    hits: np.ndarray | None = None


def model_scores(
    direction: Direction, yardstick: Yardstick, translations: Translations
) -> Iterator[Score]:
    """Every metric whose arrays exist."""
    fake, real = translations.features, yardstick.compared(direction, yardstick.features)
    yield Score("kid_efflite0", kid_replicates(fake, real), len(fake))
    n = common_count(direction, yardstick.images)
    yield Score("fd_efflite0", frechet_replicates(spaced(fake, n), yardstick.pick(real, n)), n)
    if translations.inception is not None and yardstick.inception:
        fake = spaced(translations.inception, n)
        real = yardstick.pick(yardstick.compared(direction, yardstick.inception), n)
        yield Score("fid", frechet_replicates(fake, real), n)
    translated, source = translations.images[direction.name], yardstick.images[direction.source]
    if yardstick.energy:
        energy = checkerboard_energy(translated)
        replicates = checkerboard_replicates(energy, yardstick.energy[direction.target])
        yield Score("checkerboard", replicates, len(energy))
    if translations.hits is not None:
        yield Score("judge_accuracy", share_replicates(translations.hits), len(translations.hits))
    if direction.cycle in translations.images:
        for metric, measure in CYCLE.items():
            values = measure(translations.images[direction.cycle], source)
            yield Score(metric, mean_replicates(values), len(values))
    if direction.truth in yardstick.images:
        for metric, measure in PAIR.items():
            values = measure(translated, yardstick.images[direction.truth])
            yield Score(metric, mean_replicates(values), len(values))


def reference_scores(direction: Direction, yardstick: Yardstick) -> Iterator[ReferenceScore]:
    """Floor (real against real) and identity baseline (untranslated) of the metrics above."""

    def places(arrays: Arrays) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return arrays[direction.source], arrays[direction.target], arrays[direction.floor]

    def scored(
        metric: str, floor: float, identity: float, n: int, colour=math.nan, mean=math.nan
    ) -> ReferenceScore:
        finite = [
            value if math.isfinite(value) else None for value in (floor, identity, colour, mean)
        ]
        return ReferenceScore(metric, finite[0], finite[1], finite[2], finite[3], n)

    def of_features(
        metric: str, distance: Callable[..., float], vectors: Arrays, n: int | None
    ) -> ReferenceScore:
        def made(array: np.ndarray) -> np.ndarray:
            return array if n is None else spaced(array, n)

        def real(array: np.ndarray) -> np.ndarray:
            return array if n is None else yardstick.pick(array, n)

        source, target = made(vectors[direction.source]), yardstick.compared(direction, vectors)
        target = real(target)
        one, other = yardstick.apart(direction, vectors)
        floor = distance(made(one), real(other))
        colours = vectors.get(direction.colours)
        colour = math.nan if colours is None else distance(made(colours), target)
        return scored(metric, floor, distance(source, target), len(source), colour)

    yield of_features("kid_efflite0", kid, yardstick.features, None)
    n = common_count(direction, yardstick.images)
    for metric, features in (("fd_efflite0", yardstick.features), ("fid", yardstick.inception)):
        if features:
            yield of_features(metric, frechet_distance, features, n)
    if yardstick.energy:
        source, target, floor = places(yardstick.energy)
        of_floor, of_source = (checkerboard_replicates(x, target).value for x in (floor, source))
        yield scored("checkerboard", of_floor, of_source, len(source))
    if direction.name in yardstick.hits:
        hits = yardstick.hits[direction.name]
        real, untranslated = (float(hits[name].mean()) for name in ("real", "untranslated"))
        yield scored("judge_accuracy", real, untranslated, len(hits["real"]))
    images, _, others = places(yardstick.images)
    for metric in CYCLE:
        yield ReferenceScore(metric, None, None, None, None, len(images))
    if direction.truth in yardstick.images:
        truth = yardstick.images[direction.truth]
        mean_image = np.broadcast_to(others.mean(0).round().astype(np.uint8), truth.shape)
        for metric, measure in PAIR.items():
            untranslated, colour, mean = (
                math.nan if made is None else float(measure(made, truth).mean())
                for made in (images, yardstick.images.get(direction.colours), mean_image)
            )
            yield scored(metric, math.nan, untranslated, len(images), colour, mean)


def target_colours(images: Arrays) -> dict[str, np.ndarray]:
    """Test images with the colours of the other domain, uint8, by `Direction.colours`.

    Each channel has the mean and the standard deviation that it has over the target domain's floor
    images, which are no test images (Reinhard et al. 2001, in RGB and over whole sets). Without
    those whose source and target have different numbers of channels.
    """
    made = {}
    for direction in DIRECTIONS:
        source, target = images[direction.source], images[direction.floor]
        if source.shape[-1] == target.shape[-1]:
            mean, deviation = _by_channel(source)
            to_mean, to_deviation = _by_channel(target)
            recoloured = (source - mean) * (to_deviation / np.maximum(deviation, 1e-9)) + to_mean
            made[direction.colours] = recoloured.clip(0, 255).round().astype(np.uint8)
    return made


def _by_channel(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return images.mean((0, 1, 2), np.float64), images.std((0, 1, 2), np.float64)


def discriminator_rows(evaluation: Arrays, middle: float) -> Iterator[dict[str, Any]]:
    """How well discriminators tell held-out real images from translations, a row a domain.

    Shares of patches on the right side of the middle between the targets, and mean outputs.
    Domains without patch scores in the evaluation have no row.
    """
    for domain in "ab":
        names = (f"patches_real_{domain}", f"patches_fake_{domain}")
        if all(name in evaluation and evaluation[name].size for name in names):
            real, fake = (evaluation[name].astype(np.float64) for name in names)
            yield {
                "domain": domain,
                "accuracy_real": float((real > middle).mean()),
                "accuracy_fake": float((fake < middle).mean()),
                "mean_real": float(real.mean()),
                "mean_fake": float(fake.mean()),
            }


def common_count(direction: Direction, images: Arrays) -> int:
    """The N of FD@N: model, floor and identity baseline compare only at equal counts."""
    return min(len(images[name]) for name in (direction.source, direction.target, direction.floor))


def spaced(array: np.ndarray, count: int) -> np.ndarray:
    """`count` rows spread evenly over `array`, in order: the same images for every run."""
    return array[np.arange(count) * len(array) // count]
