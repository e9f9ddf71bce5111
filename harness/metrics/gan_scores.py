"""Scores of samples that a GAN has made of noise: `metrics.json`, as harness.metrics.evaluate.

All by the judge of the labelled images that the GAN was trained on (harness.metrics.judge):

- kid_judge: KID in the features that the judge sees, between samples and real test images
- class_distance: of all classes, how much more often or less often the judge reads each in samples
  than in real test images: half the sum of the absolute differences of shares (total variation)
- clear_share: of samples, how many the judge reads as surely as it reads 95 % of real test images.
  How sure: the least distance from a border between the class that it reads and another one.

The first needs no labels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

import numpy as np
from threadpoolctl import threadpool_limits

from backends.gan import GanLoss, GanObjective
from harness.data.resize import small_grey_images
from harness.metrics.evaluate import EvaluationScore, Known, Row, differences
from harness.metrics.features import Report
from harness.metrics.judge import CachedJudge, digest_of_arrays, judge_features
from harness.metrics.kid import kid, kid_replicates
from harness.metrics.scoring import ReferenceScore, Score, discriminator_rows
from harness.records.run import RunRecord, find_runs
from harness.statistics.intervals import Replicates, leave_out, share_replicates
from harness.system.errors import UserError
from harness.system.files import read_arrays, read_json, write_arrays, write_json

DIRECTION, SAMPLES = "ba", "ba"  # from noise, which stands for domain B; an array of an evaluation
SURE = 0.95  # of real test images that are read as surely
# Names all that decides a reading: change both together.
RECIPE = "1: judge of harness.metrics.judge, least pairwise decision"


def evaluate_gan(experiment: Path, report: Report, known: Known | None = None) -> dict[str, Any]:
    """Write `metrics.json`, and return what is in it. See `harness.metrics.evaluate.evaluate`."""
    configuration = read_json(experiment / "experiment.json").get("configuration", {})
    adversarial = configuration.get("objective", {}).get("adversarial")
    if adversarial not in get_args(GanLoss):
        raise UserError(
            f"{experiment / 'experiment.json'}: objective.adversarial is no loss of a GAN; mend it,"
            " or remove the folder and train anew"
        )
    middle = GanObjective(adversarial=adversarial).middle
    runs = [run for run in find_runs(experiment) if run.complete]
    if not runs:
        raise UserError(f"{experiment / 'runs'}: no complete run to score; run `make compare`")
    scored = {} if known is None else known
    with threadpool_limits(1):  # sums must not depend on the number of cores
        yardstick = read_yardstick(experiment)
        everything = [(run, step) for run in runs for step in run.evaluated_steps]
        classes: list[Row] = []
        for done, (run, step) in enumerate(everything):
            report("scores", done, len(everything))
            arrays = _read_evaluation(run, step, yardstick)
            place = {"device": run.device, "backend": run.backend, "seed": run.seed, "step": step}
            if (run.folder, step) not in scored:
                judged = [{**place, **row} for row in discriminator_rows(arrays, middle)]
                scores = [
                    EvaluationScore(_subject(score, run, step), run.backend, score)
                    for score in yardstick.scores(arrays[SAMPLES])
                ]
                scored[run.folder, step] = (scores, judged)
            if yardstick.judge is not None and step == run.status["steps"]:
                shares = yardstick.shares(yardstick.judge.read(arrays[SAMPLES]).labels)
                classes.append({**place, "shares": shares.tolist()})
        report("scores", len(everything), len(everything))
        scores = [score for place in everything for score in scored[place[0].folder, place[1]][0]]
        metrics = {
            "scores": [score.row() for score in scores],
            "differences": differences(scores, list(configuration.get("backends", []))),
            "last_step": {},
            "references": [
                {"direction": DIRECTION, **asdict(score)} for score in yardstick.references()
            ],
            "discriminators": [
                row for place in everything for row in scored[place[0].folder, place[1]][1]
            ],
            "classes": {"real": yardstick.real_shares, "samples": classes},
        }
    write_json(experiment / "metrics.json", metrics)
    return metrics


def _subject(score: Score, run: RunRecord, step: int) -> Row:
    place = {"device": run.device, "seed": run.seed, "step": step}
    return {"metric": score.metric, "direction": DIRECTION, **place, "weights": "last"}


@dataclass(frozen=True)
class Reading:
    """`labels`: int64 (N,); `sure`: float64 (N,), as `Judge.read_surely`."""

    labels: np.ndarray
    sure: np.ndarray


class SampleJudge(CachedJudge):
    """Reads which class a sample shows, and how surely."""

    recipe = RECIPE

    def read(self, images: np.ndarray) -> Reading:
        """Of uint8 images (N, H, W, C)."""
        path = self.cache / f"read-{digest_of_arrays(self.digest, images)}.safetensors"
        try:
            arrays = read_arrays(path) if path.exists() else {}
            cached = Reading(arrays["labels"], arrays["sure"])
            if cached.labels.shape == cached.sure.shape == (len(images),):
                return cached
        except (UserError, KeyError):
            pass
        reading = Reading(*self.judge.read_surely(small_grey_images(images)))
        write_arrays(path, asdict(reading))
        return reading


@dataclass(frozen=True)
class GanYardstick:
    """`real`, `floor`: uint8 (N, H, W, C), real test images, and as many training images.

    `judge`: None where the images are not labelled.
    """

    real: np.ndarray
    floor: np.ndarray
    judge: SampleJudge | None

    @cached_property
    def features(self) -> np.ndarray:
        """float32 (N, d) of the real test images."""
        return features_of(self.real)

    @cached_property
    def reading(self) -> Reading:
        assert self.judge is not None
        return self.judge.read(self.real)

    @cached_property
    def real_shares(self) -> list[float]:
        """Of the classes in real test images, as the judge reads them; empty without a judge."""
        return [] if self.judge is None else self.shares(self.reading.labels).tolist()

    @cached_property
    def least_sure(self) -> float:
        """What SURE of the real test images reach."""
        return float(np.quantile(self.reading.sure, 1 - SURE))

    def shares(self, labels: np.ndarray) -> np.ndarray:
        """Of every class that the judge knows: float64 (classes,)."""
        assert self.judge is not None
        counts = np.bincount(labels, minlength=int(self.judge.labels.max()) + 1)
        return counts / max(1, counts.sum())

    def scores(self, samples: np.ndarray) -> list[Score]:
        """Of uint8 samples (N, H, W, C)."""
        count = len(samples)
        found = [Score("kid_judge", kid_replicates(features_of(samples), self.features), count)]
        if self.judge is None:
            return found
        reading = self.judge.read(samples)
        return [
            *found,
            Score("class_distance", self.distance(reading.labels), count),
            Score("clear_share", share_replicates(reading.sure >= self.least_sure), count),
        ]

    def distance(self, labels: np.ndarray) -> Replicates:
        """Of the shares of classes from those of the real test images, which stay as they are."""
        real = self.shares(self.reading.labels)

        def of(kept: np.ndarray) -> float:
            return float(np.abs(self.shares(labels[kept]) - real).sum()) / 2

        return Replicates(of(np.arange(len(labels))), (leave_out(of, len(labels)),))

    def references(self) -> list[ReferenceScore]:
        """Of other real images; and of the mean image, which no network is needed for."""
        mean = self.floor.mean(0).round().astype(np.uint8)
        repeated = np.broadcast_to(mean, self.floor.shape).copy()

        def reference(metric: str, floor: float, of_mean: float) -> ReferenceScore:
            values = [value if math.isfinite(value) else None for value in (floor, of_mean)]
            return ReferenceScore(metric, values[0], None, None, values[1], len(self.real))

        distances = [kid(features_of(images), self.features) for images in (self.floor, repeated)]
        found = [reference("kid_judge", *distances)]
        if self.judge is not None:
            # The judge knows the floor's images, and reads them more surely than others.
            reading = self.judge.read(repeated)
            clear = float((reading.sure >= self.least_sure).mean())
            found += [
                reference("class_distance", math.nan, self.distance(reading.labels).value),
                reference("clear_share", SURE, clear),
            ]
        return found


def features_of(images: np.ndarray) -> np.ndarray:
    """What the judge sees of uint8 images (N, H, W, C): float32 (N, d)."""
    return np.concatenate([*judge_features(small_grey_images(images))])


def read_yardstick(experiment: Path) -> GanYardstick:
    """Raises UserError for records that are missing or do not fit together."""
    path, labelled = experiment / "references.safetensors", experiment / "labels.safetensors"
    arrays = read_arrays(path)
    for name in ("real_a", "floor_a"):
        if name not in arrays or arrays[name].dtype != np.uint8 or arrays[name].ndim != 4:
            raise UserError(f"{path}: no images {name!r}; remove it and run `make compare`")
    judge = None
    if labelled.exists():
        labels = read_arrays(labelled)
        try:
            images, codes = labels["train_images_a"], labels["train_labels_a"]
            fits = images.ndim == 3 and codes.dtype == np.int64 and codes.shape == images.shape[:1]
        except KeyError:
            fits = False
        if not fits:
            raise UserError(
                f"{labelled}: does not fit the images; remove it and run `make compare`"
            )
        # There must be classes to tell apart.
        if len(np.unique(codes)) > 1:
            judge = SampleJudge(images, codes, experiment / "features")
    return GanYardstick(arrays["real_a"], arrays["floor_a"], judge)


def _read_evaluation(
    run: RunRecord, step: int, yardstick: GanYardstick
) -> Mapping[str, np.ndarray]:
    path, arrays = run.evaluation_file(step), run.evaluation(step)
    samples, shape = arrays.get(SAMPLES), yardstick.real.shape
    if samples is None or samples.dtype != np.uint8 or samples.shape != shape:
        given = "none" if samples is None else f"{samples.dtype} {samples.shape}"
        raise UserError(
            f"{path}: {given} for {SAMPLES!r}, not uint8 {shape}; remove {run.folder} to train that"
            " run anew"
        )
    return arrays
