"""Decoded images: resized once, kept as one memory-mapped file a split, read by every worker."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from harness.data.cache import cache_folder, explained_writes
from harness.data.decode import UnreadableImage, bombs_refused, decode
from harness.data.image_arrays import (
    SUFFIX,
    Images,
    open_array,
    open_ragged,
    write_array,
    write_ragged,
)
from harness.data.layout import Progress, counted
from harness.data.manifest import ImageFile, Manifest
from harness.data.resize import Fit, Resize, recipe, resize
from harness.system.errors import UserError
from harness.system.files import replacing
from harness.system.untrusted import check_file

Channels = Literal[1, 3]


@dataclass(frozen=True)
class _Form:
    """What becomes of an image."""

    size: int
    method: Resize
    channels: Channels
    fit: Fit

    @property
    def ragged(self) -> bool:
        return self.fit == "shorter_side"

    def path(self, files: tuple[ImageFile, ...]) -> Path:
        """Where these files in this form are kept; each form and each list of files has its own."""
        steps = recipe(self.method, self.channels, self.fit)
        text = "\n".join([steps, str(self.size), *(file.sha256 for file in files)])
        key = hashlib.sha256(text.encode()).hexdigest()[:32]
        return cache_folder() / "images" / f"{key}{SUFFIX if self.ragged else '.npy'}"


def load_images(
    manifest: Manifest,
    split: str,
    size: int,
    progress: Progress | None = None,
    method: Resize = "bicubic",
    *,
    channels: Channels = 3,
    fit: Fit = "stretch",
) -> Images:
    """The images of a split in the manifest's order: uint8 (n, size, size, channels), read-only.

    Resized by `method` after `fit`, see harness.data.resize; an image that has the size already
    is left as it is by all of them. "shorter_side" keeps aspect ratios: the result is a Ragged, of
    images (H, W, channels). One channel is ITU-R 601 luma of the RGB image, as PIL's "L".
    Memory-mapped from the cache, made there if absent or damaged. Raises UserError if the set has
    no such split, an argument is none of those possible, or its files have to be decoded and are no
    longer the manifest's.
    """
    if split not in manifest.splits:
        raise UserError(
            f"{manifest.name}: has no split {split}; it has {', '.join(manifest.splits)}"
        )
    if size < 1:
        raise UserError(f"image size: {size} is not possible; give a number of pixels above zero")
    for name, value, possible in (
        ("resize", method, get_args(Resize)),
        ("channels", channels, get_args(Channels)),
        ("fit", fit, get_args(Fit)),
    ):
        if value not in possible:
            raise UserError(
                f"{name}: {value} is not possible; give one of {', '.join(map(str, possible))}"
            )
    form, files = _Form(size, method, channels, fit), manifest.splits[split]
    path = form.path(files)
    images = _open_cached(path, len(files), form)
    if images is None:
        with explained_writes(path):
            _write(path, manifest, split, form, progress)
        images = _open_cached(path, len(files), form)
    if images is None:
        raise UserError(f"{path}: cannot be read back after writing; check the disk")
    return images


def _open_cached(path: Path, count: int, form: _Form) -> Images | None:
    """The cached images, or None where they are absent, cut short or something else."""
    try:
        if not form.ragged:
            array = open_array(path)
            expected = (count, form.size, form.size, form.channels)
            return array if array.shape == expected else None
        images = open_ragged(path)
    except (OSError, ValueError):
        return None
    sizes, channels = images.shapes[:, :2], images.shapes[:, 2]
    sound = (
        len(images) == count
        and (sizes.min(axis=1) == form.size).all()
        and (channels == form.channels).all()
    )
    return images if sound else None


def _write(
    path: Path, manifest: Manifest, split: str, form: _Form, progress: Progress | None
) -> None:
    decoded = _decoded(manifest, split, form, progress)
    # Plain writes, not a writable memory map: there a full disk would be a bus error.
    with replacing(path) as temporary, temporary.open("wb") as file, closing(decoded) as images:
        if form.ragged:
            write_ragged(file, images)
        else:
            count = len(manifest.splits[split])
            write_array(file, images, (count, form.size, form.size, form.channels))


def _decoded(
    manifest: Manifest, split: str, form: _Form, progress: Progress | None
) -> Generator[np.ndarray, None, None]:
    """The split's images one after the other, decoded by several threads and resized.

    The files must still be those the manifest was made of.
    """
    folder, files = manifest.folder, manifest.splits[split]
    if folder is None:
        raise UserError(
            f"{manifest.name}: its images are not in the cache; run `make compare`"
            " where the data set is"
        )

    def decoded(file: ImageFile) -> np.ndarray:
        path = folder / split / file.name
        try:
            check_file(path)
            content = path.read_bytes()
            changed = hashlib.sha256(content).hexdigest() != file.sha256
            image = decode(content)
        except (OSError, ValueError, UnreadableImage):
            changed = True
        if changed:
            raise UserError(
                f"{path}: changed since the manifest was made; start the comparison again"
            )
        if form.channels == 1:
            image = image.convert("L")
        try:
            return resize(image, form.size, form.method, form.fit)
        except ValueError as error:
            raise UserError(f"{path}: {error}; remove it or choose another fit") from None

    with bombs_refused(), ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            yield from counted(pool.map(decoded, files), len(files), progress)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
