"""The layout Keras made common: x_train, y_train, x_test, y_test, all uint8, in one .npz."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from harness.data.archive import DAMAGE
from harness.data.formats import MOST_BYTES, LabelledImages, labelled
from harness.data.image_arrays import HEADER_DAMAGE
from harness.system.errors import UserError

NAMES = ("x_train", "y_train", "x_test", "y_test")


def read(path: Path) -> tuple[LabelledImages, LabelledImages]:
    """Train and test images (N, h, w) or (N, h, w, 3) with their labels.

    Raises UserError for a damaged or truncated file, one that would unpack to more than a set of
    digits has, a missing array, one that is not uint8, counts that differ. Nothing is unpickled.
    """
    arrays: dict[str, np.ndarray] = {}
    name = ""
    try:
        # `zipfile` never gives more than the directory says, so this limits the memory taken.
        with zipfile.ZipFile(path) as file:
            sizes = {info.filename: info.file_size for info in file.infolist()}
        if sum(sizes.get(f"{name}.npy", 0) for name in NAMES) > MOST_BYTES:
            raise UserError(f"{path}: unpacks to more than is accepted; it is another file")
        with np.load(path, allow_pickle=False) as archive:
            for name in NAMES:
                if name not in archive:
                    raise UserError(f"{path}: no {name} inside; it needs {', '.join(NAMES)}")
                arrays[name] = archive[name]
                if not isinstance(arrays[name], np.ndarray) or arrays[name].dtype != np.uint8:
                    raise UserError(f"{path}: {name} is not an array of uint8; convert it")
    except (*DAMAGE, *HEADER_DAMAGE, ValueError) as error:
        reason = " ".join(f"{name} {error}".split())[:200]
        raise UserError(f"{path}: damaged or truncated ({reason}); replace it") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from None
    train = labelled(path, arrays["x_train"], arrays["y_train"])
    return train, labelled(path, arrays["x_test"], arrays["y_test"])
