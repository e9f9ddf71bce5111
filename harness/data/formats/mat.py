"""SVHN's format: MATLAB 5 with the images in `X` (h, w, 3, N) and the labels in `y` (N, 1)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.data.formats import LabelledImages, checked_shape, labelled
from harness.system.errors import UserError

NUMERIC = (
    "double",
    "single",
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
)


def read(path: Path) -> LabelledImages:
    """Images (N, h, w, 3) of `train_32x32.mat` or `test_32x32.mat`; label 10 means 0.

    What the file claims to hold is looked at before it is read. Raises UserError for a damaged or
    truncated file, one of another version of the format, and images that lack labels.
    """
    from scipy.io import loadmat, whosmat

    try:
        _check(path, whosmat(path, appendmat=False))
        arrays = loadmat(path, appendmat=False, variable_names=["X", "y"])
        images, labels = np.asarray(arrays["X"]), np.asarray(arrays["y"])
    except UserError:
        raise
    except OSError as error:
        reason = error.strerror or f"damaged: {error}"
        raise UserError(f"{path}: cannot be read ({reason}); fetch it again") from None
    except Exception as error:  # the reader raises almost anything on damaged input
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise UserError(
            f"{path}: damaged, truncated or not MATLAB 5 ({reason}); fetch it again"
        ) from None
    if images.ndim == 3:
        images = images[..., np.newaxis]  # MATLAB drops a last dimension of one
    digits = labels.reshape(-1)
    if images.dtype != np.uint8 or digits.dtype.kind not in "uif" or images.ndim != 4:
        raise UserError(f"{path}: X or y is not of numbers as published; fetch it again")
    wrong = np.flatnonzero(~np.isin(digits, range(1, 11)))
    if wrong.size:
        raise UserError(
            f"{path}: label {digits[wrong[0]]} of image {wrong[0]} is not from 1 to 10, which"
            " means 0; fetch it again"
        )
    return labelled(path, np.ascontiguousarray(images.transpose(3, 0, 1, 2)), digits % 10)


def _check(path: Path, variables: list[tuple[str, tuple[int, ...], str]]) -> None:
    """Raises UserError unless the file claims images and as many labels, of a sensible size.

    `variables`: name, shape and class of each, before anything is loaded.
    """
    claims = {name: (shape, kind) for name, shape, kind in variables}
    if len(claims) != len(variables):
        raise UserError(f"{path}: has a variable twice; it is another file")
    missing = [name for name in ("X", "y") if name not in claims]
    if missing:
        raise UserError(f"{path}: has no {' and no '.join(missing)}; it is another file")
    (shape, kind), (labels, label_kind) = claims["X"], claims["y"]
    if len(shape) == 3:
        shape = (*shape, 1)
    if kind != "uint8" or len(shape) != 4 or shape[2] != 3:
        raise UserError(f"{path}: X is {kind} {shape}, not uint8 (h, w, 3, N); it is another file")
    checked_shape(path, (shape[3], shape[0], shape[1], shape[2]))
    if label_kind not in NUMERIC:
        raise UserError(f"{path}: y is {label_kind}, not numbers; it is another file")
    if len(labels) != 2 or sorted(labels) != sorted((1, shape[3])):
        raise UserError(f"{path}: {shape[3]} images, but labels of shape {labels}; fetch it again")
