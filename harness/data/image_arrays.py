"""Images of different sizes in one file that is mapped, not read.

The file: an .npy array of all pixels, uint8 (bytes,), image after image; then, right behind it, an
.npy array of their shapes, int64 (n, 3). `np.load` opens the pixels by themselves.
"""

from __future__ import annotations

import math
import operator
import os
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, BinaryIO, SupportsIndex

import numpy as np

from harness.system.errors import UserError

SUFFIX = ".ragged"  # of a path of the cache; arrays have .npy
SHAPE_DTYPE = np.dtype("<i8")
LONGEST_HEADER = 256  # bytes

# What NumPy's parser of a header raises besides ValueError.
HEADER_DAMAGE = (SyntaxError, TypeError, MemoryError, RecursionError, tokenize.TokenError)


@dataclass(frozen=True, eq=False)
class Ragged:
    """A read-only sequence of images, uint8 (H, W, C), each with its own H and W.

    `filename` is the absolute path of its file, `pixels` all its bytes, uint8 (bytes,), mapped from
    there; `shapes` int64 (n, 3) are those of the images.
    """

    filename: str
    pixels: np.ndarray
    shapes: np.ndarray

    def __len__(self) -> int:
        return len(self.shapes)

    def __getitem__(self, index: SupportsIndex) -> np.ndarray:
        """Image number `index`, from the end if negative, as a view. Raises IndexError."""
        number = operator.index(index)
        if not -len(self) <= number < len(self):
            raise IndexError(f"image {number} of {len(self)}")
        number %= len(self)
        height, width, channels = self.shapes[number].tolist()
        start = self._starts[number]
        return self.pixels[start : start + height * width * channels].reshape(
            height, width, channels
        )

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[index] for index in range(len(self)))

    @property
    def nbytes(self) -> int:
        """Of all pixels."""
        return self.pixels.nbytes

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *np.cumsum(self.shapes.prod(axis=1)).tolist()]


Images = np.ndarray | Ragged  # uint8 (n, H, W, C), or each image with its own H and W


def open_images(path: Path) -> Images:
    """Images of the cache, memory-mapped, read-only: uint8 (n, H, W, C), or a Ragged.

    `path` is the `filename` of what `load_images` returned. Raises UserError for any other file,
    and where a part is missing or damaged.
    """
    try:
        return open_ragged(path) if path.suffix == SUFFIX else open_array(path)
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path}: not decoded images of cyclebench ({error}); remove it, it will be made again"
        ) from None


def open_array(path: Path) -> np.memmap:
    """uint8 (n, H, W, C). Raises OSError, and ValueError for anything else, also if cut short."""
    images = _mapped(path)
    if images.ndim != 4:
        raise ValueError(f"an array {images.shape}")
    if path.stat().st_size != images.offset + images.nbytes:
        raise ValueError("not of the size its header says")
    return images


def open_ragged(path: Path) -> Ragged:
    """Raises OSError, and ValueError for anything else, also if a part of it is missing."""
    pixels = _mapped(path)
    if pixels.ndim != 1:
        raise ValueError(f"an array {pixels.shape}")
    start = pixels.offset + pixels.nbytes
    with path.open("rb") as file:
        file.seek(start)
        shape, column_order, dtype = _read_header(file)
        # The shapes must be all that is left of the file.
        left = os.fstat(file.fileno()).st_size - file.tell()
        form = (len(shape), shape[1:], column_order, dtype)
        if form != (2, (3,), False, SHAPE_DTYPE) or left != 24 * shape[0]:
            raise ValueError(f"not the shapes of images: {dtype} {shape} after {start} bytes")
        shapes = np.frombuffer(file.read(left), SHAPE_DTYPE).reshape(shape).astype(np.int64)
    if (shapes < 1).any():
        raise ValueError("an image without pixels")
    # In Python's integers, as damaged shapes may be too large for NumPy's.
    if sum(math.prod(sides) for sides in shapes.tolist()) != pixels.nbytes:
        raise ValueError("not as many pixels as its images have")
    shapes.flags.writeable = False
    return Ragged(str(pixels.filename), np.asarray(pixels), shapes)


def write_array(file: BinaryIO, images: Iterable[np.ndarray], shape: tuple[int, ...]) -> None:
    """Write images, uint8 (H, W, C), one at a time, as an array of this shape (n, H, W, C)."""
    _write_header(file, "|u1", shape)
    for image in images:
        file.write(image.tobytes())


def write_ragged(file: BinaryIO, images: Iterable[np.ndarray]) -> None:
    """Write images, uint8 (H, W, C), one at a time, to the start of `file`, which can seek."""
    _write_header(file, "|u1", (0,))
    start, shapes = file.tell(), []
    for image in images:
        shapes.append(image.shape)
        file.write(image.tobytes())
    end = file.tell()
    _write_header(file, SHAPE_DTYPE.str, (len(shapes), 3))
    file.write(np.array(shapes, SHAPE_DTYPE).tobytes())
    file.seek(0)
    _write_header(file, "|u1", (end - start,))
    if file.tell() != start:  # NumPy leaves room in a header for the first axis to grow
        raise RuntimeError("the header of an .npy file has another length for another shape")


def _write_header(file: BinaryIO, descr: str, shape: tuple[int, ...]) -> None:
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def _mapped(path: Path) -> np.memmap:
    """The array at the start of a file. Raises OSError, or ValueError if it is not uint8."""
    with path.open("rb") as file:
        shape, column_order, dtype = _read_header(file)
        start, size = file.tell(), os.fstat(file.fileno()).st_size
    if dtype != np.uint8 or column_order:
        raise ValueError("not an .npy file of bytes")
    if math.prod(shape) > size - start:
        raise ValueError("shorter than its header says")
    return np.memmap(path, np.uint8, "r", start, shape)


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether in column order, and dtype of an array of version 1.0; `file` is at its data.

    Raises ValueError for anything else, an axis below zero among them.
    """
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("not version 1.0 of the .npy format")
    try:
        shape, column_order, dtype = np.lib.format.read_array_header_1_0(
            file, max_header_size=LONGEST_HEADER
        )
    except HEADER_DAMAGE as error:
        raise ValueError(f"a damaged .npy header ({type(error).__name__})") from None
    if any(length < 0 for length in shape):
        raise ValueError(f"an impossible shape {shape}")
    return shape, column_order, dtype
