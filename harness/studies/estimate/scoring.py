"""What scoring and reporting take, with arrays of the sizes that a comparison will have."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from harness.config.experiment import Experiment
from harness.metrics.artefacts import SMALLEST, checkerboard_energy
from harness.metrics.extractor import CORES, GROUP
from harness.metrics.extractors import EFFICIENTNET, INCEPTION, Extractor
from harness.metrics.features import features
from harness.metrics.scoring import (
    DIRECTIONS,
    Direction,
    Translations,
    Yardstick,
    model_scores,
    reference_scores,
)
from harness.metrics.weights import find_weights
from harness.plan.random_streams import stream
from harness.studies.estimate.measured import Extraction, Scoring
from harness.studies.estimate.reporting import time_report
from harness.studies.estimate.work import Work
from harness.system.progress import Display

MOST_IMAGES = 256  # of a domain; more are reckoned from so many
SQUARE = ("kid_efflite0", "fd_efflite0", "fid")  # compare every image with every other


def time_scoring(work: Work, folder: Path, display: Display) -> Scoring:
    """`folder`: for what is written on the way. Raises UserError as the extractors do."""
    experiment = work.experiment
    display.say("Scoring: timing it on images of noise")
    image = _noise(experiment, "a", 1)[0]
    weights = find_weights()
    extraction = _extraction(EFFICIENTNET, image, folder / "features")
    inception = None
    if weights is not None:
        inception = _extraction(INCEPTION, image, folder / "features", weights)
    with threadpool_limits(1):  # as harness.metrics.evaluate does
        between, last, references = _scores(work, weights is not None)
    report, row = time_report(work, folder / "report")
    return Scoring(extraction, inception, between, last, references, report, row)


def _extraction(
    extractor: Extractor, image: np.ndarray, cache: Path, weights: Path | None = None
) -> Extraction:
    """A group of images for every core, and another: the second takes no start."""
    group, times = GROUP * CORES, [time.perf_counter()]
    # No two sets are equal: features would be taken once.
    images = np.stack([np.roll(image, shift, axis=1) for shift in range(2 * group)])

    def report(stage: str, done: int, total: int) -> None:
        if done in (group, 2 * group) and len(times) <= done // group:
            times.append(time.perf_counter())

    features({"noise": images}, extractor, cache, report, weights)
    first, second = np.diff(times)
    return Extraction(max(0.0, first - second), second / group)


def _scores(work: Work, inception: bool) -> tuple[float, float, float]:
    """Seconds for all scores of an evaluation, of the last one, and of real images."""
    a, b = (min(MOST_IMAGES, count) for count in work.tested)
    growth = max(work.tested) / max(a, b)
    images, yardstick = _yardstick(work, a, b, inception)
    between = sum(_one(images, yardstick, growth, last=False))
    last = sum(_one(images, yardstick, growth, last=True))
    began = time.perf_counter()
    for direction in DIRECTIONS:
        list(reference_scores(direction, yardstick))
    return between, last, (time.perf_counter() - began) * growth**2


def _yardstick(
    work: Work, a: int, b: int, inception: bool
) -> tuple[dict[str, np.ndarray], Yardstick]:
    """Translations and what they are measured against: `a` and `b` images of noise."""
    experiment, counts = work.experiment, {"a": a, "b": b}
    real = {f"{kind}_{d}": _noise(experiment, d, counts[d]) for kind in ("real", "floor")
            for d in "ab"}  # fmt: skip
    images = {
        "ab": _noise(experiment, "b", a),
        "ba": _noise(experiment, "a", b),
        "aba": _noise(experiment, "a", a),
        "bab": _noise(experiment, "b", b),
    }
    if work.counts.paired:
        real |= {"truth_ab": images["ab"], "truth_ba": images["ba"]}
    small = min(experiment.data.crop(d) for d in "ab") < SMALLEST
    energy = {} if small else {name: checkerboard_energy(real[name]) for name in list(real)[:4]}
    sizes = {name: len(real[name]) for name in list(real)[:4]}
    vectors = {name: _vectors(size, EFFICIENTNET.dimensions) for name, size in sizes.items()}
    fid = {name: _vectors(size, INCEPTION.dimensions) for name, size in sizes.items()}
    return images, Yardstick(real, energy, vectors, fid if inception else {})


def _one(
    images: dict[str, np.ndarray], yardstick: Yardstick, growth: float, last: bool
) -> Iterator[float]:
    """Seconds of every score of an evaluation, in both directions."""
    shown = images if last else {name: images[name] for name in ("ab", "ba")}
    for direction in DIRECTIONS:
        scores = model_scores(direction, yardstick, _made(direction, shown, yardstick, last))
        while True:
            began = time.perf_counter()
            score = next(scores, None)
            if score is None:
                break
            power = 2 if score.metric in SQUARE else 1
            yield (time.perf_counter() - began) * growth**power


def _made(
    direction: Direction, images: dict[str, np.ndarray], yardstick: Yardstick, last: bool
) -> Translations:
    count = len(images[direction.name])
    fid = _vectors(count, INCEPTION.dimensions) if last and yardstick.inception else None
    return Translations(images, _vectors(count, EFFICIENTNET.dimensions), fid)


def _vectors(count: int, dimensions: int) -> np.ndarray:
    """Pooled activations: none below zero, a few large ones."""
    return stream(0, f"features {count}").gamma(0.5, size=(count, dimensions)).astype(np.float32)


def _noise(experiment: Experiment, domain: str, count: int) -> np.ndarray:
    size = experiment.data.crop(domain)
    shape = (count, size, size, experiment.data.channels(domain))
    return stream(0, f"noise {domain} {count}").integers(256, size=shape, dtype=np.uint8)
