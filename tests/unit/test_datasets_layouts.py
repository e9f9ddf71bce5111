"""Data sets as people have them: found, and said what was taken for what, or refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from datasets_helpers import (
    Site,
    everything_in,
    picture,
    png,
    serving,
    write_set,
    zip_of,
    zipped_set,
)

from harness.data import Prepared, prepare
from harness.data.layout import SPLITS
from harness.data.listing import catalogue
from harness.system.errors import UserError

pytestmark = pytest.mark.usefixtures("own_cache")


def files(prepared: Prepared) -> dict[str, list[bytes]]:
    """The content of each split's files, in the manifest's order."""
    folder = prepared.located.folder
    return {
        split: [
            (folder / split / file.name).read_bytes() for file in prepared.manifest.splits[split]
        ]
        for split in SPLITS
    }


@pytest.fixture
def wanted(tmp_path: Path) -> dict[str, list[bytes]]:
    """What is in a set of the published form."""
    folder = write_set(tmp_path / "as published")
    return {
        split: [path.read_bytes() for path in sorted((folder / split).iterdir())]
        for split in SPLITS
    }


@pytest.mark.parametrize(
    "pattern",
    [
        "{part}/{letter}", "{letter}/{part}", "{part}_{letter}", "{letter}-{part}",
        "{part}ing {letter}", "{part}/domain/../{letter}", "deep/{part}{letter}",
        "deep/deeper/{letter}/{part}ing",
    ],
)  # fmt: skip
def test_parts_and_domains_are_found_in_either_order(
    tmp_path: Path, pattern: str, wanted: dict[str, list[bytes]]
) -> None:
    write_set(tmp_path / "flat")
    for split in SPLITS:
        place = tmp_path / "mine" / pattern.format(part=split[:-1], letter=split[-1])
        place.resolve().parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "flat" / split).rename(place.resolve())
    (tmp_path / "mine" / "__MACOSX" / "trainA").mkdir(parents=True)
    lines: list[str] = []
    prepared = prepare(str(tmp_path / "mine"), report=lines.append)
    assert files(prepared) == wanted
    if pattern == "{letter}/{part}":
        assert (
            ": A/train as trainA, B/train as trainB, A/test as testA, B/test as testB;" in lines[0]
        )


@pytest.mark.parametrize("typed", ["downloads/horse2zebra", "horse2zebra", "horse2zebra.zip"])
def test_an_archive_unpacked_twice_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, wanted: dict[str, list[bytes]]
) -> None:
    monkeypatch.chdir(tmp_path)
    downloads = tmp_path / "downloads"
    if typed.endswith(".zip"):
        downloads.mkdir()
        (downloads / typed).write_bytes(zipped_set("horse2zebra/horse2zebra/"))
        typed = f"downloads/{typed}"
    else:
        write_set(downloads / "horse2zebra" / "horse2zebra")
        (downloads / "horse2zebra" / "__MACOSX" / "horse2zebra").mkdir(parents=True)
    prepared = prepare(typed, downloads)
    assert (prepared.located.name, prepared.located.titles) == ("horse2zebra", ("horse", "zebra"))
    assert files(prepared) == wanted


def test_a_zip_in_data_dir_is_unpacked_once_and_nothing_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: dict[str, list[bytes]]
) -> None:
    (tmp_path / "data").mkdir()
    content = zipped_set("", count=2)
    (tmp_path / "data" / "summer2winter.zip").write_bytes(content)
    with serving(Site()) as site:
        monkeypatch.setenv("CYCLEBENCH_MIRROR", site.url)
        lines: list[str] = []
        first = prepare("yosemite", tmp_path / "data", report=lines.append)
        again = prepare("summer2winter_yosemite", tmp_path / "data", report=lines.append)
        assert site.requests == []
    assert files(first) == wanted and first.located == again.located
    assert sum("unpacking" in line for line in lines) == 1
    (listed,) = (row for row in catalogue(tmp_path / "data") if row.name == first.located.name)
    assert (listed.state, listed.place) == ("here", str(tmp_path / "data" / "summer2winter.zip"))


def test_a_zip_of_the_folders_that_people_have(tmp_path: Path) -> None:
    members = {
        f"mine/train/{letter}/{'sub/' * (index % 2)}{index}.png": png(
            picture(index + 50 * (letter == "B"))
        )
        for letter in "AB"
        for index in range(20)
    }
    path = tmp_path / "mine.zip"
    path.write_bytes(zip_of(members))
    prepared = prepare(str(path))
    assert prepared.located.name == "mine"
    used = [content for split in files(prepared).values() for content in split]
    assert sorted(used) == sorted(members.values())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (zip_of({"a/trainA/../../../x.png": b""}), "leads elsewhere"),
        (zip_of({"photos/1.png": b"", "notes.txt": b""}), "mine.zip: no folder trainA, .* photos/"),
        (zip_of({"a/trainA": b"", "a/trainA/x.png": b""}), "mine.zip|trainA"),
        (zip_of({".DS_Store": b""}), "no visible file inside"),
        (b"no zip", "damaged or truncated zip"),
    ],
)
def test_a_zip_that_is_no_data_set_is_refused(
    tmp_path: Path, own_cache: Path, content: bytes, words: str
) -> None:
    (tmp_path / "mine.zip").write_bytes(content)
    with pytest.raises(UserError, match=words) as caught:
        prepare(str(tmp_path / "mine.zip"))
    assert "\n" not in str(caught.value)
    assert not any(Path(name).name.startswith(".mine") for name in everything_in(own_cache))


@pytest.mark.parametrize("hold_out", ["test", "validation"])
@pytest.mark.parametrize("count", [3, 40])
def test_without_test_images_a_tenth_is_put_by(tmp_path: Path, hold_out: str, count: int) -> None:
    folder = write_set(tmp_path / "birds", count)
    for split in ("testA", "testB"):
        shutil.rmtree(folder / split)
    (folder / "labels.csv").write_text("split,name,label\ntrainA,0.png,x\ntrainA,1.png,x\n")
    lines: list[str] = []
    prepared = prepare(str(folder), hold_out=hold_out, report=lines.append)
    assert ": no test images: a tenth, chosen by name, in their place; linked in" in lines[0]
    used = files(prepared)
    said = any("one image in testA and testB, so no score" in line for line in lines)
    assert said == (len(used["testA"]) == 1)
    everything = sorted(path.read_bytes() for path in folder.glob("trainA/*"))
    both = sorted(used["trainA"] + used["testA"])
    if hold_out == "test":
        assert both == everything
    else:
        tested = files(prepare(str(folder)))["testA"]
        assert sorted(both + tested) == everything
    assert 1 <= len(used["testA"]) <= 9 and len(used["testB"]) == len(used["testA"])
    assert prepare(str(folder), hold_out=hold_out).located == prepared.located


@pytest.mark.parametrize("tested", [True, False])
def test_own_validation_images_are_used(tmp_path: Path, tested: bool) -> None:
    folder = write_set(tmp_path / "birds")
    for position, split in enumerate(("valA", "valB")):
        (folder / split).mkdir()
        (folder / split / "v.png").write_bytes(png(picture(900 + position)))
    if not tested:
        for split in ("testA", "testB"):
            shutil.rmtree(folder / split)
    held = files(prepare(str(folder), hold_out="validation"))
    assert held["testA"] == [(folder / "valA" / "v.png").read_bytes()]
    assert len(held["trainA"]) == 2
    used = files(prepare(str(folder)))
    assert used["trainA"] == held["trainA"]
    assert used["testA"] == (
        [path.read_bytes() for path in sorted((folder / "testA").iterdir())]
        if tested
        else held["testA"]
    )


def test_parts_of_named_domains(tmp_path: Path, wanted: dict[str, list[bytes]]) -> None:
    write_set(tmp_path / "flat")
    for split in SPLITS:
        place = tmp_path / "art" / split[:-1] / {"A": "photo", "B": "line-art"}[split[-1]]
        place.parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "flat" / split).rename(place)
    prepared = prepare("art:photo-line-art", tmp_path)
    assert prepared.located.titles == ("photo", "line-art") and files(prepared) == wanted
    assert prepared.located.name == "art-photo-line-art"


@pytest.mark.parametrize(
    ("folders", "words"),
    [
        (("photos", "sketches"), "there are photos/, sketches/; .* or FOLDER:A-B for"),
        ((), "there are no folders"),
        (("trainA", "testA", "testB"), "no folder trainB in it; there are testA/, testB/, trainA/"),
        (("train/A", "A/train", "train/B"), "A/train and train/A|train/A and A/train"),
        (
            ("one/trainA", "one/trainB", "two/trainA", "two/trainB"),
            "more than one data set .*/one, ",
        ),
        (tuple(f"{i:02}" for i in range(12)), "00/, 01/, .* 07/, 4 more folders;"),
    ],
)
def test_what_is_no_data_set_is_refused_with_what_is_there(
    tmp_path: Path, folders: tuple[str, ...], words: str
) -> None:
    (tmp_path / "mine").mkdir()
    for folder in folders:
        (tmp_path / "mine" / folder).mkdir(parents=True)
        (tmp_path / "mine" / folder / "1.png").write_bytes(png(picture(1)))
    with pytest.raises(UserError, match=words) as caught:
        prepare(str(tmp_path / "mine"))
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match=words):
        prepare("mine", tmp_path)


def test_another_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "mine.tar.gz").write_bytes(b"x")
    with pytest.raises(UserError, match=r"mine.tar.gz: a file; a data set is a zip, or a folder"):
        prepare(str(tmp_path / "mine.tar.gz"))
