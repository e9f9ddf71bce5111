"""Judges of labelled translations (docs/evaluation.md): is the digit still the one it was?

A judge learns from real images of the target domain only and reads translated ones, whose labels
are those of their sources; its accuracy on real test images belongs beside the result. It must be
fair to images that are blurred, noisy, pale or a pixel off but plain to read. So it sees contrasts
stretched, strokes smoothed and mostly their directions. scikit-learn throughout: nothing random.

A direction has a judge where the target domain's training images and the source's test images are
labelled. What a judge read in a set of images is kept beside the features.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from scipy.ndimage import gaussian_filter

from harness.data.resize import SMALL_SIDE as SIDE
from harness.data.resize import small_grey_images
from harness.metrics.scoring import DIRECTIONS, Arrays
from harness.system.errors import UserError
from harness.system.files import read_arrays, write_arrays

CELL = 4
ANGLES = 9  # directions of strokes, modulo 180 degrees
MOST_TRAINED_ON = 10_000
CHUNK = 1000  # images whose features are made at a time: about 50 MB
# Names all that decides what is read in given images: change both together.
RECIPE = "1: grey28-stretch-smooth1-directions9_cells4-thumbnail14-rbf_svc_c10-most10000"


@dataclass(frozen=True)
class DirectionJudge:
    """`labels`: of the source's test images, int64 (N,), -1 where unlabelled.

    `references`: hits, bool, on labelled real test images of the target domain ("real"), and on
    labelled images of the source domain as they are ("untranslated").
    """

    reader: LabelReader
    labels: np.ndarray
    references: Arrays

    def hits(self, translations: np.ndarray) -> np.ndarray:
        """Whether it reads their source's label in translations (N, H, W, C): bool (labelled,)."""
        return self.reader.hits(translations, self.labels)


def read_judges(experiment: Path, references: Arrays) -> dict[str, DirectionJudge]:
    """By direction; empty where the experiment has no labels.safetensors.

    Raises UserError if that file does not fit the images.
    """
    path = experiment / "labels.safetensors"
    if not path.exists():
        return {}
    arrays = read_arrays(path)
    for domain in "ab":
        _check(path, arrays, domain, len(references[f"real_{domain}"]))
    judges = {}
    for direction in DIRECTIONS:
        source, target = direction.source[-1], direction.target[-1]
        trained_on = arrays[f"train_labels_{target}"]
        labels, real_labels = (arrays[f"test_labels_{side}"] for side in (source, target))
        # There must be images to train on, to translate and to measure real accuracy on.
        if len(np.unique(trained_on)) < 2 or not ((labels >= 0).any() and (real_labels >= 0).any()):
            continue
        images, cache = arrays[f"train_images_{target}"], experiment / "features"
        reader = LabelReader(images, trained_on, cache)
        hits = {
            "real": reader.hits(references[direction.target], real_labels),
            "untranslated": reader.hits(references[direction.source], labels),
        }
        judges[direction.name] = DirectionJudge(reader, labels, hits)
    return judges


def _check(path: Path, arrays: Arrays, domain: str, images: int) -> None:
    names = [f"{name}_{domain}" for name in ("train_images", "train_labels", "test_labels")]
    sound = all(name in arrays for name in names)
    if sound:
        train, labels, tests = (arrays[name] for name in names)
        sound = (
            (train.ndim, train.dtype, labels.dtype) == (3, np.uint8, np.int64)
            and labels.shape == (len(train),)
            and (tests.shape, tests.dtype) == ((images,), np.int64)
        )
    if not sound:
        raise UserError(f"{path}: does not fit the images; remove it and run `make compare`")


@dataclass(frozen=True)
class CachedJudge:
    """A judge that is trained only if it has not read these very images before.

    `images`: uint8 (n, s, s), `labels`: int64 (n,); real ones of one domain. `recipe` names all
    that decides what it reads.
    """

    images: np.ndarray
    labels: np.ndarray
    cache: Path
    recipe: ClassVar[str] = RECIPE

    @cached_property
    def judge(self) -> Judge:
        return train_judge(self.images, self.labels)

    @cached_property
    def digest(self) -> str:
        return digest_of_arrays(self.recipe, self.images, self.labels)


