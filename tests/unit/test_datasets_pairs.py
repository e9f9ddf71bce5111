"""Two sets of one domain each, published in their own formats, become one data set."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import replace
from pathlib import Path

import datasets_published as published
import numpy as np
import pytest
from datasets_helpers import Site, present, write_set
from datasets_published import some_digits, write_domain, write_files
from PIL import Image

from harness.cli import main
from harness.data import Prepared, prepare
from harness.data import pairs as module
from harness.data.formats import LabelledImages, read_npz
from harness.data.labels import read_labels
from harness.data.layout import SPLITS, part_of
from harness.data.listing import catalogue_lines
from harness.system.errors import UserError

MNIST = some_digits(13, (28, 28), 1), some_digits(11, (28, 28), 2)
USPS = some_digits(15, (16, 16), 3), some_digits(12, (16, 16), 4)
SVHN = some_digits(14, (32, 32, 3), 5), some_digits(10, (32, 32, 3), 6)
FILES = {
    "mnist": published.mnist_files(*MNIST),
    "usps": published.usps_files(*USPS),
    "svhn": published.svhn_files(*SVHN),
}


pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def digits(data: Path) -> Path:
    """`data` with the published files of MNIST and USPS."""
    return write_files(data, {**FILES["mnist"], **FILES["usps"]})


def holds(prepared: Prepared, *splits: published.Digits) -> None:
    """The images pixel for pixel in their published order, with their labels."""
    labels = read_labels(prepared.manifest)
    assert labels is not None and labels.classes == tuple(map(str, range(10)))
    for split, (images, codes) in zip(SPLITS, splits, strict=True):
        files = prepared.manifest.splits[split]
        assert [file.name for file in files] == [f"{i:05d}.png" for i in range(len(images))]
        for file, pixels in zip(files, images, strict=True):
            with Image.open(prepared.located.folder / split / file.name) as image:
                assert np.array_equal(np.asarray(image), pixels)
        assert labels.codes[split].tolist() == codes.tolist()


def test_grey_and_coloured_digits_make_a_pair(data: Path) -> None:
    write_files(data / "mnist", FILES["mnist"])
    write_files(data / "svhn", FILES["svhn"])
    prepared = prepare("mnist-svhn", data)
    holds(prepared, MNIST[0], SVHN[0], MNIST[1], SVHN[1])
    assert {item.split for item in prepared.audit.greyscale} == {"trainA", "testA"}
    holds(prepare("svhn-mnist", data), SVHN[0], MNIST[0], SVHN[1], MNIST[1])


@pytest.mark.parametrize("place", [".", "digits"])
def test_npz_files_come_before_published_ones(data: Path, place: str) -> None:
    other = some_digits(10, (16, 16), 7), some_digits(10, (16, 16), 8)
    write_files(data / place, {"mnist.npz": published.npz(*MNIST), **FILES["usps"]})
    write_files(data / place, {"usps.npz": published.npz(*other)})
    holds(prepare("mnist-usps", data), MNIST[0], other[0], MNIST[1], other[1])


def test_a_pair_is_written_once_and_again_when_its_files_change(
    digits: Path, own_cache: Path
) -> None:
    prepared = prepare("mnist-usps", digits)
    assert prepared.located.name == prepared.manifest.name == "mnist_usps"
    assert prepared.located.titles == ("MNIST", "USPS")
    holds(prepared, MNIST[0], USPS[0], MNIST[1], USPS[1])
    first = prepared.located
    stamp = (first.folder / "labels.csv").stat().st_mtime_ns
    assert prepare("mnist-usps", digits).located == first
    assert (first.folder / "labels.csv").stat().st_mtime_ns == stamp
    write_files(digits.with_name("moved"), {**FILES["mnist"], **FILES["usps"]})
    assert prepare("mnist-usps", digits.with_name("moved")).located == first
    write_files(digits, published.usps_files(USPS[1], USPS[0]))
    second = prepare("mnist-usps", digits)
    assert second.located.folder != first.folder
    holds(second, MNIST[0], USPS[1], MNIST[1], USPS[0])
    assert not [path for path in (own_cache / "datasets").iterdir() if path.name.startswith(".")]


def test_an_interrupted_writing_leaves_nothing(digits: Path, own_cache: Path) -> None:
    def interrupt(stage: str, done: int, total: int) -> None:
        assert stage == "write" and total == 13 + 11 + 15 + 12
        if done == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare("mnist-usps", digits, progress=interrupt)
    assert list((own_cache / "datasets").iterdir()) == []
    holds(prepare("mnist-usps", digits), MNIST[0], USPS[0], MNIST[1], USPS[1])


def test_files_that_are_incomplete_are_not_passed_over(digits: Path, mirror: Site) -> None:
    (digits / "train-labels-idx1-ubyte.gz").unlink()
    words = r"has files of MNIST, but not train-labels-idx1-ubyte.gz; add"
    with pytest.raises(UserError, match=words):
        prepare("mnist-usps", digits)
    assert mirror.requests == []


def test_a_damaged_file_is_named_and_nothing_written(digits: Path, own_cache: Path) -> None:
    write_files(digits, {"usps.t.bz2": b"BZh9"})
    with pytest.raises(UserError, match=r"usps\.t\.bz2: ") as caught:
        prepare("mnist-usps", digits)
    assert "\n" not in str(caught.value)
    assert "DATA_DIR" not in str(caught.value)  # it lies there: mending it is what helps
    assert not list(own_cache.rglob("*.png"))


def test_digits_come_from_the_mirror_once(own_cache: Path, mirror: Site) -> None:
    mirror.publish({**FILES["mnist"], **FILES["usps"]})
    lines: list[str] = []
    stages: set[str] = set()
    prepared = prepare(
        "mnist-usps", report=lines.append, progress=lambda stage, done, total: stages.add(stage)
    )
    holds(prepared, MNIST[0], USPS[0], MNIST[1], USPS[1])
    assert stages == {"download", "write", "examine"}
    assert sum("downloading" in line for line in lines) == 6
    asked = len(mirror.requests)
    assert prepare("mnist-usps").located == prepared.located
    assert len(mirror.requests) == asked
    (own_cache / "datasets" / "sources" / "usps.t.bz2").unlink()
    assert prepare("mnist-usps").located == prepared.located
    assert len(mirror.requests) == asked + 2  # that file and its checksum


def test_published_checksums_hold_where_the_mirror_has_none(own_cache: Path, mirror: Site) -> None:
    mirror.files = {f"/{name}": content for name, content in FILES["usps"].items()}
    with pytest.raises(UserError) as caught:
        prepare("usps-mnist")
    text = str(caught.value)
    assert "expected md5 ec16c51db3855ca6c91edd34d0e9b197" in text
    assert "put usps.bz2, usps.t.bz2, train-images-idx3-ubyte.gz" in text and "\n" not in text
    assert [path for path in own_cache.rglob("*") if path.is_file()] == []


def test_a_file_known_by_its_md5_has_its_sha256_told(
    mirror: Site, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(data, FILES["mnist"])
    mirror.files = {f"/{name}": content for name, content in FILES["usps"].items()}
    usps = module.SINGLES["usps"]
    md5 = {name: hashlib.md5(content).hexdigest() for name, content in FILES["usps"].items()}
    train, test = (
        (replace(archive, md5=md5[name]),)
        for name, (archive,) in zip(md5, (usps.train, usps.test), strict=True)
    )
    monkeypatch.setitem(module.SINGLES, "usps", replace(usps, train=train, test=test))
    lines: list[str] = []
    holds(prepare("mnist-usps", data, report=lines.append), MNIST[0], USPS[0], MNIST[1], USPS[1])
    sha256 = hashlib.sha256(FILES["usps"]["usps.bz2"]).hexdigest()
    assert f"USPS: usps.bz2 has sha256 {sha256} (its MD5 is the published one)" in lines


@pytest.mark.parametrize("place", [".", "domainnet"])
@pytest.mark.parametrize("zipped", [True, False])
def test_domains_become_links_divided_by_name(data: Path, place: str, zipped: bool) -> None:
    if zipped:
        write_files(data / place, {"sketch.zip": published.domain_zip("sketch")})
    else:
        write_domain(data / place, "sketch")
    write_domain(data / place, "painting")
    prepared = prepare("sketch-painting", data)
    assert prepared.located.titles == ("sketch", "painting")
    assert read_labels(prepared.manifest) is None
    for letter, domain in (("A", "sketch"), ("B", "painting")):
        members = published.domain_members(domain)
        wanted = {"__".join(name.split("/")[1:]): content for name, content in members.items()}
        seen: dict[str, bytes] = {}
        for split in ("train", "test"):
            for path in (prepared.located.folder / f"{split}{letter}").iterdir():
                assert path.is_symlink() and (part_of(path.name) == "test") == (split == "test")
                seen[path.name] = path.read_bytes()
        assert seen == wanted
    assert prepare("sketch-painting", data).located == prepared.located


def test_a_domain_is_downloaded_once_for_all_its_pairs(data: Path, mirror: Site) -> None:
    for domain in ("sketch", "real"):
        mirror.publish({f"{domain}.zip": published.domain_zip(domain)})
    write_domain(data, "painting")
    first = prepare("sketch-real", data)
    asked = len(mirror.requests)
    assert asked == 4
    prepare("sketch-painting", data)
    prepare("real-sketch", data)
    assert prepare("sketch-real", data).located == first.located
    assert len(mirror.requests) == asked


def test_a_domain_of_another_content_is_refused(own_cache: Path, mirror: Site) -> None:
    mirror.publish({"sketch.zip": published.domain_zip("real")})
    with pytest.raises(UserError, match=r"sketch.zip: no sketch/<class>/<file> inside") as caught:
        prepare("sketch-real")
    assert mirror.url in str(caught.value) and "\n" not in str(caught.value)
    assert [path for path in own_cache.rglob("*") if path.is_file()] == []


def test_a_zip_replaced_by_another_is_unpacked_again(data: Path) -> None:
    write_domain(data, "real")
    write_files(data, {"sketch.zip": published.domain_zip("sketch")})
    before = prepare("sketch-real", data).audit.counts
    more = published.domain_members("sketch", classes=5)
    write_files(data, {"sketch.zip": published.zip_of(more)})
    after = prepare("sketch-real", data).audit.counts
    assert before["trainA"] + before["testA"] == 60 and after["trainA"] + after["testA"] == 100


def test_a_folder_of_the_pairs_name_is_taken_as_it_is(data: Path) -> None:
    for name in ("mnist_usps", "mnist-usps"):
        folder = write_set(data / name / name)
        assert prepare("mnist-usps", data / name).located.folder == folder


def test_the_list_tells_where_each_source_is(data: Path) -> None:
    write_files(data / "digits", {"mnist.npz": published.npz(*MNIST)})
    write_domain(data, "sketch")
    lines = list(catalogue_lines(data))
    line = {text.split(" ")[0]: text for text in lines}
    assert str(data / "digits" / "mnist.npz") in line["mnist_usps"]
    assert "usps: to download, size not published" in line["mnist_usps"]
    assert "svhn: to download, 246 MB" in line["mnist_svhn"] and "non-commer" in line["mnist_svhn"]
    assert f"sketch: {data / 'sketch'}, painting: to download, 3679 MB" in line["sketch_painting"]
    assert any("FOLDER:A-B" in text for text in lines)
    write_files(data, {"usps.bz2": b""})
    line = {text.split(" ")[0]: text for text in catalogue_lines(data)}
    assert "but not usps.t.bz2" in line["mnist_usps"]
    with pytest.raises(UserError, match="no such folder"):
        list(catalogue_lines(data / "typo"))


def test_the_command_fetches_and_holds_out(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_files(data, {"usps.npz": published.npz(some_digits(60, (16, 16)), USPS[1])})
    write_files(data, {"mnist.npz": published.npz(some_digits(60, (28, 28)), MNIST[1])})
    command = ["datasets", "audit", "--dataset", "usps-mnist", "--data-dir", str(data)]
    assert main([*command, "--hold-out", "validation"]) == 0
    held = [part_of(f"{index:05d}") for index in range(60)].count("validation")
    assert f"trainA {60 - held}, trainB {60 - held}, testA {held}" in capsys.readouterr().out
    (data / "usps.npz").write_bytes(b"no zip")
    assert main(command) == 2
    error = capsys.readouterr().err
    assert "usps.npz: damaged or truncated" in error and "Traceback" not in error


def test_the_real_digits_run_through_the_same_code(
    photographs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All are read; of each split the first are written, as any others would be."""
    published_files, counts = [], []

    def read_some(path: Path) -> tuple[LabelledImages, ...]:
        parts = read_npz(path)
        published_files.append(path)
        counts.extend(len(part.images) for part in parts)
        return tuple(LabelledImages(part.images[:50], part.labels[:50]) for part in parts)

    monkeypatch.setattr(module, "read_npz", read_some)
    prepared = prepare("mnist-usps", present(photographs / "digits").parent)
    assert [path.name for path in published_files] == ["mnist.npz", "usps.npz"]
    assert counts == [10000, 10000, 7291, 2007]
    assert prepared.audit.counts == dict.fromkeys(SPLITS, 50) and prepared.audit.unreadable == ()
    with (prepared.located.folder / "labels.csv").open() as file:
        assert sum(1 for _ in csv.reader(file)) == 1 + 200
