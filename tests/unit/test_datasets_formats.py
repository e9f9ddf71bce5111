"""Each published format gives the very digits put in, or one line that names the file."""

from __future__ import annotations

import bz2
import gzip
import io
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import datasets_published as published
import numpy as np
import pytest
from datasets_helpers import present
from datasets_published import some_digits
from scipy.io import savemat

from harness.data import formats
from harness.data.formats import LabelledImages, read_idx, read_libsvm, read_mat, read_npz
from harness.system.errors import UserError

GREY = some_digits(12, (28, 28))
SMALL = some_digits(23, (16, 16))
COLOUR = some_digits(11, (32, 32, 3))


def read_images(path: Path) -> LabelledImages:
    """Of an idx file, with the labels of GREY."""
    labels = path.with_name("labels.gz")
    labels.write_bytes(gzip.compress(published.idx(GREY[1])))
    return read_idx(path, labels)


def read_idx_labels(path: Path) -> LabelledImages:
    """Of an idx file, with the images of GREY."""
    images = path.with_name("images.gz")
    images.write_bytes(gzip.compress(published.idx(GREY[0])))
    return read_idx(images, path)


Reader = Callable[[Path], object]


def refused(path: Path, content: bytes | None, read: Reader, words: str) -> None:
    """In one line that begins with the file's path. `content` None: there is no file."""
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=words) as caught:
        read(path)
    text = str(caught.value)
    assert "\n" not in text and text.startswith(f"{path}: ")


IDX, LIBSVM, MAT = published.idx(GREY[0]), published.libsvm(*SMALL), published.mat(*COLOUR)
NPZ = published.npz(GREY, GREY)


@pytest.mark.parametrize(
    ("read", "content", "digits"),
    [
        (
            read_images,
            gzip.compress(published.idx(GREY[0][:, :, :20])),
            (GREY[0][:, :, :20], GREY[1]),
        ),
        (read_libsvm, bz2.compress(LIBSVM), SMALL),
        (read_mat, MAT, COLOUR),  # whose label 10 means 0
        (read_mat, published.mat(COLOUR[0][:1], COLOUR[1][:1]), (COLOUR[0][:1], COLOUR[1][:1])),
    ],
)
def test_a_file_gives_its_images_and_labels(
    tmp_path: Path, read: Callable, content: bytes, digits: published.Digits
) -> None:
    (tmp_path / "file").write_bytes(content)
    labelled = read(tmp_path / "file")
    assert labelled.images.dtype == np.uint8 and labelled.labels.dtype == np.int64
    assert np.array_equal(labelled.images, digits[0])
    assert np.array_equal(labelled.labels, digits[1])


def idx_head(*shape: int) -> bytes:
    """Of a compressed file of unsigned bytes that claims this shape."""
    return gzip.compress(
        struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape) + bytes(64)
    )