class LabelReader(CachedJudge):
    """Reads which label a translation shows."""

    def hits(self, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Whether it reads the right label in each labelled image: bool (labelled,).

        `images`: uint8 (N, H, W, C), `labels`: int64 (N,), -1 where unlabelled.
        """
        labelled = labels >= 0
        return self.read(images[labelled]) == labels[labelled]

    def read(self, images: np.ndarray) -> np.ndarray:
        """Labels int64 (N,) of uint8 images (N, H, W, C)."""
        path = self.cache / f"judged-{digest_of_arrays(self.digest, images)}.safetensors"
        try:
            cached = read_arrays(path)["labels"] if path.exists() else None
        except (UserError, KeyError):
            cached = None
        if cached is not None and cached.shape == (len(images),) and cached.dtype == np.int64:
            return cached
        labels = self.judge.predict(small_grey_images(images))
        write_arrays(path, {"labels": labels})
        return labels


def digest_of_arrays(*parts: str | np.ndarray) -> str:
    """Of texts and arrays, one after the other."""
    digest = hashlib.sha256()
    for part in parts:
        array = np.frombuffer(part.encode(), np.uint8) if isinstance(part, str) else part
        digest.update(f"{array.shape} {array.dtype}\n".encode())
        digest.update(np.ascontiguousarray(array).data if array.size else b"")
    return digest.hexdigest()[:32]


@dataclass(frozen=True)
class Judge:
    """A support vector machine with a radial kernel on `judge_features`. Made by `train_judge`."""

    machine: Any  # sklearn.svm.SVC

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Labels int64 (N,), of those trained on, for `small_grey_images` uint8 (N, 28, 28).

        About 1 ms an image. Raises ValueError for other arrays.
        """
        labels = [self.machine.predict(features) for features in judge_features(images)]
        return np.concatenate([np.zeros(0, np.int64), *labels])

    def read_surely(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Labels as `predict`; and how sure each is, float64 (N,).

        The machine decides between every two classes. How sure: the least of the decisions that the
        label is part of, in its favour; below zero where one of them went against it.
        """
        classes = self.machine.classes_
        towards = np.zeros((len(classes), len(classes) * (len(classes) - 1) // 2))
        for pair, (one, other) in enumerate(combinations(range(len(classes)), 2)):
            towards[one, pair], towards[other, pair] = 1, -1
        if len(classes) == 2:  # then a decision above zero is for the second
            towards = -towards
        labels, sure = [np.zeros(0, np.int64)], [np.zeros(0)]
        for features in judge_features(images):
            decisions = self.machine.decision_function(features).reshape(len(features), -1)
            labels.append(self.machine.predict(features))
            sides = towards[np.searchsorted(classes, labels[-1])]
            sure.append(np.where(sides == 0, np.inf, decisions * sides).min(1))
        return np.concatenate(labels), np.concatenate(sure)


def train_judge(images: np.ndarray, labels: np.ndarray) -> Judge:
    """Learn from real images, `small_grey_images` uint8 (N, 28, 28), with their labels int64 (N,).

    Of more than 10,000 images, that many are used, drawn the same way every time; they take about
    10 s. Raises ValueError for other arrays, negative labels and fewer than two classes.
    """
    if labels.dtype != np.int64 or labels.shape != images.shape[:1]:
        raise ValueError(
            f"one int64 label an image needed: {labels.dtype} {labels.shape} of {images.shape}"
        )
    if len(labels) > MOST_TRAINED_ON:
        chosen = np.random.default_rng(0).permutation(len(labels))[:MOST_TRAINED_ON]
        images, labels = images[chosen], labels[chosen]
    if len(np.unique(labels)) < 2 or labels.min() < 0:
        raise ValueError(f"labels from 0 up, two classes or more, needed: {np.unique(labels)}")
    from sklearn.svm import SVC  # takes a second: only where a judge is trained

    features = np.concatenate([*judge_features(images)])
    machine = SVC(C=10.0, kernel="rbf", gamma="scale", decision_function_shape="ovo")
    return Judge(machine.fit(features, labels))


def judge_features(images: np.ndarray) -> Iterator[np.ndarray]:
    """float32 (n, 637) of each chunk of images; of `small_grey_images` uint8 (N, 28, 28)."""
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (SIDE, SIDE):
        raise ValueError(f"uint8 (N, {SIDE}, {SIDE}) needed, given {images.dtype} {images.shape}")
    for start in range(0, len(images), CHUNK):
        values = images[start : start + CHUNK].astype(np.float32)
        # From 0 (all but the darkest 1%) to 1 (the brightest 0.5%); mere noise is not stretched.
        low, high = np.percentile(values, [1, 99.5], axis=(1, 2), keepdims=True).astype(np.float32)
        stretched = np.clip((values - low) / np.maximum(high - low, 32), 0, 1)
        thumbnails = _cell_sums(stretched, 2).reshape(len(values), -1) / 4
        # Weighted so that directions make up most of the distance between two digits.
        yield np.concatenate([_directions(stretched) / 6, thumbnails / 9], axis=1)


def _directions(images: np.ndarray) -> np.ndarray:
    """Histograms of gradient directions in cells of 4 x 4 px (after Dalal & Triggs 2005).

    Smoothed by 1 px first, else noise fills the empty cells. Nine directions modulo 180 degrees,
    weighted by the gradient's length and shared between the two nearest; each cell is divided by
    the strength around it plus that of the whole image. float32 (n, 7 * 7 * 9).
    """
    rows, columns = np.gradient(gaussian_filter(images, (0, 1, 1)), axis=(1, 2))
    length = np.hypot(rows, columns)
    direction = np.arctan2(rows, columns) % np.pi / np.pi * ANGLES
    histograms = []
    for index in range(ANGLES):
        apart = np.abs((direction - index + ANGLES / 2) % ANGLES - ANGLES / 2)
        histograms.append(_cell_sums(length * np.maximum(0, 1 - apart), CELL))
    cells = np.stack(histograms, axis=3)
    around = np.sqrt(gaussian_filter((cells**2).sum(3, keepdims=True), (0, 1, 1, 0)))
    overall = around.mean(axis=(1, 2), keepdims=True)
    return (cells / (around + overall + 1e-6)).reshape(len(images), -1)


def _cell_sums(values: np.ndarray, cell: int) -> np.ndarray:
    """Sums over cells of `cell` x `cell` px: (n, 28, 28) to (n, 28 / cell, 28 / cell)."""
    across = SIDE // cell
    return values.reshape(len(values), across, cell, across, cell).sum(axis=(2, 4))
