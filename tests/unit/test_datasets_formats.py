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
from harness.data.formats import read_idx, read_libsvm, read_mat, read_npz
from harness.system.errors import UserError

GREY = some_digits(12, (28, 28))
SMALL = some_digits(23, (16, 16))
COLOUR = some_digits(11, (32, 32, 3))


def refused(read: Callable[[], object], words: str, name: str = "") -> None:
    """In one line that begins with the file's path."""
    with pytest.raises(UserError, match=words) as caught:
        read()
    text = str(caught.value)
    assert "\n" not in text and name in text.split(": ")[0] and text.startswith("/")


def put(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def gz(path: Path, array: np.ndarray) -> Path:
    return put(path, gzip.compress(published.idx(array)))


def test_idx_gives_images_and_labels(tmp_path: Path) -> None:
    images, labels = GREY
    images = images[:, :, :20]
    digits = read_idx(gz(tmp_path / "i.gz", images), gz(tmp_path / "l.gz", labels))
    assert digits.images.dtype == np.uint8 and digits.labels.dtype == np.int64
    assert np.array_equal(digits.images, images) and np.array_equal(digits.labels, labels)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda raw: gzip.compress(raw)[:-40], "damaged or truncated"),
        (lambda raw: gzip.compress(raw)[:30], "damaged or truncated"),
        (lambda raw: gzip.compress(raw[:-1]), "9407 bytes where its header says 9408"),
        (lambda raw: gzip.compress(raw + b"x"), "more bytes where its header says 9408"),
        (lambda raw: gzip.compress(raw[:9]), "damaged or truncated"),
        (lambda raw: gzip.compress(b""), "not an idx file of images"),
        (lambda raw: gzip.compress(b"\0\0\x09\x03" + raw[4:]), "not an idx file of images"),
        (lambda raw: raw, "damaged or truncated"),
        (lambda raw: b"", "not an idx file|damaged or truncated"),
        (lambda raw: gzip.compress(raw)[:60] + b"\xff" * 30 + gzip.compress(raw)[90:], "damaged"),
    ],
)
def test_a_damaged_idx_file_is_refused(
    tmp_path: Path, damage: Callable[[bytes], bytes], words: str
) -> None:
    labels = gz(tmp_path / "l.gz", GREY[1])
    images = put(tmp_path / "i.gz", damage(published.idx(GREY[0])))
    refused(lambda: read_idx(images, labels), words, "i.gz")


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((2**32 - 1, 28, 28), "claims 4294967295 images of 28 x 28 px"),
        ((1, 65535, 65535), "claims 1 images of 65535 x 65535 px"),
        ((1000, 0, 28), "claims"),
        ((0, 28, 28), "holds no image"),
    ],
)
def test_an_absurd_idx_header_is_refused_before_it_is_believed(
    tmp_path: Path, shape: tuple[int, ...], words: str
) -> None:
    header = struct.pack(">BBBBIII", 0, 0, 8, 3, *shape)
    images = put(tmp_path / "i.gz", gzip.compress(header + bytes(64)))
    refused(lambda: read_idx(images, gz(tmp_path / "l.gz", GREY[1])), words, "i.gz")


def test_a_bomb_is_not_unpacked_beyond_its_header(tmp_path: Path) -> None:
    content = published.idx(GREY[0][:1]) + bytes(40 * 2**20)
    images = put(tmp_path / "i.gz", gzip.compress(content, 1))
    labels = gz(tmp_path / "l.gz", GREY[1][:1])
    tracemalloc.start()
    try:
        refused(lambda: read_idx(images, labels), "more bytes", "i.gz")
        assert tracemalloc.get_traced_memory()[1] < 10 * 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (published.idx(GREY[1][:-1]), "12 images, but 11 labels"),
        (published.idx(GREY[1] + 2), "label 10 of image 8 is no digit"),
        (published.idx(GREY[0]), "not an idx file of labels"),
        (struct.pack(">BBBBI", 0, 0, 8, 1, 2**32 - 1), "claims 4294967295 labels"),
    ],
)
def test_idx_labels_must_fit_the_images(tmp_path: Path, labels: bytes, words: str) -> None:
    images = gz(tmp_path / "i.gz", GREY[0])
    path = put(tmp_path / "l.gz", gzip.compress(labels))
    refused(lambda: read_idx(images, path), words, "l.gz")
    refused(lambda: read_idx(images, tmp_path / "no.gz"), "cannot be read", "no.gz")


def test_libsvm_gives_images_and_labels(tmp_path: Path) -> None:
    digits = read_libsvm(put(tmp_path / "usps.bz2", bz2.compress(published.libsvm(*SMALL))))
    assert digits.images.dtype == np.uint8 and digits.labels.dtype == np.int64
    assert np.array_equal(digits.images, SMALL[0]) and np.array_equal(digits.labels, SMALL[1])


