"""Folders that are no data set, pairs of folders that are none, and labels that do not fit."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from case import Arguments, Case, Place, audit
from datasets_helpers import picture, png

Change = Callable[[Path], None]


def spoilt(change: Change, *more: str) -> Callable[[Place], Arguments]:
    """Of a good data set."""

    def prepare(place: Place) -> Arguments:
        change(place.data_set())
        return audit(place, "set", *more)

    return prepare


def emptied(folder: Path) -> Path:
    shutil.rmtree(folder)
    folder.mkdir()
    return folder


def replaced_by_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("not a folder")


def replaced_by_loop(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.symlink_to(folder.name)


def without_images(folder: Path) -> None:
    emptied(folder)
    (folder / "notes.txt").write_text("none yet")
    (folder / ".hidden.png").write_bytes(png(picture(1)))
    (folder / "more.png").mkdir()


def one_truth(folder: Path) -> None:
    shutil.copytree(folder / "testB", folder / "testA_in_B")


def lost_truth(folder: Path) -> None:
    for split, truth in (("testB", "testA_in_B"), ("testA", "testB_in_A")):
        shutil.copytree(folder / split, folder / truth)
    (folder / "testB_in_A" / "1.png").unlink()


def one_image(place: Place) -> Arguments:
    place.data_set(count=1)
    return audit(place, "set", "--hold-out", "validation")


SETS: tuple[tuple[str, Change, tuple[str, ...]], ...] = (
    ("a split missing", lambda f: shutil.rmtree(f / "trainB"), ("set: no folder trainB",)),
    ("two splits missing", lambda f: [shutil.rmtree(f / n) for n in ("trainA", "testB")],
     ("set: no folder trainA, testB",)),
    ("a split that is a file", lambda f: replaced_by_file(f / "testA"), ("no folder testA",)),
    ("a split that is a loop", lambda f: replaced_by_loop(f / "testA"), ("no folder testA",)),
    ("an empty split", lambda f: emptied(f / "testB"), ("testB: no images", "put some there")),
    ("a split of other things", lambda f: without_images(f / "trainB"), ("trainB: no images",)),
    ("one side of true pairs", one_truth, ("testA_in_B is there, its counterpart is not",)),
    ("a true pair missing", lost_truth, ("testB_in_A: no readable true translation of 1.png",)),
)  # fmt: skip


def class_pair(dataset: str, make: Change = lambda folder: None) -> Callable[[Place], Arguments]:
    """Of two domains, `photo` and `sketch`, of thirty images of axes each."""

    def prepare(place: Place) -> Arguments:
        for number, domain in enumerate(("photo", "sketch")):
            folder = place.data / "pacs" / domain / "axe"
            folder.mkdir(parents=True)
            for index in range(30):
                (folder / f"{index}.png").write_bytes(png(picture(100 * number + index)))
        make(place.data / "pacs")
        return audit(place, dataset)

    return prepare


def same_name(folder: Path) -> None:
    for place in ("axe__b", "axe"):
        (folder / "photo" / place).mkdir(exist_ok=True)
    (folder / "photo" / "axe" / "b__0.png").write_bytes(png(picture(1)))
    (folder / "photo" / "axe__b" / "0.png").write_bytes(png(picture(2)))


def few(folder: Path) -> None:
    for index in range(1, 30):
        (folder / "photo" / "axe" / f"{index}.png").unlink()


def bad_class_name(folder: Path) -> None:
    (folder / "photo").rename(os.fsdecode(os.fsencode(folder) + b"/ph\xf8to"))


PAIRS: tuple[tuple[str, str, Change, tuple[str, ...]], ...] = (
    ("no such folder", "nothing:photo-sketch", lambda f: None, ("'nothing': no such folder",)),
    ("no such domain", "pacs:photo-cartoon", lambda f: None, ("pacs has photo, sketch", "write")),
    ("a domain against itself", "pacs:photo-photo", lambda f: None, ("two different folders",)),
    ("only one domain", "pacs:photo", lambda f: None, ("two different folders",)),
    ("a domain without classes", "pacs:photo-sketch", lambda f: emptied(f / "photo"),
     ("photo: no images in or below it",)),
    ("two files of one name", "pacs:photo-sketch", same_name, ("would be called", "rename one")),
    ("too few to divide", "pacs:photo-sketch", few, ("of its 1 images", "add images")),
    ("a name that is not UTF-8", "pacs:ph\udcf8to-sketch", bad_class_name, ("not UTF-8",)),
)  # fmt: skip


def data_dir(make: Change, says: str, name: str) -> Case:
    """`--data-dir` is what `make` makes."""

    def prepare(place: Place) -> Arguments:
        path = place.folder / "there"
        make(path)
        return ["datasets", "audit", "--dataset", "set", "--data-dir", path]

    return Case(f"data: {name}", prepare, ("there", says))


def named(dataset: str) -> Callable[[Place], Arguments]:
    return lambda place: audit(place, dataset)


def badly_called(place: Place) -> Arguments:
    folder = place.data_set()
    return audit(place, folder.rename(os.fsdecode(os.fsencode(folder) + b"\xff")))


def folder_that_is(make: Change) -> Callable[[Place], Arguments]:
    def prepare(place: Place) -> Arguments:
        make(place.data / "set")
        return audit(place, place.data / "set")

    return prepare


LABELS: tuple[tuple[str, bytes, str], ...] = (
    ("of other columns", b"split,file,label\n", "labels.csv:1: the header is not"),
    ("without anything", b"", "labels.csv:1: the header is not"),
    ("of an unknown split", b"split,name,label\ntrain,0.png,1\n", "labels.csv:2: unknown split"),
    ("with a field too many", b"split,name,label\ntrainA,0.png,1,2\n", ":2: 4 fields, not 3"),
    ("cut off", b"split,name,label\ntrainA,0.png,1\ntrainA,1.p", "labels.csv:3: 2 fields, not 3"),
    ("without a label", b"split,name,label\ntrainA,0.png,\n", "labels.csv:2: no label"),
    ("given twice", b"split,name,label\n" + 2 * b"trainA,0.png,1\n", ":3: a second line about"),
    ("of a thousand characters", b"split,name,label\ntrainA,0.png," + 1000 * b"x", "1000 char"),
    ("that move the cursor", b"split,name,label\ntrainA,0.png,\x1b[2J\n", "do not print"),
    ("with a NUL byte", b"split,name,label\ntrainA,\0.png,1\n", "labels.csv:2: a NUL byte"),
    ("in another encoding", b"split,name,label\ntrainA,0.png,\xe9\n", "labels.csv:2: not UTF-8"),
    ("of other images", b"split,name,label\ntrainA,other.png,1\n", "no line is about an image"),
    ("with a quote left open", b'split,name,label\ntrainA,"0.png,1\n', "not CSV"),
    ("of one endless field", b"split,name,label\n" + 200_000 * b"x", "not CSV"),
)


def labelled(content: bytes) -> Change:
    return lambda folder: (folder / "labels.csv").write_bytes(content)


def label_pipe(folder: Path) -> None:
    os.mkfifo(folder / "labels.csv")


CASES = [
    *(Case(f"data: {name}", spoilt(change), says) for name, change, says in SETS),
    *(Case(f"pair: {name}", class_pair(text, make), says) for name, text, make, says in PAIRS),
    *(Case(f"labels: {name}", spoilt(labelled(content)), (says,)) for name, content,
     says in LABELS),
    Case("labels: a folder", spoilt(lambda f: (f / "labels.csv").mkdir()), ("not a file",)),
    Case("labels: a pipe", spoilt(label_pipe), ("labels.csv: not a file", "remove it")),
    Case("data: one image to hold out", one_image, ("trainA: ", "of its 1 images", "add images")),
    Case("data: no such folder", named("/no/such/folder"), ("/no/such/folder: no such folder",)),
    Case("data: no such name", named("seasonss"), ("'seasonss': not a known data set", "one of")),
    Case("data: a name that climbs", named("../../etc"), ("../../etc: no such folder",)),
    Case("data: nobody's home folder", named("~nobody-has-this/x"), ("no such user", "write")),
    Case("data: a name of 5,000 letters", named("x" * 5000), ("not a known data set",)),
    Case("data: a path of 5,000 letters", named("./" + "x" * 5000), ("no such folder",)),
    Case("data: half of it is markup", named("<script>"), ("'<script>': not a known data set",)),
    Case("data: of one domain", named("mini_pix2pix"), ("mini_pix2pix: both domains", "another")),
    Case("data: a folder called in no text", badly_called, ("not UTF-8", "rename it")),
    Case("data: a file", folder_that_is(lambda path: path.write_text("x") and None),
         ("set: a file; a data set is a zip, or a folder with trainA",)),
    Case("data: a link to itself", folder_that_is(lambda path: path.symlink_to("set")),
         ("set: no such folder",)),
    data_dir(lambda path: None, "DATA_DIR must hold", "no DATA_DIR"),
    data_dir(lambda path: path.write_text("x") and None, "DATA_DIR must hold", "DATA_DIR a file"),
    data_dir(lambda path: path.symlink_to("there"), "DATA_DIR must hold", "DATA_DIR a loop"),
    data_dir(lambda path: path.mkdir(), "not a known data set and not in", "DATA_DIR empty"),
]  # fmt: skip
