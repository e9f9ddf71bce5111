"""Readers of published files of labelled images.

None of them trusts a file: sizes are looked at before memory is taken, damage is a UserError.
"""

from __future__ import annotations

import bz2
import gzip
import io
import math
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.data.archive import DAMAGE
from harness.data.image_arrays import HEADER_DAMAGE
from harness.system.errors import UserError

# Twice the largest published file of digits, SVHN's "extra" one: above this a header lies.
MOST_BYTES = 4 * 2**30
MOST_IMAGES = 2_000_000
LARGEST_SIDE = 1024

# Of an idx file: two zero bytes, the type (8: unsigned bytes) and the number of dimensions.
IDX_IMAGES, IDX_LABELS = 0x00000803, 0x00000801

USPS_SIDE = 16
MOST_TEXT = 64 * 2**20  # bytes unpacked: four times the larger published file of USPS
MOST_LINES = 100_000

NUMERIC = (
    "double",
    "single",
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
)

NPZ_NAMES = ("x_train", "y_train", "x_test", "y_test")


@dataclass(frozen=True)
class LabelledImages:
    """`images` uint8 (N, h, w) or (N, h, w, 3), `labels` int64 (N,) of 0 to 9."""

    images: np.ndarray
    labels: np.ndarray


def _check_shape(path: Path, shape: tuple[int, ...]) -> None:
    """Raises UserError unless (N, h, w) or (N, h, w, 3) is a size that a set of images can have."""
    sides = shape[1:3]
    if len(shape) not in (3, 4) or shape[3:] not in ((), (3,)):
        raise UserError(f"{path}: an array of shape {shape} is no set of images; fetch it again")
    if shape[0] < 1:
        raise UserError(f"{path}: holds no image; fetch it again")
    if (
        shape[0] > MOST_IMAGES
        or math.prod(shape) > MOST_BYTES
        or not all(1 <= side <= LARGEST_SIDE for side in sides)
    ):
        raise UserError(
            f"{path}: claims {shape[0]} images of {sides[1]} x {sides[0]} px, more than is"
            " accepted; it is damaged or another file"
        )


def _labelled(path: Path, images: np.ndarray, labels: np.ndarray) -> LabelledImages:
    """Images and labels that belong together. Raises UserError, naming `path`, if they do not."""
    _check_shape(path, images.shape)
    if labels.shape != (len(images),):
        raise UserError(
            f"{path}: {len(images)} images, but {labels.size} labels; fetch the files again"
        )
    codes = labels.astype(np.int64)
    wrong = np.flatnonzero((codes != labels) | (codes < 0) | (codes > 9))
    if wrong.size:
        raise UserError(
            f"{path}: label {labels[wrong[0]]} of image {wrong[0]} is no digit from 0 to 9;"
            " fetch it again"
        )
    return LabelledImages(images, codes)


def read_idx(images: Path, labels: Path) -> LabelledImages:
    """MNIST's format: big-endian counts and bytes, in gzip.

    The images (N, h, w) of `*-images-idx3-ubyte.gz` with the labels of `*-labels-idx1-ubyte.gz`.
    Raises UserError for a damaged or truncated file, another one, and counts that differ.
    """
    return _labelled(labels, _idx_array(images, IDX_IMAGES), _idx_array(labels, IDX_LABELS))


def _idx_array(path: Path, magic: int) -> np.ndarray:
    """uint8 of the shape in the header; at most one byte more than that is unpacked."""
    try:
        with gzip.open(path, "rb") as file:
            if file.read(4) != struct.pack(">I", magic):
                kind = "images" if magic == IDX_IMAGES else "labels"
                raise UserError(f"{path}: not an idx file of {kind}; fetch it again")
            dimensions = magic & 0xFF
            shape = struct.unpack(f">{dimensions}I", file.read(4 * dimensions))
            if magic == IDX_IMAGES:
                _check_shape(path, shape)
            elif shape[0] > MOST_IMAGES:
                raise UserError(f"{path}: claims {shape[0]} labels; it is damaged or another file")
            size = math.prod(shape)
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


