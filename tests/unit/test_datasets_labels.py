"""labels.csv: what it means, and what a broken or hostile one is answered with."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from digit_sets import bundled_digits, published_digits, write_digit_set, write_labels

from harness.data import Manifest, labels, load_images, prepare
from harness.data.labels import read_labels
from harness.data.layout import SPLITS
from harness.data.manifest import ImageFile
from harness.system.errors import UserError

NAMES = {
    "trainA": ("0.png", "1.png", "2.png"),
    "trainB": ("x.png",),
    "testA": ("0.png", "1.png"),
    "testB": ("x.png", "y.png"),
}


def manifest_of(folder: Path | None, **names: tuple[str, ...]) -> Manifest:
    splits = {
        split: tuple(ImageFile(name, "0" * 64) for name in listed)
        for split, listed in {**NAMES, **names}.items()
    }
    return Manifest("set", splits, folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "set").mkdir()
    return tmp_path / "set"


def given(folder: Path, content: str | bytes) -> Manifest:
    raw = content if isinstance(content, bytes) else content.encode()
    (folder / "labels.csv").write_bytes(raw)
    return manifest_of(folder)


def codes(manifest: Manifest) -> dict[str, list[int]]:
    labelled = read_labels(manifest)
    assert labelled is not None
    assert all(array.dtype == np.int64 for array in labelled.codes.values())
    return {split: array.tolist() for split, array in labelled.codes.items()}


def test_codes_stand_in_the_manifests_order_whatever_the_files(folder: Path) -> None:
    manifest = given(
        folder,
        "split,name,label\ntestB,y.png,cat\ntrainA,2.png,dog\ntrainA,0.png,cat\ntestA,1.png,ant\n",
    )
    labelled = read_labels(manifest)
    assert labelled is not None and labelled.classes == ("ant", "cat", "dog")
    assert codes(manifest) == {
        "trainA": [1, -1, 2],
        "trainB": [-1],
        "testA": [-1, 0],
        "testB": [-1, 1],
    }


@pytest.mark.parametrize(
    ("given_labels", "classes"),
    [
        (("10", "9", "0"), ("0", "9", "10")),
        (("10", "-9", "0"), ("-9", "0", "10")),
        (("7", "07", "7"), ("07", "7")),
        (("10", "9", "ten"), ("10", "9", "ten")),
        (("10", "9", "1.5"), ("1.5", "10", "9")),
        (("10", "9", "1_0"), ("10", "1_0", "9")),
        (("²", "10", "9"), ("10", "9", "²")),
        (("b", "B", "a"), ("B", "a", "b")),
        ((" 3", "3 ", "3"), ("3",)),
        (("été", "two words", 'a "b", c'), ('a "b", c', "two words", "été")),
        (("x" * 64, "喵", "猫 "), ("x" * 64, "喵", "猫")),
    ],
)
def test_classes_are_sorted_as_numbers_where_all_are(
    folder: Path, given_labels: tuple[str, ...], classes: tuple[str, ...]
) -> None:
    names = NAMES["trainA"]
    write_labels(folder, [("trainA", *pair) for pair in zip(names, given_labels, strict=True)])
    labelled = read_labels(manifest_of(folder))
    assert labelled is not None and labelled.classes == classes
    read = [classes[code] for code in labelled.codes["trainA"]]
    assert read == [label.strip() for label in given_labels]


def test_without_the_file_or_the_folder_there_are_no_labels(folder: Path) -> None:
    assert read_labels(manifest_of(folder)) is None
    assert read_labels(manifest_of(None)) is None


@pytest.mark.parametrize(
    "content",
    [
        "split,name,label\r\ntrainA,0.png,1\r\n",
        "split,name,label\rtrainA,0.png,1",
        "\ufeffsplit,name,label\ntrainA,0.png,1\n",
        'split,name,label\n"trainA","0.png","1"\n',
        '"split",name,label\n\n\ntrainA,0.png,1\n\n',
        "split,name,label\ntrainA,0.png,1\ntrainA,broken.png,2\ntestB,../../etc/passwd,3\n",
    ],
    ids=["CRLF", "CR", "byte order mark", "quoted", "empty lines", "files left out"],
)
def test_what_spreadsheets_write_and_files_left_out_do_no_harm(folder: Path, content: str) -> None:
    manifest = given(folder, content)
    labelled = read_labels(manifest)
    assert labelled is not None and labelled.classes == ("1",)
    assert codes(manifest)["trainA"] == [0, -1, -1]


@pytest.mark.parametrize(
    "name",
    [
        'a,"b".png',
        "naïve ☃.png",
        "e\u0301.png",
        " space .png",
        "new\nline.png",
        "label",
        "#x.png",
        "=1+1.png",
        "x" * 250 + ".png",
    ],
)
def test_hostile_names_are_matched_exactly(folder: Path, name: str) -> None:
    manifest = manifest_of(folder, trainB=(name, "other.png"))
    write_labels(folder, [("trainB", name, "7")])
    assert codes(manifest)["trainB"] == [0, -1]


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        ("", 1, "header"),
        ("\n", 1, "header"),
        ("split;name;label\ntrainA;0.png;1\n", 1, "header"),
        ("Split,Name,Label\ntrainA,0.png,1\n", 1, "header"),
        ("trainA,0.png,1\n", 1, "header"),
        ("split,name,label\ntrainA,0.png\n", 2, "2 fields, not 3"),
        ("split,name,label\ntrainA,0.png,1\ntrainA,1,2.png,1\n", 3, "4 fields, not 3"),
        ("split,name,label\nvalA,0.png,1\n", 2, "unknown split 'valA'"),
        ("split,name,label\ntestA_in_B,0.png,1\n", 2, "unknown split"),
        ("split,name,label\n../trainA,0.png,1\n", 2, "unknown split"),
        ("split,name,label\ntraina,0.png,1\n", 2, "unknown split"),
        ("split,name,label\ntrainA,0.png,1\ntestA,0.png,1\ntrainA,0.png,1\n", 4, "second line"),
        ("split,name,label\ntrainA,gone.png,1\ntrainA,gone.png,2\n", 3, "'trainA/gone.png'"),
        ("split,name,label\ntrainA,0.png,\n", 2, "no label for '0.png'"),
        ("split,name,label\ntrainA,0.png, \t\n", 2, "no label"),
        (f"split,name,label\ntrainA,0.png,{'x' * 65}\n", 2, "65 characters"),
        ('split,name,label\ntrainA,0.png,"a\nb"\n', 3, "do not print"),
        ("split,name,label\ntrainA,0.png,\x1b[31mred\n", 2, "do not print"),
        ("split,name,label\ntrainA,0.png,\u202egnp\n", 2, "do not print"),
        ('split,name,label\ntrainA,0.png,"1\n', 2, "not CSV"),
        ('split,name,label\ntrainA,"0"x.png,1\n', 2, "not CSV"),
        (f"split,name,label\ntrainA,{'x' * 200_000},1\n", 2, "not CSV"),
        ('split,name,label\ntrainA,"0\n.png",1,2\n', 3, "4 fields"),
        (b"split,name,label\ntrainA,0.png,\xe9t\xe9\n", 2, "not UTF-8"),
        ("split,name,label\ntrainA,0.png,1\n".encode("utf-16"), 1, "NUL"),
        (b"split,name,label\ntrainA,0.png,1\ntrainA,1.png,\x00\n", 3, "NUL"),
    ],
)
def test_a_bad_line_is_named_in_one_line(
    folder: Path, content: str | bytes, line: int, problem: str
) -> None:
    with pytest.raises(UserError) as caught:
        read_labels(given(folder, content))
    message = str(caught.value)
    assert message.startswith(f"{folder / 'labels.csv'}:{line}: ")
    assert problem in message
    assert ";" in message  # what to do
    assert message.isprintable() and len(message) < len(str(folder)) + 250


@pytest.mark.parametrize(
    "content",
    [
        "split,name,label\n",
        "split,name,label\ntrainA,trainA/0.png,1\n",
        "split,name,label\ntrainA,0.jpg,1\n",
        "split,name,label\ntrainB,0.png,1\n",
    ],
    ids=["header alone", "name with folder", "other extension", "other split"],
)
def test_labels_of_no_image_at_all_are_a_mistake(folder: Path, content: str) -> None:
    with pytest.raises(UserError, match="no line is about an image"):
        read_labels(given(folder, content))


def test_a_thousand_classes_are_enough(folder: Path) -> None:
    names = tuple(f"{index}.png" for index in range(1001))
    manifest = manifest_of(folder, trainA=names)
    write_labels(folder, [("trainA", name, str(index)) for index, name in enumerate(names[:1000])])
    assert codes(manifest)["trainA"] == [*range(1000), -1]
    write_labels(folder, [("trainA", name, str(index)) for index, name in enumerate(names)])
    with pytest.raises(UserError, match="1001 different labels; give 1000"):
        read_labels(manifest)


def test_too_large_a_file_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (folder / "labels.csv").open("wb") as file:
        file.truncate(64 * 2**20 + 1)
    with pytest.raises(UserError, match="larger than 64 MiB"):
        read_labels(manifest_of(folder))
    monkeypatch.setattr(labels, "MOST_BYTES", 40)
    assert codes(given(folder, "split,name,label\ntrainA,0.png,1\n"))["trainA"] == [0, -1, -1]


@pytest.mark.parametrize(
    "make", [Path.mkdir, lambda path: path.symlink_to("nowhere.csv"), os.mkfifo]
)
def test_what_is_no_file_is_refused_at_once(folder: Path, make: Callable[[Path], None]) -> None:
    make(folder / "labels.csv")
    with pytest.raises(UserError, match="not a file"):
        read_labels(manifest_of(folder))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_a_file_without_rights_is_refused(folder: Path) -> None:
    manifest = given(folder, "split,name,label\ntrainA,0.png,1\n")
    (folder / "labels.csv").chmod(0)
    with pytest.raises(UserError, match="cannot be read"):
        read_labels(manifest)


def test_a_digit_set_is_read_back_with_its_labels(tmp_path: Path) -> None:
    parts = [bundled_digits(*span) for span in ((0, 12), (12, 20), (20, 25), (25, 31))]
    prepared = prepare(str(write_digit_set(tmp_path / "digits", *parts, side=32)))
    labelled = read_labels(prepared.manifest)
    assert labelled is not None and labelled.classes == tuple("0123456789")
    for split, (_, digits) in zip(SPLITS, parts, strict=True):
        assert labelled.codes[split].tolist() == digits.tolist()
        assert load_images(prepared.manifest, split, 32).shape == (len(digits), 32, 32, 3)


def test_some_splits_alone_may_be_labelled_and_a_broken_image_is_left_out(tmp_path: Path) -> None:
    parts = [bundled_digits(0, 4)] * 4
    folder = write_digit_set(tmp_path / "digits", *parts, labelled=["trainB", "testA"])
    (folder / "testA" / "00001.png").write_bytes(b"no image")
    manifest = prepare(str(folder)).manifest
    expected = {"trainA": [-1] * 4, "trainB": [0, 1, 2, 3], "testA": [0, 2, 3], "testB": [-1] * 4}
    assert codes(manifest) == expected
    without = write_digit_set(tmp_path / "plain", *parts, labelled=[])
    assert read_labels(prepare(str(without)).manifest) is None


def test_real_digits_become_a_labelled_set(photographs: Path, tmp_path: Path) -> None:
    mnist, usps = (
        published_digits(photographs / "digits" / f"{name}.npz", 20, 10)
        for name in ("mnist", "usps")
    )
    folder = write_digit_set(tmp_path / "set", mnist[0], usps[0], mnist[1], usps[1])
    manifest = prepare(str(folder)).manifest
    assert codes(manifest)["testB"] == usps[1][1].tolist()
    pixels = load_images(manifest, "trainB", 16)
    assert np.array_equal(pixels[..., 0], usps[0][0])
