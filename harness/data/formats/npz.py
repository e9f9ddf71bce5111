"""The layout Keras made common: x_train, y_train, x_test, y_test, all uint8, in one .npz."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path

import numpy as np

from harness.data.archive import DAMAGE
from harness.data.formats import MOST_IMAGES, LabelledImages, checked_shape, labelled
from harness.data.npy import read_header
from harness.system.errors import UserError

NAMES = ("x_train", "y_train", "x_test", "y_test")


def read(path: Path) -> tuple[LabelledImages, LabelledImages]:
    """Train and test images (N, h, w) or (N, h, w, 3) with their labels.

    Raises UserError for a damaged or truncated file, a missing array, one that is not uint8 (so
    nothing is ever unpickled), one smaller or larger than its header says, counts that differ.
    """
    try:
        with zipfile.ZipFile(path) as file:
            arrays = {name: _array(file, name, path) for name in NAMES}
    except UserError:
        raise
    except DAMAGE as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: damaged or truncated ({reason}); replace it") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from None
    train = labelled(path, arrays["x_train"], arrays["y_train"])
    return train, labelled(path, arrays["x_test"], arrays["y_test"])


def _array(file: zipfile.ZipFile, name: str, path: Path) -> np.ndarray:
    try:
        member = file.getinfo(f"{name}.npy")
    except KeyError:
        raise UserError(f"{path}: no {name} inside; it needs {', '.join(NAMES)}") from None
    with file.open(member) as stream:
        try:
            shape, column_order, kind = read_header(stream)
        except ValueError:
            raise UserError(f"{path}: {name} is no array; replace the file") from None
        if kind != np.uint8:
            raise UserError(f"{path}: {name} is {kind}, not uint8; convert it")
        if name.startswith("x"):
            checked_shape(path, shape)
        elif len(shape) != 1 or shape[0] > MOST_IMAGES:
            raise UserError(f"{path}: {name} has the shape {shape}, not one label an image")
        size = math.prod(shape)
        content = stream.read(size + 1)
    if len(content) != size:
        raise UserError(f"{path}: {name} is not of the size its header says; replace the file")
    return np.frombuffer(content, np.uint8).reshape(shape, order="F" if column_order else "C")
