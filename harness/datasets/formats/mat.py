"""SVHN's format: MATLAB 5 with the images in `X` (h, w, 3, N) and the labels in `y` (N, 1)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.datasets.formats import LabelledImages, checked_shape, labelled
from harness.errors import UserError


def read(path: Path) -> LabelledImages:
    """Images (N, h, w, 3) of `train_32x32.mat` or `test_32x32.mat`; label 10 means 0.

    What the file claims to hold is looked at before it is read. Raises UserError for a damaged or
    truncated file, one of another version of the format, and images that lack labels.
    """
    from scipy.io import loadmat, whosmat

    try:
        _check(path, {name: (shape, kind) for name, shape, kind in whosmat(path, appendmat=False)})
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
    return labelled(
        path,
        np.ascontiguousarray(images.transpose(3, 0, 1, 2)),
        np.where(digits == 10, 0, np.where(digits == 0, -1, digits)),
    )


def _check(path: Path, found: dict[str, tuple[tuple[int, ...], str]]) -> None:
    """Raises UserError unless the file claims images and as many labels, of a sensible size."""
    missing = [name for name in ("X", "y") if name not in found]
    if missing:
        raise UserError(f"{path}: has no {' and no '.join(missing)}; it is another file")
    (shape, kind), (labels, _) = found["X"], found["y"]
    if len(shape) == 3:
        shape = (*shape, 1)
    if kind != "uint8" or len(shape) != 4 or shape[2] != 3:
        raise UserError(f"{path}: X is {kind} {shape}, not uint8 (h, w, 3, N); it is another file")
    checked_shape(path, (shape[3], shape[0], shape[1], shape[2]))
    if len(labels) != 2 or sorted(labels) != sorted((1, shape[3])):
        raise UserError(f"{path}: {shape[3]} images, but labels of shape {labels}; fetch it again")