@pytest.mark.parametrize(
    ("read", "content", "words"),
    [
        (read_images, gzip.compress(IDX)[:-40], "damaged or truncated"),
        (read_images, gzip.compress(IDX)[:30], "damaged or truncated"),
        (read_images, gzip.compress(IDX[:-1]), "9407 bytes where its header says 9408"),
        (read_images, gzip.compress(IDX + b"x"), "more bytes where its header says 9408"),
        (read_images, gzip.compress(IDX[:9]), "damaged or truncated"),
        (read_images, gzip.compress(b""), "not an idx file of images"),
        (read_images, gzip.compress(b"\0\0\x09\x03" + IDX[4:]), "not an idx file of images"),
        (read_images, IDX, "damaged or truncated"),
        (read_images, b"", "not an idx file|damaged or truncated"),
        (read_images, gzip.compress(IDX)[:60] + b"\xff" * 30 + gzip.compress(IDX)[90:], "damaged"),
        (read_images, idx_head(2**32 - 1, 28, 28), "claims 4294967295 images of 28 x 28 px"),
        (read_images, idx_head(1, 65535, 65535), "claims 1 images of 65535 x 65535 px"),
        (read_images, idx_head(1000, 0, 28), "claims"),
        (read_images, idx_head(0, 28, 28), "holds no image"),
        (read_images, None, "cannot be read"),
        (read_idx_labels, gzip.compress(published.idx(GREY[1][:-1])), "12 images, but 11 labels"),
        (read_idx_labels, gzip.compress(published.idx(GREY[1] + 2)), "label 10 of image 8 is no"),
        (read_idx_labels, gzip.compress(IDX), "not an idx file of labels"),
        (read_idx_labels, idx_head(2**32 - 1), "claims 4294967295 labels"),
        (read_idx_labels, None, "cannot be read"),
        (read_libsvm, bz2.compress(LIBSVM)[:-20], "damaged or truncated"),
        (read_libsvm, b"1 1:0\n", "damaged: Invalid data stream"),
        (read_libsvm, b"", "damaged|holds no image"),
        (read_libsvm, bz2.compress(b""), "holds no image"),
        (read_libsvm, bz2.compress(bytes(2**26 + 1)), "unpacks to more"),
        (read_libsvm, bz2.compress(b"1\n" * 200_000), "unpacks to more"),
        (read_libsvm, None, "cannot be read"),
        *((read_mat, MAT[:kept], "damaged|has no") for kept in (0, 60, 200, 20_000, -30)),
        # Of a variable twice the first may be what is looked at, and the second what is read.
        (read_mat, MAT + MAT[128:], "has a variable twice"),
        (read_mat, b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM" + bytes(512), "not MATLAB 5"),
        (read_mat, None, "cannot be read"),
        (read_npz, NPZ[:-50], "damaged"),
        (read_npz, NPZ[:500] + bytes(20) + NPZ[520:], "damaged|header"),
        (read_npz, None, "cannot be read"),
    ],
    # Compressed bytes hold the time of day, and processes that share tests must name them alike.
    ids=lambda value: "bytes" if isinstance(value, bytes) else None,
)
def test_a_damaged_file_is_refused(
    tmp_path: Path, read: Reader, content: bytes | None, words: str
) -> None:
    refused(tmp_path / "file", content, read, words)


def test_a_bomb_is_not_unpacked_beyond_its_header(tmp_path: Path) -> None:
    content = gzip.compress(published.idx(GREY[0]) + bytes(40 * 2**20), 1)
    tracemalloc.start()
    try:
        refused(tmp_path / "i.gz", content, read_images, "more bytes")
        assert tracemalloc.get_traced_memory()[1] < 10 * 2**20
    finally:
        tracemalloc.stop()


def test_libsvm_values_and_pixels_left_out_are_as_the_format_says(tmp_path: Path) -> None:
    line = b"10 1:-1 2:1.000000 3:-0.5 256:0.25\n1\n"
    (tmp_path / "usps.bz2").write_bytes(bz2.compress(line))
    digits = read_libsvm(tmp_path / "usps.bz2")
    flat = digits.images.reshape(2, -1)
    assert digits.labels.tolist() == [9, 0]
    assert flat[0, [0, 1, 2, 3, 255]].tolist() == [0, 255, 64, 128, 159]
    assert set(flat[1]) == {128}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"11 1:0", "image 24 has a label"),
        (b"0 1:0", "image 24 has a label"),
        (b"1.5 1:0", "image 24 has a label"),
        (b"nan 1:0", "image 24 has a label"),
        (b"x 1:0", "could not convert"),
        (b"1 1:0 1:0", "should be sorted and unique"),
        (b"1 0:0", "Invalid index 0"),
        (b"1 257:0", "image 24 has an index"),
        (b"1 9999999999:0", "too large|image 24 has an index"),
        (b"1 1:1.5", "image 24 has a value"),
        (b"1 1:nan", "image 24 has a value"),
        (b"1 1:0 2", "not as published"),
        (b"1 1 0 2:3:4", "not as published"),
        (b"1 a:b", "not as published"),
        (b"1 1:" + b"x" * 9000, "could not convert.{0,80}"),
        (b"1 1.5:0 3:0", "not as published"),
        (b"\xff\xfe 1:0", "not as published"),
    ],
)
def test_a_wrong_libsvm_line_is_refused(tmp_path: Path, line: bytes, words: str) -> None:
    refused(tmp_path / "usps.bz2", bz2.compress(LIBSVM + line + b"\n"), read_libsvm, words)


X, Y = COLOUR[0].transpose(1, 2, 3, 0), COLOUR[1][:, np.newaxis] + 1


def saved(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    savemat(buffer, arrays)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"X": X}, "has no y"),
        ({"z": X}, "has no X and no y"),
        ({"X": X, "y": Y[:-1]}, r"11 images, but labels of shape \(10, 1\)"),
        ({"X": X.astype(float), "y": Y}, "X is double"),
        ({"X": X[:, :, :2], "y": Y}, r"not uint8 \(h, w, 3, N\)"),
        ({"X": X[..., :0], "y": Y[:0]}, "holds no image"),
        ({"X": X, "y": Y + 10}, "label 11 of image 0 is not from 1 to 10"),
        ({"X": X, "y": Y - 1}, "label 0 of image 0 is not from 1 to 10"),
        ({"X": X, "y": (Y - 1).astype(np.uint8)}, "label 0 of image 0 is not from 1 to 10"),
        ({"X": X, "y": Y + 0.5}, r"label 1\.5 of image 0 is not"),
        ({"X": X, "y": np.array(["a"] * 11)[:, np.newaxis]}, "y is char, not numbers"),
        ({"X": X, "y": np.array([[1.0]] * 11, dtype=object)}, "y is cell, not numbers"),
    ],
)
def test_a_mat_file_of_something_else_is_refused(
    tmp_path: Path, arrays: dict[str, np.ndarray], words: str
) -> None:
    refused(tmp_path / "a.mat", saved(**arrays), read_mat, words)


