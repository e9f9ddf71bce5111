"""Image files of a user: found, opened, and written."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from harness.data.decode import EXTENSIONS, UnreadableImage, decode
from harness.data.scan import MAX_FILE_BYTES
from harness.system.errors import UserError
from harness.system.untrusted import check_file, is_file, is_folder, reason

Format = Literal["png", "jpeg"]
JPEG_SUFFIXES = (".jpg", ".jpeg")
JPEG_QUALITY = 95


def find_pictures(place: Path, besides: Path) -> list[Path]:
    """`place` itself if it is a file; else the image files below it, by name, but in `besides`.

    Hidden files and folders are left out. Raises UserError where there are none.
    """
    if is_file(place):
        return [place]
    if not is_folder(place):
        raise UserError(f"{place}: no such file or folder; name an image, or a folder of images")
    try:
        paths = sorted(path for path in place.rglob("*") if _is_picture(path.relative_to(place)))
    except OSError as error:
        raise UserError(f"{place}: cannot be listed ({error.strerror}); check its rights") from None
    pictures = [path for path in paths if not is_folder(path) and not _is_below(path, besides)]
    if not pictures:
        known = ", ".join(sorted(EXTENSIONS))
        raise UserError(f"{place}: no images there; their names end in {known}")
    return pictures


def open_picture(path: Path, channels: int) -> Image.Image:
    """As data sets are read: RGB, or grey if `channels` is 1. Raises UserError."""
    try:
        check_file(path, MAX_FILE_BYTES)
        image = decode(path.read_bytes())
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or reason(error)
        raise UserError(f"{path}: cannot be read: {why}; replace it, or leave it out") from None
    except UnreadableImage as error:
        raise UserError(f"{path}: {error}; replace it, or leave it out") from None
    return image.convert("L") if channels == 1 else image


def encoded(pixels: np.ndarray, kind: Format) -> bytes:
    """uint8 (H, W, 1 or 3) as a file. PNG keeps every pixel as it is."""
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    buffer = io.BytesIO()
    options = {"quality": JPEG_QUALITY, "subsampling": 0} if kind == "jpeg" else {}
    image.save(buffer, kind.upper(), **options)
    return buffer.getvalue()


def renamed(name: Path, kind: Format) -> Path:
    """With an extension of `kind`; its own, if it is one."""
    fits = name.suffix.lower() in (JPEG_SUFFIXES if kind == "jpeg" else (".png",))
    return name if fits else name.with_suffix(".jpg" if kind == "jpeg" else ".png")


def check_folder(folder: Path) -> None:
    """Raises UserError unless `folder` is one, or can become one."""
    there = next((path for path in (folder, *folder.parents) if os.path.lexists(path)), None)
    if there is not None and not is_folder(there):
        raise UserError(f"{there}: is no folder; give another one to write to")


def same(path: Path, other: Path) -> bool:
    """Whether both lead to one file or folder that is there."""
    try:
        return path.samefile(other)
    except (OSError, ValueError):
        return False


def _is_picture(path: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.parts)
    return not hidden and path.suffix.lower() in EXTENSIONS


def _is_below(path: Path, folder: Path) -> bool:
    return any(same(parent, folder) for parent in path.parents)
