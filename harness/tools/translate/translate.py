"""Files and folders of images, translated."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from backends.interface import Direction
from harness.data.decode import bombs_refused
from harness.data.resize import Fit, Resize, resize
from harness.processes.faults import diagnosis
from harness.system.errors import UserError, WorkerFailed
from harness.system.files import write_bytes
from harness.system.machine import find_machine
from harness.system.untrusted import is_folder
from harness.tools.trained_model import TrainedModel, read_model
from harness.tools.translate.direction import find_direction
from harness.tools.translate.loading import choose_backend, load_backend
from harness.tools.translate.pictures import (
    JPEG_SUFFIXES,
    Format,
    check_folder,
    encoded,
    find_pictures,
    open_picture,
    renamed,
    same,
)
from harness.tools.translate.sizes import Sizes, sizes_for

Translator = Callable[[np.ndarray], np.ndarray]
Stage = Callable[[str, int, int], None]  # what is being done, how many are done, out of how many


class ImageJob(NamedTuple):
    """An image, and what its translation is written to."""

    source: Path
    target: Path


@dataclass(frozen=True)
class TranslationRequest:
    """`pictures`: a file or a folder. `to`: a folder; or, for a file, one that ends as images do.

    `size`: pixels of a side, to which images are resized as test images are in training; None:
    images keep their own.
    """

    model: Path
    pictures: Path
    to: Path
    direction: str = "ab"
    backend: str | None = None
    size: int | None = None
    device: str | None = None
    kind: Format = "png"
    overwrite: bool = False


@dataclass(frozen=True)
class TranslationResult:
    """How many, which way, by which backend."""

    images: int
    trained: TrainedModel
    direction: Direction
    backend: str


def translate(request: TranslationRequest, progress: Stage) -> TranslationResult:
    """Write a translation for every image. Whatever raises UserError does so before the first."""
    trained = read_model(request.model)
    direction = find_direction(trained, request.direction)
    backend = choose_backend(trained, request.backend)
    machine = find_machine(request.device)
    jobs = _plan(request)
    reader = ImageReader.of(trained, direction, request.size)
    with bombs_refused():
        # All are read before anything is written: the last of a thousand images may be damaged.
        for done, job in enumerate(jobs, 1):
            reader.read(job.source)
            progress("read", done, len(jobs))
        loaded = load_backend(trained, backend, machine.device, machine.threads)
        for done, job in enumerate(jobs):
            progress("translate", done, len(jobs))
            image = reader.read(job.source)
            with _enough_memory(job.source):
                output = translated(image, reader.sizes, lambda x: loaded.translate(x, direction))
            write_bytes(job.target, encoded(output, request.kind))
        progress("translate", len(jobs), len(jobs))
    return TranslationResult(len(jobs), trained, direction, backend)


def translated(image: np.ndarray, sizes: Sizes, translator: Translator) -> np.ndarray:
    """uint8 (H, W, C) to (H, W, C'), or to the size that the generator makes of its only one."""
    output = translator(sizes.padded(image)[None])[0]
    return output if sizes.only else output[: image.shape[0], : image.shape[1]]


@contextmanager
def _enough_memory(source: Path) -> Iterator[None]:
    """What frameworks raise where there is not becomes WorkerFailed, with advice."""
    try:
        yield
    except Exception as error:
        if diagnosis(error)[0] != "memory":
            raise
        raise WorkerFailed(
            f"{source}: too large for the memory there is; give a --size below, or a smaller copy"
        ) from None


@dataclass(frozen=True)
class ImageReader:
    """Opens images of the domain that is translated. `size` as in TranslationRequest."""

    channels: int
    sizes: Sizes
    size: int | None
    method: Resize
    fit: Fit

    @classmethod
    def of(cls, trained: TrainedModel, direction: Direction, size: int | None) -> ImageReader:
        """Raises UserError for a size that there is no translating at."""
        data, sizes = trained.configuration.data, sizes_for(trained.configuration, direction)
        if size is not None:
            sizes.check(f"--size {size}", size, size)
        # Test images are bicubic also where training images are resized without antialias.
        method: Resize = "bilinear" if data.resize == "bilinear" else "bicubic"
        fit: Fit = "centre" if data.augmentation == "square_crop" else "stretch"
        return cls(data.channels(direction[0]), sizes, size, method, fit)

    def read(self, path: Path) -> np.ndarray:
        """uint8 (H, W, channels). Raises UserError for what cannot be read, or translated."""
        image = open_picture(path, self.channels)
        if self.size is not None:
            return resize(image, self.size, self.method, self.fit)
        self.sizes.check(path, image.height, image.width)
        return np.asarray(image).reshape(image.height, image.width, self.channels)


def _plan(request: TranslationRequest) -> list[ImageJob]:
    """What becomes of which file. Raises UserError where something would be lost."""
    place, to = request.pictures, request.to
    if is_folder(place) and same(to, place):
        raise UserError(f"{to}: holds the images themselves; give another folder")
    pictures = find_pictures(place, besides=to)
    if is_folder(place):
        targets = [to / renamed(path.relative_to(place), request.kind) for path in pictures]
    elif to.suffix.lower() in (".png", *JPEG_SUFFIXES) and not is_folder(to):
        if renamed(to, request.kind) != to:
            raise UserError(f"{to}: is no {request.kind}; give --format, or another name")
        targets = [to]
    else:
        targets = [to / renamed(Path(place.name), request.kind)]
    jobs = [ImageJob(*paths) for paths in zip(pictures, targets, strict=True)]
    sources: dict[Path, Path] = {}
    for source, target in jobs:
        if target in sources:
            raise UserError(
                f"{source}: would become {target.name}, as {sources[target].name} would; rename one"
            )
        sources[target] = source
        check_folder(target.parent)
        if same(source, target) or is_folder(target):
            raise UserError(f"{target}: is no translation to be replaced; give another folder")
        if os.path.lexists(target) and not request.overwrite:
            raise UserError(f"{target}: is there already; add --overwrite, or give another folder")
    return jobs