@pytest.mark.parametrize(
    ("count", "words"), [(2**31 - 1, "claims 2147483647 images"), (12, "12 images, but labels")]
)
def test_a_mat_file_that_claims_absurd_sizes_is_refused(
    tmp_path: Path, count: int, words: str
) -> None:
    content, dimensions = saved(X=X, y=Y), struct.pack("<IIII", 32, 32, 3, 11)
    assert content.count(dimensions) == 1
    lie = content.replace(dimensions, struct.pack("<IIII", 32, 32, 3, count))
    refused(tmp_path / "a.mat", lie, read_mat, words)


@pytest.mark.parametrize("train", [GREY, SMALL, COLOUR])
def test_npz_gives_both_splits(tmp_path: Path, train: published.Digits) -> None:
    test = train[0][::-1][:5], train[1][:5]
    (tmp_path / "mnist.npz").write_bytes(published.npz(train, test))
    splits = read_npz(tmp_path / "mnist.npz")
    for digits, (images, labels) in zip(splits, (train, test), strict=True):
        assert digits.labels.dtype == np.int64
        assert np.array_equal(digits.images, images) and np.array_equal(digits.labels, labels)


def test_npz_in_column_order_is_not_scrambled(tmp_path: Path) -> None:
    images, labels = np.asfortranarray(GREY[0]), GREY[1].astype(np.uint8)
    np.savez(tmp_path / "a.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    assert np.array_equal(read_npz(tmp_path / "a.npz")[0].images, GREY[0])


def npy_header(shape: tuple[int, ...], kind: str = "|u1") -> bytes:
    buffer = io.BytesIO()
    description = {"descr": kind, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, description)
    return buffer.getvalue()


def npy_text(text: bytes) -> bytes:
    """A header of version 1.0 that says something else."""
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(text)) + text


def repacked(content: bytes, **members: bytes | None) -> bytes:
    """`content` with other members; None leaves one out."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            key = name.removesuffix(".npy")
            member = members.get(key, old.read(name))
            if member is not None:
                new.writestr(name, member)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"y_test": None}, "no y_test inside"),
        ({"x_train": b"no array"}, "x_train"),
        ({"x_train": npy_header((12, 28, 28)) + bytes(9)}, "x_train"),
        ({"x_train": npy_header((10**15, 28, 28))}, "x_train"),
        ({"y_train": npy_header((10**15,))}, "y_train"),
        ({"y_train": npy_header((12, 1)) + bytes(12)}, "12 images, but 12 labels"),
        ({"y_train": npy_header((-5,)) + bytes(12)}, "y_train"),
        ({"x_train": npy_text(b"{")}, "x_train"),
        ({"x_train": npy_text(b"{'shape': (1,), b'a': 2, 3: 4}")}, "x_train"),
        ({"x_train": npy_text(b"'" * 3)}, "x_train"),
        ({"x_train": npy_text(b"(" * 200)}, "x_train"),
        ({"x_train": npy_header((5, 784)) + bytes(3920)}, "no set of images"),
        ({"x_train": npy_header((12, 28, 28), "<f8") + bytes(9408 * 8)}, "x_train is not an array"),
        ({"y_train": npy_header((12,), "|O") + b"cos\nsystem\n"}, "y_train Object arrays cannot"),
        ({"y_train": npy_header((3,)) + bytes(3)}, "12 images, but 3 labels"),
        ({"y_train": npy_header((12,)) + bytes([77] * 12)}, "label 77 of image 0"),
    ],
)
def test_an_npz_with_a_wrong_array_is_refused(
    tmp_path: Path, members: dict[str, bytes | None], words: str
) -> None:
    refused(tmp_path / "a.npz", repacked(NPZ, **members), read_npz, words)


def test_an_npz_that_swells_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "MOST_BYTES", 1000)
    monkeypatch.setattr(np, "load", None)
    refused(tmp_path / "a.npz", NPZ, read_npz, "unpacks to more")


def test_the_real_digits_are_read_whole(photographs: Path) -> None:
    for name, side, train, test in (("mnist", 28, 10000, 10000), ("usps", 16, 7291, 2007)):
        splits = read_npz(present(photographs / "digits" / f"{name}.npz"))
        for digits, count in zip(splits, (train, test), strict=True):
            assert digits.images.shape == (count, side, side)
            assert set(digits.labels.tolist()) == set(range(10))
            assert digits.images.min() == 0 and digits.images.max() == 255