def test_libsvm_values_and_pixels_left_out_are_as_the_format_says(tmp_path: Path) -> None:
    line = b"10 1:-1 2:1.000000 3:-0.5 256:0.25\n1\n"
    digits = read_libsvm(put(tmp_path / "usps.bz2", bz2.compress(line)))
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
    path = put(tmp_path / "usps.bz2", bz2.compress(published.libsvm(*SMALL) + line + b"\n"))
    refused(lambda: read_libsvm(path), words, "usps.bz2")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (bz2.compress(published.libsvm(*SMALL))[:-20], "damaged or truncated"),
        (b"1 1:0\n", "damaged: Invalid data stream"),
        (b"", "damaged|holds no image"),
        (bz2.compress(b""), "holds no image"),
        (bz2.compress(bytes(2**26 + 1)), "unpacks to more"),
        (bz2.compress(b"1\n" * 200_000), "unpacks to more"),
    ],
)
def test_a_damaged_libsvm_file_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = put(tmp_path / "usps.bz2", content)
    refused(lambda: read_libsvm(path), words, "usps.bz2")


@pytest.mark.parametrize("count", [11, 1])
def test_mat_gives_images_and_labels_where_ten_means_zero(tmp_path: Path, count: int) -> None:
    images, labels = COLOUR[0][:count], COLOUR[1][:count]
    digits = read_mat(put(tmp_path / "train_32x32.mat", published.mat(images, labels)))
    assert digits.images.dtype == np.uint8 and digits.labels.dtype == np.int64
    assert np.array_equal(digits.images, images) and np.array_equal(digits.labels, labels)


X, Y = COLOUR[0].transpose(1, 2, 3, 0), COLOUR[1][:, np.newaxis] + 1


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
    savemat(tmp_path / "a.mat", arrays, appendmat=False)
    refused(lambda: read_mat(tmp_path / "a.mat"), words, "a.mat")


@pytest.mark.parametrize("kept", [0, 60, 200, 20_000, -30])
def test_a_truncated_mat_file_is_refused(tmp_path: Path, kept: int) -> None:
    path = put(tmp_path / "a.mat", published.mat(*COLOUR)[:kept])
    refused(lambda: read_mat(path), "damaged|has no", "a.mat")


def test_a_mat_file_that_claims_absurd_sizes_is_refused(tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", {"X": X, "y": Y}, appendmat=False)
    content = (tmp_path / "a.mat").read_bytes()
    dimensions = struct.pack("<IIII", 32, 32, 3, 11)
    assert content.count(dimensions) == 1
    for count, words in ((2**31 - 1, "claims 2147483647 images"), (12, "12 images, but labels")):
        lie = content.replace(dimensions, struct.pack("<IIII", 32, 32, 3, count))
        path = put(tmp_path / "a.mat", lie)
        refused(lambda path=path: read_mat(path), words, "a.mat")


def test_a_mat_file_with_a_variable_twice_is_refused(tmp_path: Path) -> None:
    """Of two the first may be what is looked at, and the second what is read."""
    content = published.mat(*COLOUR)
    path = put(tmp_path / "a.mat", content + content[128:])
    refused(lambda: read_mat(path), "has a variable twice", "a.mat")


def test_a_newer_mat_file_is_refused(tmp_path: Path) -> None:
    head = b"MATLAB 7.3 MAT-file".ljust(124) + struct.pack("<H", 0x0200) + b"IM"
    refused(lambda: read_mat(put(tmp_path / "a.mat", head + bytes(512))), "not MATLAB 5", "a.mat")
    refused(lambda: read_mat(tmp_path / "no.mat"), "cannot be read", "no.mat")


@pytest.mark.parametrize("train", [GREY, SMALL, COLOUR])
def test_npz_gives_both_splits(tmp_path: Path, train: published.Digits) -> None:
    test = train[0][::-1][:5], train[1][:5]
    path = put(tmp_path / "mnist.npz", published.npz(train, test))
    for digits, (images, labels) in zip(read_npz(path), (train, test), strict=True):
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
    content = repacked(published.npz(GREY, GREY), **members)
    refused(lambda: read_npz(put(tmp_path / "a.npz", content)), words, "a.npz")


def test_an_npz_that_swells_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path / "a.npz", published.npz(GREY, GREY))
    monkeypatch.setattr(formats, "MOST_BYTES", 1000)
    monkeypatch.setattr(np, "load", None)
    refused(lambda: read_npz(path), "unpacks to more", "a.npz")


def test_a_damaged_npz_is_refused(tmp_path: Path) -> None:
    content = published.npz(GREY, GREY)
    refused(lambda: read_npz(put(tmp_path / "a.npz", content[:-50])), "damaged", "a.npz")
    broken = bytearray(content)
    broken[500:520] = bytes(20)
    refused(lambda: read_npz(put(tmp_path / "a.npz", bytes(broken))), "damaged|header", "a.npz")
    refused(lambda: read_npz(tmp_path / "no.npz"), "cannot be read", "no.npz")


def test_the_real_digits_are_read_whole(photographs: Path) -> None:
    for name, side, train, test in (("mnist", 28, 10000, 10000), ("usps", 16, 7291, 2007)):
        splits = read_npz(present(photographs / "digits" / f"{name}.npz"))
        for digits, count in zip(splits, (train, test), strict=True):
            assert digits.images.shape == (count, side, side)
            assert set(digits.labels.tolist()) == set(range(10))
            assert digits.images.min() == 0 and digits.images.max() == 255
