"""labels.csv: read in the manifest's order, and refused in one line where it does not fit."""

from dataclasses import replace

import numpy as np
import pytest
from datasets_helpers import picture, png
from digit_sets import write_digit_set

from harness.datasets import prepare
from harness.datasets.labels import MOST_BYTES, read_labels
from harness.errors import UserError

GREY = np.zeros((3, 16, 16), np.uint8)
HEAD = "split,name,label\n"


@pytest.fixture
def manifest(tmp_path):
    """Three images a split, of classes 10, 9 and 2."""
    images = GREY + np.arange(3, dtype=np.uint8)[:, None, None]
    labels = np.array([10, 9, 2])
    splits = ("trainA", "trainB", "testA", "testB")
    given = {name: (images + 3 * i, labels) for i, name in enumerate(splits)}
    write_digit_set(tmp_path / "digits", given)
    return prepare(str(tmp_path / "digits")).manifest


def rewritten(manifest, text):
    content = text if isinstance(text, bytes) else text.encode()
    (manifest.folder / "labels.csv").write_bytes(content)
    return manifest


def test_classes_are_in_numeric_order_and_codes_in_the_manifests(manifest):
    labels = read_labels(manifest)
    assert labels.classes == ("2", "9", "10")
    assert set(labels.codes) == {"trainA", "trainB", "testA", "testB"}
    assert labels.codes["testB"].tolist() == [2, 1, 0]
    assert labels.codes["testB"].dtype == np.int64


def test_names_sort_as_text_and_unlabelled_images_are_minus_one(manifest):
    lines = "trainA,00002.png,zebra\ntestB,00000.png,horse\n"
    labels = read_labels(rewritten(manifest, HEAD + lines))
    assert labels.classes == ("horse", "zebra")
    assert labels.codes["trainA"].tolist() == [-1, -1, 1]
    assert labels.codes["testB"].tolist() == [0, -1, -1]


def test_without_the_file_or_away_from_it_there_are_no_labels(manifest):
    assert read_labels(replace(manifest, folder=None)) is None
    (manifest.folder / "labels.csv").unlink()
    assert read_labels(manifest) is None


def test_lines_about_other_files_are_passed_over(manifest):
    lines = "trainA,unreadable.png,7\ntrainA,../../etc/passwd,7\ntrainA,00000.png,3\n"
    labels = read_labels(rewritten(manifest, HEAD + lines))
    assert labels.classes == ("3",), "a class that no image has is none"


def test_names_with_commas_quotes_and_other_alphabets_are_read(manifest, tmp_path):
    name = 'наш "снег", 雪.png'
    (manifest.folder / "testA" / name).write_bytes(png(picture(1)))
    again = prepare(str(manifest.folder)).manifest
    quoted = name.replace('"', '""')
    labels = read_labels(rewritten(again, HEAD + f'testA,"{quoted}",<b>\n'))
    place = [file.name for file in again.splits["testA"]].index(name)
    assert labels.codes["testA"][place] == 0 and labels.classes == ("<b>",)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "line 1: must be split,name,label"),
        ("name,label\n", "line 1: must be split,name,label"),
        (HEAD, "no line is about an image"),
        (HEAD + "testA,other.png,1\n", "no line is about an image"),
        (HEAD + "testA,00000.png\n", "line 2: 2 fields"),
        (HEAD + "testA,00000.png,1,2\n", "line 2: 4 fields"),
        (HEAD + "\n", "line 2: 0 fields"),
        (HEAD + "validA,00000.png,1\n", "line 2: no split 'validA'"),
        (HEAD + "testA,00000.png,\n", "line 2: a label has"),
        (HEAD + f"testA,00000.png,{'x' * 65}\n", "line 2: a label has"),
        (HEAD + "testA,00000.png,a\tb\n", "line 2: a label has"),
        (HEAD + "testA,00000.png,1\ntestA,00000.png,1\n", "line 3: testA/'00000.png' has a label"),
        (HEAD + 'testA,"00000.png,1\n', "cannot be read as CSV"),
        (HEAD.encode() + b"testA,00000.png,\xff\n", "cannot be read as CSV in UTF-8"),
        (HEAD + "testA,00000.png,\0\n", "labels.csv"),
    ],
)
def test_what_does_not_fit_is_named_in_one_line(manifest, text, says):
    with pytest.raises(UserError) as caught:
        read_labels(rewritten(manifest, text))
    assert says in str(caught.value) and "labels.csv" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_too_many_classes_and_too_large_a_file_are_refused(manifest, monkeypatch):
    monkeypatch.setattr("harness.datasets.labels.MOST_CLASSES", 2)
    with pytest.raises(UserError, match="3 different labels"):
        read_labels(manifest)
    with (manifest.folder / "labels.csv").open("ab") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(UserError, match="larger than 64 MiB"):
        read_labels(manifest)