def read_libsvm(path: Path) -> LabelledImages:
    """USPS as the LIBSVM tools publish it: a line of text an image, `label 1:value ...`, in bzip2.

    Images (N, 16, 16), ink white on black, of `usps.bz2` or `usps.t.bz2`. Values from -1 to 1
    become round((v + 1) * 127.5); a pixel the line leaves out is 0, as the format has it. Labels 1
    to 10 mean 0 to 9. Raises UserError for a damaged or truncated file or another one.
    """
    from sklearn.datasets import load_svmlight_file  # takes a second: only where it is needed

    try:
        with bz2.open(path, "rb") as file:
            text = file.read(MOST_TEXT + 1)
    except (EOFError, ValueError) as error:
        raise UserError(f"{path}: damaged or truncated ({error}); fetch it again") from None
    except OSError as error:  # the decompressor's own complaint has no strerror
        reason = error.strerror or f"damaged: {error}"
        raise UserError(f"{path}: cannot be read ({reason}); fetch it again") from None
    if len(text) > MOST_TEXT or text.count(b"\n") > MOST_LINES:
        raise UserError(f"{path}: unpacks to more than is accepted; it is another file")
    try:
        values, labels = load_svmlight_file(io.BytesIO(text), zero_based=False)
    except (ValueError, OverflowError) as error:  # quotes the text, however long
        reason = " ".join(str(error).split())[:100]
        raise UserError(f"{path}: not as published ({reason}); fetch it again") from None
    # What the reader takes, but is no image of USPS: the first such image is named.
    pixels = USPS_SIDE * USPS_SIDE
    rows = np.repeat(np.arange(len(labels)), np.diff(values.indptr))
    for wrong, what in (
        (np.flatnonzero(~np.isin(labels, range(1, 11))), "a label that is not 1 to 10"),
        (rows[values.indices >= pixels], f"an index that is not 1 to {pixels}"),
        (rows[~(np.abs(values.data) <= 1)], "a value that is not from -1 to 1"),  # or NaN
    ):
        if wrong.size:
            raise UserError(f"{path}: image {wrong[0] + 1} has {what}; fetch it again")
    values.resize((len(labels), pixels))
    images = np.rint((values.toarray() + 1) * 127.5).astype(np.uint8)
    return _labelled(path, images.reshape(-1, USPS_SIDE, USPS_SIDE), labels - 1)


def read_mat(path: Path) -> LabelledImages:
    """SVHN's format: MATLAB 5 with the images in `X` (h, w, 3, N) and the labels in `y` (N, 1).

    Images (N, h, w, 3) of `train_32x32.mat` or `test_32x32.mat`; label 10 means 0. What the file
    claims to hold is looked at before it is read. Raises UserError for a damaged or truncated file,
    one of another version of the format, and images that lack labels.
    """
    from scipy.io import loadmat, whosmat

    try:
        _check_mat(path, whosmat(path, appendmat=False))
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
    return _labelled(path, np.ascontiguousarray(images.transpose(3, 0, 1, 2)), digits % 10)


def _check_mat(path: Path, variables: list[tuple[str, tuple[int, ...], str]]) -> None:
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
    _check_shape(path, (shape[3], *shape[:3]))
    if label_kind not in NUMERIC:
        raise UserError(f"{path}: y is {label_kind}, not numbers; it is another file")
    if len(labels) != 2 or sorted(labels) != sorted((1, shape[3])):
        raise UserError(f"{path}: {shape[3]} images, but labels of shape {labels}; fetch it again")


def read_npz(path: Path) -> tuple[LabelledImages, LabelledImages]:
    """The layout Keras made common: x_train, y_train, x_test, y_test, all uint8, in one .npz.

    Train and test images (N, h, w) or (N, h, w, 3) with their labels. Raises UserError for a
    damaged or truncated file, one that would unpack to more than a set of digits has, a missing
    array, one that is not uint8, counts that differ. Nothing is unpickled.
    """
    arrays: dict[str, np.ndarray] = {}
    name = ""
    try:
        # `zipfile` never gives more than the directory says, so this limits the memory taken.
        with zipfile.ZipFile(path) as file:
            sizes = {info.filename: info.file_size for info in file.infolist()}
        if sum(sizes.get(f"{name}.npy", 0) for name in NPZ_NAMES) > MOST_BYTES:
            raise UserError(f"{path}: unpacks to more than is accepted; it is another file")
        with np.load(path, allow_pickle=False) as archive:
            for name in NPZ_NAMES:
                if name not in archive:
                    raise UserError(f"{path}: no {name} inside; it needs {', '.join(NPZ_NAMES)}")
                arrays[name] = archive[name]
                if not isinstance(arrays[name], np.ndarray) or arrays[name].dtype != np.uint8:
                    raise UserError(f"{path}: {name} is not an array of uint8; convert it")
    except (*DAMAGE, *HEADER_DAMAGE, ValueError) as error:
        reason = " ".join(f"{name} {error}".split())[:200]
        raise UserError(f"{path}: damaged or truncated ({reason}); replace it") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from None
    train = _labelled(path, arrays["x_train"], arrays["y_train"])
    return train, _labelled(path, arrays["x_test"], arrays["y_test"])
