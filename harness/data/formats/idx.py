"""MNIST's format: big-endian counts and bytes, in gzip. Images and labels are two files."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np

from harness.data.formats import MOST_IMAGES, LabelledImages, checked_shape, labelled
from harness.system.errors import UserError

# Two zero bytes, the type (8: unsigned bytes) and the number of dimensions.
IMAGES = 0x00000803
LABELS = 0x00000801


def read(images: Path, labels: Path) -> LabelledImages:
    """The images (N, h, w) of `*-images-idx3-ubyte.gz` with the labels of `*-labels-idx1-...`.

    Raises UserError for a damaged or truncated file, another one, and counts that differ.
    """
    return labelled(labels, _array(images, IMAGES), _array(labels, LABELS))


def _array(path: Path, magic: int) -> np.ndarray:
    """uint8 of the shape in the header; never more bytes are unpacked than that, and one."""
    try:
        with gzip.open(path, "rb") as file:
            head = file.read(4)
            if head != struct.pack(">I", magic):
                kind = "images" if magic == IMAGES else "labels"
                raise UserError(f"{path}: not an idx file of {kind}; fetch it again")
            dimensions = magic & 0xFF
            shape = struct.unpack(f">{dimensions}I", file.read(4 * dimensions))
            if magic == IMAGES:
                checked_shape(path, shape)
            elif shape[0] > MOST_IMAGES:
                raise UserError(f"{path}: claims {shape[0]} labels; it is damaged or another file")
            size = int(np.prod(shape, dtype=np.int64))
            content = file.read(size + 1)
    except (struct.error, EOFError, gzip.BadGzipFile, zlib.error) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: damaged or truncated ({reason}); fetch it again") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from None
    if len(content) != size:
        more = "more" if len(content) > size else f"{len(content)}"
        raise UserError(f"{path}: {more} bytes where its header says {size}; fetch it again")
    return np.frombuffer(content, np.uint8).reshape(shape)
