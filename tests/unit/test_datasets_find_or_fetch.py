"""A data set is found where the user put it or fetched whole, else refused with directions."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from datasets_helpers import (
    Site,
    everything_in,
    find,
    picture,
    png,
    write_set,
    zip_of,
    zipped_set,
)

from harness.data.catalogue import CATALOGUE, Archive, find_entry
from harness.data.find_local import find_local
from harness.data.layout import DatasetFolder, missing_splits, part_of
from harness.data.sources import SINGLES
from harness.system.errors import UserError

module = sys.modules["harness.data.find_or_fetch"]

pytestmark = pytest.mark.usefixtures("own_cache")


def test_names_aliases_and_checksums_of_the_catalogue_are_unambiguous() -> None:
    names = [name for entry in CATALOGUE for name in (entry.name, *entry.aliases)]
    assert len(names) == len(set(names))
    archives = [entry.source for entry in CATALOGUE if isinstance(entry.source, Archive)]
    archives += [archive for single in SINGLES.values() for archive in single.archives]
    assert len({archive.url for archive in archives}) == len(archives) == 14 + 8 + 6
    sha256 = [archive.sha256 for archive in archives if archive.sha256]
    md5 = [archive.md5 for archive in archives if archive.md5]
    assert (len(set(sha256)), len(set(md5))) == (11 + 6 + 6, 2 + 2)
    assert all(len(bytes.fromhex(checksum)) == 32 for checksum in sha256)
    assert all(len(bytes.fromhex(checksum)) == 16 for checksum in md5)
    assert all(archive.size for archive in archives if archive.sha256)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("summer2winter", "summer2winter_yosemite"),
        ("iphone2dslr", "iphone2dslr_flower"),
        ("Horse2Zebra", "horse2zebra"),
        ("summer2winter-yosemite", "summer2winter_yosemite"),
        ("mnist-usps", "mnist_usps"),
        ("usps-MNIST", "usps_mnist"),
        ("sketch-real", "sketch_real"),
        ("real_clipart", "real_clipart"),
    ],
)
def test_short_names_mean_the_published_sets(typed: str, name: str) -> None:
    entry = find_entry(typed)
    assert entry is not None and entry.name == name


@pytest.mark.parametrize("typed", ["mnist-mnist", "mnist-real", "mnist", "real-", "a-mnist-usps"])
def test_other_sets_make_no_pair(typed: str) -> None:
    assert find_entry(typed) is None


def test_a_pair_names_both_domains_and_both_licences() -> None:
    entry = find_entry("svhn-usps")
    assert entry is not None and entry.titles == ("SVHN", "USPS")
    assert "SVHN" in entry.licence and "USPS" in entry.licence


def test_what_is_no_pair_of_domains_is_refused_without_a_download(mirror: Site) -> None:
    with pytest.raises(UserError, match=r"mini_pix2pix: both domains side by side.*another"):
        find("mini-pix2pix")
    assert mirror.requests == []


def test_a_set_without_published_test_images_gets_some(
    own_cache: Path, mirror: Site, tmp_path: Path
) -> None:
    images = {f"grumpifycat/train{x}/{i}.png": png(picture(i)) for x in "AB" for i in range(60)}
    mirror.publish({"grumpifycat.zip": zip_of(images)})
    folder = find("grumpifycat").folder
    for letter in "AB":
        names = {
            split: {path.name for path in (folder / f"{split}{letter}").iterdir()}
            for split in ("train", "test")
        }
        assert names["test"] == {f"{i}.png" for i in range(60) if part_of(f"{i}") == "test"}
        assert len(names["train"]) + len(names["test"]) == 60


def test_a_checksum_nobody_publishes_is_told(mirror: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    content = zipped_set("mini/")
    mirror.files["/mini.zip"] = content
    lines: list[str] = []
    find("mini", report=lines.append)
    sha256 = hashlib.sha256(content).hexdigest()
    assert f"mini: mini.zip has sha256 {sha256} (nothing to compare it with)" in lines


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"'hors2zebra'.*horse2zebra.*summer2winter_yosemite"):
        find("hors2zebra")
    with pytest.raises(
        UserError, match=r"'mnist': not a known.*A-B for two of mnist, usps, svhn or of cl"
    ):
        find("mnist")
    with pytest.raises(UserError, match="empty"):
        find("")


def test_a_set_comes_from_the_mirror_once(own_cache: Path, mirror: Site) -> None:
    mirror.publish({"horse2zebra.zip": zipped_set()})
    lines: list[str] = []
    stages: set[str] = set()
    horses = find(
        "horse2zebra", report=lines.append, progress=lambda stage, done, total: stages.add(stage)
    )
    assert horses == DatasetFolder(
        "horse2zebra", own_cache / "datasets" / "horse2zebra", ("horse", "zebra")
    )
    assert missing_splits(horses.folder) == []
    assert [p.name for p in (own_cache / "datasets").iterdir()] == ["horse2zebra"]
    assert mirror.url in lines[0] and stages == {"download", "unpack"}
    asked = len(mirror.requests)
    assert find("horse2zebra") == horses
    assert len(mirror.requests) == asked


def publish(url: str, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """The catalogue's horse2zebra has this content at this address."""
    entry = find_entry("horse2zebra")
    assert entry is not None
    source = Archive(url, len(content), hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(module, "find_entry", lambda name: replace(entry, source=source))


def test_without_a_checksum_on_the_mirror_the_published_one_holds(
    own_cache: Path, mirror: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = zipped_set()
    mirror.files["/horse2zebra.zip"] = content
    with pytest.raises(UserError, match="expected sha256 a74d9d392eec"):
        find("horse2zebra")
    assert everything_in(own_cache) == []
    publish("http://unused/horse2zebra.zip", content, monkeypatch)
    assert missing_splits(find("horse2zebra").folder) == []


def test_without_a_mirror_the_publisher_is_asked(
    mirror: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = zipped_set()
    mirror.files["/cyclegan/horse2zebra.zip"] = content
    monkeypatch.delenv("CYCLEBENCH_MIRROR")
    publish(f"{mirror.url}/cyclegan/horse2zebra.zip", content, monkeypatch)
    assert missing_splits(find("horse2zebra").folder) == []
    assert [path for path, _ in mirror.requests] == ["/cyclegan/horse2zebra.zip"]


def listing(content: bytes) -> bytes:
    """What sha256sum prints."""
    return f"{hashlib.sha256(content).hexdigest()}  horse2zebra.zip\n".encode()


SET = zipped_set()
HALF, OTHER = SET[: len(SET) // 2], zip_of({"readme": b"moved"})


@pytest.mark.parametrize(
    ("content", "listed"),
    [
        (SET, listing(b"other")),
        (HALF, listing(SET)),
        (HALF, listing(HALF)),
        (OTHER, listing(OTHER)),
        (SET, b"<html>not here</html>"),
    ],
    ids=["checksum", "truncated", "cut on the server", "no data set", "no checksum"],
)
def test_a_bad_download_is_one_line_and_leaves_nothing(
    own_cache: Path, mirror: Site, content: bytes, listed: bytes
) -> None:
    mirror.files = {"/horse2zebra.zip": content, "/horse2zebra.zip.sha256": listed}
    with pytest.raises(UserError) as caught:
        find("horse2zebra")
    text = str(caught.value)
    assert "\n" not in text and mirror.url in text
    assert "DATA_DIR/horse2zebra/{trainA,trainB,testA,testB}" in text
    assert "DATASET=seasons" in text
    assert everything_in(own_cache) == []


def test_a_cached_set_that_lost_a_split_is_fetched_again(own_cache: Path, mirror: Site) -> None:
    mirror.publish({"horse2zebra.zip": zipped_set()})
    folder = find("horse2zebra").folder
    (folder / "testA").rename(own_cache / "elsewhere")
    assert missing_splits(find("horse2zebra").folder) == []


def test_a_cache_that_cannot_be_written_says_so(own_cache: Path, mirror: Site) -> None:
    mirror.publish({"horse2zebra.zip": zipped_set()})
    own_cache.write_text("a file where the folder should be")
    with pytest.raises(UserError, match=r"cannot write.*CYCLEBENCH_CACHE"):
        find("horse2zebra")


# ------------------------------------------------------------------- where the user put it


def test_any_folder_with_the_four_splits_works_by_path(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "my faces")
    assert find(str(folder)) == DatasetFolder("my faces", folder, ("A", "B"))
    assert find("../my faces").folder == find("my faces", tmp_path).folder == folder
    # One of a published name gets its titles.
    published = find(str(folder.rename(tmp_path / "summer2winter")))
    assert (published.name, published.titles) == ("summer2winter_yosemite", ("summer", "winter"))


def test_a_path_that_lacks_a_split_is_refused_by_name(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "half")
    (folder / "testB").rename(folder / "tset")
    with pytest.raises(UserError, match="half: no folder testB in it"):
        find(str(folder))
    folder = folder.rename(tmp_path / "half:one-two")
    with pytest.raises(UserError, match="half:one-two: no folder testB in it"):
        find(str(folder))
    with pytest.raises(UserError, match="nowhere: no such folder"):
        find(str(tmp_path / "nowhere"))


def test_data_dir_may_use_the_published_name_or_an_alias_or_be_the_set(tmp_path: Path) -> None:
    names = ("summer2winter", "summer2winter_yosemite")
    for folder in (write_set(tmp_path / name / name) for name in names):
        expected = DatasetFolder("summer2winter_yosemite", folder, ("summer", "winter"))
        for name in names:
            assert find(name, folder.parent) == find(name, folder) == expected
    assert find_local("horse2zebra", tmp_path / "summer2winter") is None


def test_an_incomplete_set_in_data_dir_is_not_passed_over(tmp_path: Path, mirror: Site) -> None:
    folder = write_set(tmp_path / "data" / "horse2zebra")
    (folder / "trainB").rename(folder / "zebras")
    with pytest.raises(UserError, match="no folder trainB"):
        find("horse2zebra", tmp_path / "data")
    assert mirror.requests == []


def test_a_data_dir_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="typo: no such folder"):
        find("horse2zebra", tmp_path / "typo")
