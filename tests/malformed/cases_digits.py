"""Files of digits in DATA_DIR, one of which is not what its name says."""

from __future__ import annotations

import bz2
import gzip
import io
import struct
import zipfile
from collections.abc import Callable, Mapping

import numpy as np
from case import Arguments, Case, Place, audit


def arrays(**changes: object) -> dict[str, np.ndarray]:
    """The four of a good .npz, of four images to train on and two to test with."""
    draw = np.random.default_rng(0)
    good = {
        "x_train": draw.integers(0, 256, (4, 8, 8), dtype=np.uint8),
        "y_train": np.arange(4, dtype=np.uint8),
        "x_test": draw.integers(0, 256, (2, 8, 8), dtype=np.uint8),
        "y_test": np.arange(2, dtype=np.uint8),
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def npz(**changes: object) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays(**changes))
    return buffer.getvalue()


def npy(header: bytes, content: bytes = b"") -> bytes:
    """An .npy file with whatever header."""
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + content


def with_raw(name: str, content: bytes) -> bytes:
    """A good .npz but for one member."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for each, array in arrays().items():
            inner = io.BytesIO()
            np.lib.format.write_array(inner, array)
            file.writestr(f"{each}.npy", content if each == name else inner.getvalue())
    return buffer.getvalue()


def in_data_dir(files: Mapping[str, Callable[[], bytes]]) -> Callable[[Place], Arguments]:
    """Beside a good `usps.npz`."""

    def prepare(place: Place) -> Arguments:
        for name, content in {"usps.npz": npz, **files}.items():
            (place.data / name).write_bytes(content())
        return audit(place, "mnist-usps")

    return prepare


PICKLED = np.array([{"a": 1}] * 4, dtype=object)
HUGE = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1900000, 1024, 1024), }"
CODE = b"__import__('os').system('touch evil')"

NPZ: tuple[tuple[str, Callable[[], bytes], str], ...] = (
    ("truncated", lambda: npz()[:700], "damaged or truncated"),
    ("empty", lambda: b"", "damaged or truncated"),
    ("lacks an array", lambda: npz(y_test=None), "no y_test inside"),
    (
        "holds pickled objects",
        lambda: npz(x_train=PICKLED),
        "Object arrays cannot be loaded",
    ),
    ("holds floats", lambda: npz(x_test=np.ones((2, 8, 8))), "x_test is not an array of uint8"),
    ("has a label too few", lambda: npz(y_train=np.arange(3, dtype=np.uint8)), "but 3 labels"),
    ("has a label 11", lambda: npz(y_test=np.full(2, 11, np.uint8)), "is no digit from 0 to 9"),
    ("has images in a row", lambda: npz(x_train=np.ones(4, np.uint8)), "is no set of images"),
    ("has no images", lambda: npz(x_train=np.ones((0, 8, 8), np.uint8)), "holds no image"),
    ("claims terabytes", lambda: with_raw("x_train", npy(HUGE)), "truncated (x_train"),
    (
        "has code for a header",
        lambda: with_raw("x_train", npy(CODE)),
        "truncated (x_train",
    ),
    (
        "has a header cut off",
        lambda: with_raw("y_train", npy(HUGE)[:30]),
        "truncated (y_train",
    ),
)
MNIST = tuple(
    f"{part}-{kind}-ubyte.gz"
    for part in ("train", "t10k")
    for kind in ("images-idx3", "labels-idx1")
)


def idx(magic: int, *shape: int, content: bytes = b"") -> bytes:
    head = struct.pack(f">{1 + len(shape)}I", magic, *shape)
    return gzip.compress(head + content)


def mnist(**changes: bytes) -> dict[str, Callable[[], bytes]]:
    good = {
        name: idx(0x803, 2, 8, 8, content=bytes(128)) if "images" in name
        else idx(0x801, 2, content=bytes(2))
        for name in MNIST
    }  # fmt: skip
    return {name: lambda content=content: content for name, content in {**good, **changes}.items()}


IMAGES, LABELS = MNIST[0], MNIST[1]
IDX: tuple[tuple[str, str, bytes, str], ...] = (
    ("is no gzip", IMAGES, b"<html>", "damaged or truncated"),
    ("is cut off", IMAGES, idx(0x803, 2, 8, 8, content=bytes(128))[:-9], "damaged or truncated"),
    ("has labels for images", IMAGES, idx(0x801, 2, content=bytes(2)), "not an idx file of images"),
    ("claims terabytes", IMAGES, idx(0x803, 2**31, 1000, 1000), "more than is accepted"),
    ("holds less than it claims", IMAGES, idx(0x803, 9, 8, 8, content=bytes(128)), "128 bytes"),
    ("swells", LABELS, idx(0x801, 2, content=bytes(2**26)), "more bytes where its header says 2"),
)


def libsvm(text: bytes) -> Callable[[Place], Arguments]:
    """USPS as its publisher has it, beside a good `mnist.npz`."""

    def prepare(place: Place) -> Arguments:
        (place.data / "mnist.npz").write_bytes(npz())
        for name in ("usps.bz2", "usps.t.bz2"):
            (place.data / name).write_bytes(bz2.compress(text))
        return audit(place, "mnist-usps")

    return prepare


LIBSVM: tuple[tuple[str, bytes, str], ...] = (
    ("without pairs", b"1 hello\n", "not as published"),
    ("of another label", b"11 1:0.5\n", "image 1 has a label that is not 1 to 10"),
    ("with a place too many", b"1 257:0.5\n", "image 1 has an index that is not 1 to 256"),
    ("with a value that is none", b"1 1:nan\n", "a value that is not from -1 to 1"),
    ("that swells", b"1\n" * 2**18, "unpacks to more than is accepted"),
)


def svhn(place: Place) -> Arguments:
    (place.data / "mnist.npz").write_bytes(npz())
    for name in ("train_32x32.mat", "test_32x32.mat"):
        (place.data / name).write_bytes(b"MATLAB 7.3 MAT-file" + bytes(200))
    return audit(place, "mnist-svhn")


def incomplete(place: Place) -> Arguments:
    (place.data / IMAGES).write_bytes(b"")
    return audit(place, "mnist-usps")


CASES = [
    *(
        Case(
            f"digits: an .npz that {name}", in_data_dir({"mnist.npz": content}), ("mnist.npz", says)
        )
        for name, content, says in NPZ
    ),
    *(
        Case(
            f"digits: an idx file that {name}", in_data_dir(mnist(**{file: content})), (file, says)
        )
        for name, file, content, says in IDX
    ),
    *(
        Case(f"digits: a text {name}", libsvm(text), ("usps.bz2", says))
        for name, text, says in LIBSVM
    ),
    Case(
        "digits: a .mat that is none", svhn, ("train_32x32.mat: damaged, truncated or not MATLAB",)
    ),
    Case("digits: files missing", incomplete, ("but not", LABELS, "add that or remove the others")),
]
