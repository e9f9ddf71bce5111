"""What scores and a report take, measured on a session's translations and on a stored report."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from backends import file_name
from harness.metrics.artefacts import SMALLEST, checkerboard_energy
from harness.metrics.extractors import CORES, EFFICIENTNET, GROUP, INCEPTION, Extractor
from harness.metrics.features import features
from harness.metrics.scoring import (
    DIRECTIONS,
    Translations,
    Yardstick,
    model_scores,
    reference_scores,
)
from harness.metrics.weights import find_weights
from harness.report.comparison import write_report
from harness.studies.estimate.predict import Extraction, Scoring
from harness.studies.estimate.work import Work
from harness.system.errors import UserError
from harness.system.files import read_arrays

MOST_IMAGES = 256  # of a domain; more are predicted from so many
SQUARE = ("kid_efflite0", "fd_efflite0", "fid")  # compare every image with every other
# Where there is no stored experiment whose report could be written again. The report of preset
# `quick` with one seed took 14 s of a CPU core.
REPORT_SECONDS = 15.0
WRITTEN = {"report.html", "report.md", "summary.json", "figures", "tables", "tensorboard"}


def time_scoring(work: Work, folder: Path, scored: Path | None, results: Path) -> Scoring:
    """`folder`: has `<backend>.safetensors` of a session. `scored`, `results`: see `time_report`.

    Raises UserError as extractors do.
    """
    sample = read_arrays(folder / f"{file_name(work.backends[0])}.safetensors")
    weights = find_weights()
    extraction, vectors = _extraction(EFFICIENTNET, sample["ab"], folder / "features", None)
    inception, fid_vectors = None, None
    if weights is not None:
        inception, fid_vectors = _extraction(INCEPTION, sample["ab"], folder / "features", weights)
    with threadpool_limits(1):  # as harness.metrics.evaluate does
        seconds = _statistics(work, sample, vectors, fid_vectors)
    return Scoring(
        extraction, inception, *seconds, *time_report(scored, results, folder / "report")
    )


def _extraction(
    extractor: Extractor, images: np.ndarray, cache: Path, weights: Path | None
) -> tuple[Extraction, np.ndarray]:
    """Costs of extraction, and the features of `images`.

    Times a group of images for every core, and another one, which is without the start.
    """
    group, times = GROUP * CORES, [time.perf_counter()]
    images = np.resize(images, (2 * group, *images.shape[1:]))

    def report(stage: str, done: int, total: int) -> None:
        if done in (group, 2 * group) and len(times) <= done // group:
            times.append(time.perf_counter())

    vectors = features({"translations": images}, extractor, cache, report, weights)["translations"]
    first, second = np.diff(times)
    return Extraction(max(0.0, first - second), second / group), vectors


def _statistics(
    work: Work, sample: dict[str, np.ndarray], vectors: np.ndarray, fid: np.ndarray | None
) -> tuple[float, float, float]:
    """Seconds of all statistics of one evaluation, of the last one, and of real images.

    The session's images and features, repeated, stand for as many as will be tested.
    """
    a, b = (min(MOST_IMAGES, count) for count in work.tested)
    growth = max(work.tested) / max(a, b)

    def repeated(array: np.ndarray, count: int) -> np.ndarray:
        return np.resize(array, (count, *array.shape[1:]))

    counts = {"real_a": a, "real_b": b, "floor_a": a, "floor_b": b}
    reals = work.experiment.evaluation.reals
    trained = {"train_a": work.counts.train_a, "train_b": work.counts.train_b}
    every = counts if reals == "test" else counts | trained
    real = {name: repeated(sample[f"real_{name[-1]}"], count) for name, count in counts.items()}
    images = {"ab": repeated(sample["ab"], a), "ba": repeated(sample["ba"], b)}
    back = {"aba": repeated(sample["ba"], a), "bab": repeated(sample["ab"], b)}
    truths = {"truth_ab": images["ab"], "truth_ba": images["ba"]} if work.counts.paired else {}
    small = min(work.experiment.data.crop(domain) for domain in "ab") < SMALLEST
    yardstick = Yardstick(
        real | truths,
        {} if small else {name: checkerboard_energy(real[name]) for name in counts},
        {name: repeated(vectors, count) for name, count in every.items()},
        {} if fid is None else {name: repeated(fid, count) for name, count in every.items()},
        reals=reals,
    )
    seconds = {}
    for last in (False, True):
        seconds[last] = 0.0
        for direction in DIRECTIONS:
            count = len(images[direction.name])
            translations = Translations(
                images | back if last else images,
                repeated(vectors, count),
                repeated(fid, count) if last and fid is not None else None,
            )
            began = time.perf_counter()
            for score in model_scores(direction, yardstick, translations):
                power = 2 if score.metric in SQUARE else 1
                seconds[last] += (time.perf_counter() - began) * growth**power
                began = time.perf_counter()
    began = time.perf_counter()
    for direction in DIRECTIONS:
        list(reference_scores(direction, yardstick))
    return seconds[False], seconds[True], (time.perf_counter() - began) * growth**2


def time_report(scored: Path | None, results: Path, folder: Path) -> tuple[float, str]:
    """Seconds of writing a report, and where they are from.

    The report of a scored experiment, `scored` or else the latest in `results`, is written again,
    into `folder`; the stored one is not touched. Without any it is a constant.
    """
    stored = [scored / "metrics.json"] if scored else list(results.glob("*/metrics.json"))
    stored = [file for file in stored if file.exists()]
    if stored:
        latest = max(stored, key=lambda file: file.stat().st_mtime).parent
        folder.mkdir(parents=True)
        for entry in latest.iterdir():
            if entry.name not in WRITTEN and not entry.name.startswith("."):
                (folder / entry.name).symlink_to(entry.resolve())
        began = time.perf_counter()
        with suppress(UserError):  # a damaged one tells nothing
            write_report(folder)
            return time.perf_counter() - began, f"measured on {latest}"
    return REPORT_SECONDS, "a constant, as no scored experiment is stored here"
