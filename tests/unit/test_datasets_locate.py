"""A data set is found where the user put it, else fetched whole, else refused with directions."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import types
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from datasets_helpers import Site, picture, png, serving, write_set, zip_of, zipped_set

from harness.datasets.catalogue import CATALOGUE, Archive, BuiltIn, find_entry
from harness.datasets.layout import ALL_SPLITS, SPLITS, missing_splits
from harness.datasets.local import Located, find_local
from harness.datasets.locate import locate
from harness.datasets.pairs import archives_of
from harness.datasets.parts import part_of
from harness.datasets.singles import SINGLES
from harness.errors import UserError

module = sys.modules["harness.datasets.locate"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, no mirror, and a working folder without data sets."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("CYCLEBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CYCLEBENCH_MIRROR", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "cache"


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with serving(Site()) as site:
        monkeypatch.setenv("CYCLEBENCH_MIRROR", site.url + "/")
        yield site


def find(dataset: str, data_dir: Path | None = None, **options: object) -> Located:
    return locate(dataset, data_dir, size=8, counts=(3, 2), **options)


def serve(site: Site, name: str, content: bytes, listed: bytes | None = None) -> None:
    """Put a zip and the checksum of `listed` (else of the zip) on the mirror."""
    site.files[f"/{name}.zip"] = content
    checksum = hashlib.sha256(content if listed is None else listed).hexdigest()
    site.files[f"/{name}.zip.sha256"] = f"{checksum}  {name}.zip\n".encode()


def everything_in(folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob("*")]


def test_names_aliases_and_checksums_of_the_catalogue_are_unambiguous() -> None:
    names = [name for entry in CATALOGUE for name in (entry.name, *entry.aliases)]
    assert len(names) == len(set(names))
    archives = [entry.source for entry in CATALOGUE if isinstance(entry.source, Archive)]
    archives += [archive for name in SINGLES for archive in archives_of(name)]
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
    cache: Path, mirror: Site, tmp_path: Path
) -> None:
    images = {f"grumpifycat/train{x}/{i}.png": png(picture(i)) for x in "AB" for i in range(60)}
    serve(mirror, "grumpifycat", zip_of(images))
    found = find("grumpifycat")
    for letter in "AB":
        names = {
            split: {path.name for path in (found.folder / f"{split}{letter}").iterdir()}
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


def test_any_folder_with_the_four_splits_works_by_path(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "my faces")
    assert find(str(folder)) == Located("my faces", folder, ("A", "B"))
    assert find("../my faces").folder == folder


def test_a_path_with_a_published_name_gets_its_titles(tmp_path: Path) -> None:
    write_set(tmp_path / "x" / "summer2winter")
    found = find(str(tmp_path / "x" / "summer2winter"))
    assert (found.name, found.titles) == ("summer2winter_yosemite", ("summer", "winter"))


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


@pytest.mark.parametrize("typed", ["summer2winter", "summer2winter_yosemite"])
@pytest.mark.parametrize("folder", ["summer2winter", "summer2winter_yosemite"])
def test_data_dir_may_use_the_published_name_or_an_alias(
    tmp_path: Path, typed: str, folder: str
) -> None:
    write_set(tmp_path / "data" / folder)
    found = find(typed, tmp_path / "data")
    assert found == Located(
        "summer2winter_yosemite", tmp_path / "data" / folder, ("summer", "winter")
    )


def test_data_dir_may_be_the_set_itself(tmp_path: Path) -> None:
    write_set(tmp_path / "horse2zebra")
    assert find("horse2zebra", tmp_path / "horse2zebra").folder == tmp_path / "horse2zebra"
    assert find_local("summer2winter", tmp_path / "horse2zebra") is None


def test_data_dir_may_hold_a_set_of_ones_own(tmp_path: Path) -> None:
    write_set(tmp_path / "data" / "faces")
    assert find("faces", tmp_path / "data").name == "faces"


def test_an_incomplete_set_in_data_dir_is_not_passed_over(tmp_path: Path, mirror: Site) -> None:
    folder = write_set(tmp_path / "data" / "horse2zebra")
    (folder / "trainB").rename(folder / "train_b")
    with pytest.raises(UserError, match="no folder trainB"):
        find("horse2zebra", tmp_path / "data")
    assert mirror.requests == []


def test_a_data_dir_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="typo: no such folder"):
        find("horse2zebra", tmp_path / "typo")


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"'hors2zebra'.*horse2zebra.*summer2winter_yosemite"):
        find("hors2zebra")
    with pytest.raises(UserError, match=r"'mnist': not a known.*A-B for two of mnist, usps, svhn"):
        find("mnist")
    with pytest.raises(UserError, match="empty"):
        find("")


def test_a_set_comes_from_the_mirror_once(cache: Path, mirror: Site) -> None:
    serve(mirror, "horse2zebra", zipped_set())
    lines: list[str] = []
    stages: set[str] = set()
    found = find(
        "horse2zebra", report=lines.append, progress=lambda stage, done, total: stages.add(stage)
    )
    assert found == Located("horse2zebra", cache / "datasets" / "horse2zebra", ("horse", "zebra"))
    assert missing_splits(found.folder) == []
    assert [p.name for p in (cache / "datasets").iterdir()] == ["horse2zebra"]
    assert mirror.url in lines[0] and stages == {"download", "unpack"}
    asked = len(mirror.requests)
    assert find("horse2zebra") == found
    assert len(mirror.requests) == asked


def test_without_a_checksum_on_the_mirror_the_published_one_holds(
    cache: Path, mirror: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = zipped_set()
    mirror.files["/horse2zebra.zip"] = content
    with pytest.raises(UserError, match="expected sha256 a74d9d392eec"):
        find("horse2zebra")
    assert everything_in(cache) == []
    entry = find_entry("horse2zebra")
    assert entry is not None
    source = Archive(
        "http://unused/horse2zebra.zip", len(content), hashlib.sha256(content).hexdigest()
    )
    monkeypatch.setattr(module, "find_entry", lambda name: replace(entry, source=source))
    assert missing_splits(find("horse2zebra").folder) == []


def test_without_a_mirror_the_publisher_is_asked(
    mirror: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = zipped_set()
    mirror.files["/cyclegan/horse2zebra.zip"] = content
    monkeypatch.delenv("CYCLEBENCH_MIRROR")
    entry = find_entry("horse2zebra")
    assert entry is not None
    url = f"{mirror.url}/cyclegan/horse2zebra.zip"
    source = Archive(url, len(content), hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(module, "find_entry", lambda name: replace(entry, source=source))
    assert missing_splits(find("horse2zebra").folder) == []
    assert [path for path, _ in mirror.requests] == ["/cyclegan/horse2zebra.zip"]


@pytest.mark.parametrize(
    "fault", ["checksum", "truncated", "cut on the server", "no zip", "bad sum"]
)
def test_a_bad_download_is_one_line_and_leaves_nothing(
    cache: Path, mirror: Site, fault: str
) -> None:
    content = zipped_set()
    half = content[: len(content) // 2]
    if fault == "checksum":
        serve(mirror, "horse2zebra", content, listed=b"other")
    elif fault == "truncated":
        serve(mirror, "horse2zebra", half, listed=content)
    elif fault == "cut on the server":
        serve(mirror, "horse2zebra", half)
    elif fault == "no zip":
        serve(mirror, "horse2zebra", zip_of({"readme": b"moved"}))
    else:
        serve(mirror, "horse2zebra", content)
        mirror.files["/horse2zebra.zip.sha256"] = b"<html>not here</html>"
    with pytest.raises(UserError) as caught:
        find("horse2zebra")
    text = str(caught.value)
    assert "\n" not in text and mirror.url in text
    assert "DATA_DIR/horse2zebra/{trainA,trainB,testA,testB}" in text
    assert "DATASET=seasons" in text
    assert everything_in(cache) == []


def test_a_cached_set_that_lost_a_split_is_fetched_again(cache: Path, mirror: Site) -> None:
    serve(mirror, "horse2zebra", zipped_set())
    folder = find("horse2zebra").folder
    (folder / "testA").rename(cache / "elsewhere")
    assert missing_splits(find("horse2zebra").folder) == []


def test_a_cache_that_cannot_be_written_says_so(cache: Path, mirror: Site) -> None:
    serve(mirror, "horse2zebra", zipped_set())
    cache.write_text("a file where the folder should be")
    with pytest.raises(UserError, match=r"cannot write.*CYCLEBENCH_CACHE"):
        find("horse2zebra")


def test_seasons_is_drawn_once_for_each_size_and_count(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []

    def write_seasons(folder: Path, *settings: object) -> None:
        drawn.append(settings[:3])
        for split in ALL_SPLITS:
            (folder / split).mkdir(parents=True)

    fake = types.SimpleNamespace(write_seasons=write_seasons)
    monkeypatch.setitem(sys.modules, "harness.datasets.seasons", fake)
    write_set(tmp_path / "data" / "seasons")
    first = find("seasons", tmp_path / "data")
    assert first.folder.parent == cache / "datasets"
    assert find("seasons") == first
    (first.folder / "testA_in_B").rmdir()
    assert find("seasons") == first
    assert locate("seasons", None, size=8, counts=(4, 2)).folder != first.folder
    monkeypatch.setattr(module, "_version_of_drawing", lambda source: "newer")
    assert find("seasons").folder != first.folder
    assert drawn == [(8, 3, 2), (8, 3, 2), (8, 4, 2), (8, 3, 2)]


def test_seasons_of_an_impossible_size_is_refused(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_seasons(*settings: object) -> None:
        raise ValueError("cannot draw size=8")

    fake = types.SimpleNamespace(write_seasons=write_seasons)
    monkeypatch.setitem(sys.modules, "harness.datasets.seasons", fake)
    with pytest.raises(UserError, match="seasons: cannot draw size=8"):
        find("seasons")


def test_the_version_of_a_drawing_follows_the_code_that_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = BuiltIn("painter", "write", SPLITS)
    nothing = module._version_of_drawing(source, tmp_path)
    (tmp_path / "painter").mkdir()
    (tmp_path / "painter" / "paint.py").write_text("blue = 1")
    before = module._version_of_drawing(source, tmp_path)
    (tmp_path / "painter" / "paint.py").write_text("blue = 2")
    after = module._version_of_drawing(source, tmp_path)
    library = replace(source, libraries=("pillow",))
    monkeypatch.setattr(module, "version", lambda name: f"old {name}")
    old = module._version_of_drawing(library, tmp_path)
    monkeypatch.setattr(module, "version", lambda name: f"new {name}")
    new = module._version_of_drawing(library, tmp_path)
    assert len({nothing, before, after, old, new}) == 5


def test_every_built_in_set_has_a_version_of_its_own() -> None:
    nothing = module._version_of_drawing(BuiltIn("painter", "write", SPLITS))
    sources = [entry.source for entry in CATALOGUE if isinstance(entry.source, BuiltIn)]
    versions = {module._version_of_drawing(source) for source in sources}
    assert len(versions | {nothing}) == len(sources) + 1 == 3


def test_digits_lost_labels_are_drawn_again(cache: Path, mirror: Site) -> None:
    lines: list[str] = []
    stages: set[tuple[str, int]] = set()
    found = locate(
        "digits", None, size=16, counts=(3, 2),
        report=lines.append, progress=lambda stage, done, total: stages.add((stage, total)),
    )  # fmt: skip
    assert found.name == "digits" and found.titles == ("handwritten", "typeset")
    assert found.folder.parent == cache / "datasets" and stages == {("draw", 10)}
    assert "3 + 2 images a domain of 16 px" in lines[0] and mirror.requests == []
    (found.folder / "labels.csv").unlink()
    assert locate("digits", None, size=16, counts=(3, 2)) == found
    assert (found.folder / "labels.csv").exists()


def test_more_handwritten_digits_than_there_are_is_one_line(cache: Path) -> None:
    with pytest.raises(UserError, match=r"digits: there are 1797 .*1700.* 98 .*other .*counts$"):
        locate("digits", None, size=16, counts=(1700, 98))
    assert [path.name for path in (cache / "datasets").iterdir()] == []


def test_the_catalogue_leaves_what_draws_until_something_is_drawn() -> None:
    code = (
        "import sys, harness.datasets.locate;"
        "print([m for m in ('sklearn', 'matplotlib', 'harness.datasets.seasons',"
        " 'harness.datasets.digits') if m in sys.modules])"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == "[]"
