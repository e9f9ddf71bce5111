"""Judges of an experiment: what they read in real, untranslated and translated images.

A direction has a judge where the target domain's training images and the source's test images are
labelled. What a judge read in a set of images is kept beside the features.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from harness.data.resize import small_grey_images
from harness.metrics.judge import RECIPE, Judge, train_judge
from harness.metrics.scoring import DIRECTIONS, Direction
from harness.system.errors import UserError
from harness.system.files import read_arrays, write_arrays

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class LabelReader:
    """A judge that is trained only if it has not read these very images before.

    `images`: uint8 (n, s, s), `labels`: int64 (n,); real ones of one domain.
    """

    images: np.ndarray
    labels: np.ndarray
    cache: Path

    @cached_property
    def judge(self) -> Judge:
        return train_judge(self.images, self.labels)

    @cached_property
    def digest(self) -> str:
        return _digest(RECIPE, self.images, self.labels)

    def read(self, images: np.ndarray) -> np.ndarray:
        """Labels int64 (N,) of uint8 images (N, H, W, C)."""
        path = self.cache / f"judged-{_digest(self.digest, images)}.safetensors"
        try:
            known = read_arrays(path)["labels"] if path.exists() else None
        except (UserError, KeyError):
            known = None
        if known is not None and known.shape == (len(images),) and known.dtype == np.int64:
            return known
        labels = self.judge.predict(small_grey_images(images))
        write_arrays(path, {"labels": labels})
        return labels


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
        return hits(self.reader, translations, self.labels)


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
    return {
        direction.name: judge
        for direction in DIRECTIONS
        if (judge := _judge(direction, arrays, references, experiment))
    }


def hits(reader: LabelReader, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Whether the judge reads the right label in each labelled image: bool (labelled,)."""
    labelled = labels >= 0
    return reader.read(images[labelled]) == labels[labelled]


def _judge(
    direction: Direction, arrays: Arrays, references: Arrays, experiment: Path
) -> DirectionJudge | None:
    """None where there is nothing to train on, to translate or to state real accuracy on."""
    source, target = direction.source[-1], direction.target[-1]
    trained_on = arrays[f"train_labels_{target}"]
    labels, real_labels = (arrays[f"test_labels_{side}"] for side in (source, target))
    if len(np.unique(trained_on)) < 2 or not ((labels >= 0).any() and (real_labels >= 0).any()):
        return None
    cache = experiment / "features"
    reader = LabelReader(arrays[f"train_images_{target}"], trained_on, cache)
    beside = {
        "real": hits(reader, references[direction.target], real_labels),
        "untranslated": hits(reader, references[direction.source], labels),
    }
    return DirectionJudge(reader, labels, beside)


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


def _digest(*parts: str | np.ndarray) -> str:
    digest = hashlib.sha256()
    for part in parts:
        array = np.frombuffer(part.encode(), np.uint8) if isinstance(part, str) else part
        digest.update(f"{array.shape} {array.dtype}\n".encode())
        digest.update(np.ascontiguousarray(array).data if array.size else b"")
    return digest.hexdigest()[:32]
