"""Files and folders of images, translated."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from backends.interface import Direction
from harness.data.decode import EXTENSIONS, UnreadableImage, bombs_refused, decode
from harness.data.files import FileBelow, files_below, is_hidden
from harness.data.resize import Fit, Resize, resize
from harness.data.scan import MAX_FILE_BYTES
from harness.processes.faults import diagnosis
from harness.system.errors import UserError, WorkerFailed
from harness.system.files import write_bytes
from harness.system.machine import find_machine
from harness.system.untrusted import check_file, is_file, is_folder, reason
from harness.tools.trained_model import TrainedModel, read_model
from harness.tools.translate.generator import Sizes, choose_backend, load_backend, sizes_for

ImageFormat = Literal["png", "jpeg"]
SUFFIXES: dict[ImageFormat, tuple[str, ...]] = {"png": (".png",), "jpeg": (".jpg", ".jpeg")}
JPEG_QUALITY = 95
Stage = Callable[[str, int, int], None]  # what is being done, how many are done, out of how many


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
    kind: ImageFormat = "png"
    overwrite: bool = False


@dataclass(frozen=True)
class TranslationResult:
    """How many, what of a folder was no image, which way, by which backend."""

    images: int
    left_out: tuple[FileBelow, ...]
    trained: TrainedModel
    direction: Direction
    backend: str


def translate(request: TranslationRequest, progress: Stage) -> TranslationResult:
    """Write a translation for every image. A UserError is raised before the first is written."""
    trained = read_model(request.model)
    direction = trained.find_direction(request.direction)
    name = choose_backend(trained, request.backend)
    machine = find_machine(request.device)
    targets, left_out = _targets(request)
    reader = ImageReader.of(trained, direction, request.size)
    with bombs_refused():
        # All are read before anything is written: the last of a thousand images may be damaged.
        for done, source in enumerate(targets, 1):
            reader.read(source)
            progress("read", done, len(targets))
        backend = load_backend(trained, name, machine.device, machine.threads)
        for done, (source, target) in enumerate(targets.items()):
            progress("translate", done, len(targets))
            image = reader.read(source)
            try:
                output = translated(image, reader.sizes, lambda x: backend.translate(x, direction))
            except Exception as error:
                # Each framework has its own exception for it.
                if diagnosis(error)[0] != "memory":
                    raise
                raise WorkerFailed(
                    f"{source}: too large for the memory there is; give a --size below, or a"
                    " smaller copy"
                ) from None
            write_bytes(target, _encoded(output, request.kind))
        progress("translate", len(targets), len(targets))
    return TranslationResult(len(targets), tuple(left_out), trained, direction, name)


def translated(
    image: np.ndarray, sizes: Sizes, translator: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """uint8 (H, W, C) to (H, W, C'), or to the size that the generator makes of its only one."""
    output = translator(sizes.padded(image)[None])[0]
    return output if sizes.only else output[: image.shape[0], : image.shape[1]]


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
        """Raises UserError for a size at which images cannot be translated."""
        data, sizes = trained.configuration.data, sizes_for(trained.configuration, direction)
        if size is not None:
            sizes.check(f"--size {size}", size, size)
        # Test images are bicubic also where training images are resized without antialias.
        method: Resize = "bilinear" if data.resize == "bilinear" else "bicubic"
        fit: Fit = "centre" if data.augmentation == "square_crop" else "stretch"
        return cls(data.channels(direction[0]), sizes, size, method, fit)

    def read(self, path: Path) -> np.ndarray:
        """uint8 (H, W, channels). Raises UserError for what cannot be read or translated."""
        try:
            check_file(path, MAX_FILE_BYTES)
            image = decode(path.read_bytes())
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or reason(error)
            raise UserError(f"{path}: cannot be read: {why}; replace it, or leave it out") from None
        except UnreadableImage as error:
            raise UserError(f"{path}: {error}; replace it, or leave it out") from None
        if self.channels == 1:
            image = image.convert("L")
        if self.size is not None:
            return resize(image, self.size, self.method, self.fit)
        self.sizes.check(path, image.height, image.width)
        return np.asarray(image).reshape(image.height, image.width, self.channels)


def _encoded(pixels: np.ndarray, kind: ImageFormat) -> bytes:
    """uint8 (H, W, 1 or 3) as a file. PNG keeps every pixel as it is."""
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    buffer = io.BytesIO()
    options = {"quality": JPEG_QUALITY, "subsampling": 0} if kind == "jpeg" else {}
    image.save(buffer, kind.upper(), **options)
    return buffer.getvalue()


def _targets(request: TranslationRequest) -> tuple[dict[Path, Path], list[FileBelow]]:
    """Image -> file of its translation, and what of a folder is left out.

    Raises UserError where something would be lost.
    """
    left_out: list[FileBelow] = []
    place, to, suffixes = request.pictures, request.to, SUFFIXES[request.kind]

    def renamed(name: Path) -> Path:
        """With an extension of the format; its own, if it is one."""
        return name if name.suffix.lower() in suffixes else name.with_suffix(suffixes[0])

    if is_folder(place):
        if same(to, place):
            raise UserError(f"{to}: holds the images themselves; give another folder")
        pictures, left_out = _pictures(place, to)
        targets = {path: to / renamed(path.relative_to(place)) for path in pictures}
    elif not is_file(place):
        raise UserError(f"{place}: no such file or folder; name an image, or a folder of images")
    elif to.suffix.lower() in (".png", ".jpg", ".jpeg") and not is_folder(to):
        if renamed(to) != to:
            raise UserError(f"{to}: is no {request.kind}; give --format, or another name")
        targets = {place: to}
    else:
        targets = {place: to / renamed(Path(place.name))}
    sources: dict[Path, Path] = {}
    for source, target in targets.items():
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
    return targets, left_out


def _pictures(folder: Path, besides: Path) -> tuple[list[Path], list[FileBelow]]:
    """The image files in and below `folder`, by name, but not those in `besides`, or hidden ones.

    And the files that are left out. Raises UserError where there are no images.
    """
    found = [
        file
        for file in files_below(folder)
        if not is_hidden(file.name) and not any(same(at, besides) for at in file.path.parents)
    ]
    pictures = [file.path for file in found if file.problem is None]
    if not pictures:
        extensions = ", ".join(sorted(EXTENSIONS))
        raise UserError(f"{folder}: no images there; their names end in {extensions}")
    return pictures, [file for file in found if file.problem is not None]


def check_folder(folder: Path) -> None:
    """Raises UserError unless `folder` is one, or can become one."""
    first = next((path for path in (folder, *folder.parents) if os.path.lexists(path)), None)
    if first is not None and not is_folder(first):
        raise UserError(f"{first}: is no folder; give another one to write to")


def same(path: Path, other: Path) -> bool:
    """Whether both lead to one file or folder that is there."""
    try:
        return path.samefile(other)
    except (OSError, ValueError):
        return False
