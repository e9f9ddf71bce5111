"""The manifest lists the usable files, the audit what one should know about them."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from datasets_helpers import picture, png, write_set
from PIL import Image, ImageFile

from harness.data import Manifest, Prepared, audit, build_manifest, load_images, prepare, scan
from harness.data.layout import SPLITS, DatasetFolder
from harness.data.manifest import Duplicate, is_finding
from harness.data.manifest import ImageFile as ManifestFile
from harness.system.errors import UserError

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_set(tmp_path / "set")


def names(prepared: Prepared, split: str) -> list[str]:
    return [file.name for file in prepared.manifest.splits[split]]


def add_truths(folder: Path, count: int = 2) -> None:
    for base, truth in ((500, "testA_in_B"), (600, "testB_in_A")):
        (folder / truth).mkdir()
        for index in range(count):
            (folder / truth / f"{index}.png").write_bytes(png(picture(base + index)))


def test_every_file_of_a_split_is_used_or_named_with_the_reason(folder: Path) -> None:
    """Images in folders, too: the CycleGAN authors' loader takes them."""
    split = folder / "trainA"
    (split / "more.png").mkdir()
    (split / "elsewhere").symlink_to(folder / "trainB")
    for name in ("10.PNG", "B.png", "a.png", "more.png/0.png", "more.png/z/0.png"):
        (split / name).parent.mkdir(exist_ok=True)
        (split / name).write_bytes(png(picture(sum(map(ord, name)))))
    others = {
        "Thumbs.db": "hidden",
        ".hidden.png": "hidden",
        "@eaDir/0.png": "in the hidden folder @eaDir",
        "README": "a name without an ending",
        "notes.txt": ".txt files are not read",
        "more.png/IMG_1.HEIC": ".heic files are not read; convert it to PNG",
        "elsewhere": "a link to a folder; put the folder itself there",
        "a\\b.png": "has a backslash in its name; rename it",
    }
    for name in others.keys() - {"elsewhere"}:
        (split / name).parent.mkdir(exist_ok=True)
        (split / name).write_bytes(png(picture(5)))
    lines: list[str] = []
    prepared = prepare(str(folder), report=lines.append)
    used = ["0.png", "1.png", "10.PNG", "B.png", "a.png", "more.png/0.png", "more.png/z/0.png"]
    assert names(prepared, "trainA") == used
    assert {file.name: file.problem for file in prepared.audit.unreadable} == others
    # What a file manager left there is not worth a word.
    assert "set: 5 of 21 files left out (the first: trainA/README, a name" in lines[-1]
    assert Manifest.from_json(prepared.manifest.to_json()).splits == prepared.manifest.splits
    pixels = load_images(prepared.manifest, "trainA", 12)
    assert (pixels[-1] == np.asarray(Image.open(split / "more.png/z/0.png"))).all()


@pytest.mark.parametrize(
    ("ending", "kind"),
    [("jfif", "JPEG"), ("JPE", "JPEG"), ("gif", "GIF"), ("avif", "AVIF"), ("pgm", "PPM")],
)
def test_endings_that_people_have_are_read(folder: Path, ending: str, kind: str) -> None:
    path = folder / "trainB" / f"x.{ending}"
    with path.open("wb") as file:
        picture(7).convert("L" if ending == "pgm" else "RGB").save(file, kind)
    prepared = prepare(str(folder))
    assert names(prepared, "trainB")[-1] == path.name and prepared.audit.unreadable == ()
    wanted = np.asarray(Image.open(path).convert("RGB"))
    assert (load_images(prepared.manifest, "trainB", 12)[-1] == wanted).all()


@pytest.mark.parametrize(("kind", "ending"), [("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp")])
def test_images_that_a_camera_turned_are_counted_not_turned(
    folder: Path, kind: str, ending: str
) -> None:
    def photograph(name: str, mark: int) -> None:
        exif = Image.Exif()
        exif[0x0112] = mark
        pixels = Image.fromarray(np.arange(300, dtype=np.uint8).reshape(10, 10, 3) // 2)
        pixels.save(folder / "trainA" / f"{name}.{ending}", kind, exif=exif)

    for name, mark in (("upright", 1), ("left", 6), ("mirrored", 2), ("nonsense", 9)):
        photograph(name, mark)
    lines: list[str] = []
    prepared = prepare(str(folder), report=lines.append)
    turned = [item.name for item in prepared.audit.turned]
    assert turned == [f"left.{ending}", f"mirrored.{ending}"]
    assert f"to turn 2 images (the first: trainA/left.{ending})" in lines[-1]
    by_name = dict(
        zip(names(prepared, "trainA"), load_images(prepared.manifest, "trainA", 10), strict=True)
    )
    if kind == "PNG":
        assert (by_name[f"left.{ending}"] == by_name[f"upright.{ending}"]).all()


def test_a_turned_grey_photograph_is_counted_too(folder: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    picture(5).convert("L").save(folder / "trainB" / "grey.jpg", exif=exif)
    assert [item.name for item in prepare(str(folder)).audit.turned] == ["grey.jpg"]


def test_a_turned_tiff_is_turned_by_its_reader_and_so_not_counted(folder: Path) -> None:
    pixels = np.arange(300, dtype=np.uint8).reshape(10, 10, 3)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(folder / "trainA" / "left.tif", exif=exif)
    prepared = prepare(str(folder))
    assert prepared.audit.turned == ()
    assert (load_images(prepared.manifest, "trainA", 10)[-1] == np.rot90(pixels, -1)).all()


def test_the_digest_depends_on_content_and_names_only(folder: Path, tmp_path: Path) -> None:
    digest = prepare(str(folder)).manifest.digest
    copy = shutil.copytree(folder, tmp_path / "elsewhere")
    assert prepare(str(copy)).manifest.digest == digest
    (copy / "trainA" / "0.png").rename(copy / "trainA" / "00.png")
    renamed = prepare(str(copy)).manifest.digest
    (copy / "trainA" / "00.png").write_bytes(png(picture(999)))
    assert len({digest, renamed, prepare(str(copy)).manifest.digest}) == 3


def test_the_manifest_survives_json_but_not_edited(folder: Path) -> None:
    add_truths(folder)
    manifest = prepare(str(folder)).manifest
    document = json.loads(json.dumps(manifest.to_json()))
    again = Manifest.from_json(document, folder)
    assert again == manifest and again.digest == manifest.digest
    assert document["paired"] is True and document["name"] == "set"
    document["splits"]["testA"].pop()
    with pytest.raises(UserError, match="digest does not match"):
        Manifest.from_json(document)


@pytest.mark.parametrize(
    "name", ["../0.png", "/etc/passwd", "a/../0.png", "a//b", "..\\0.png", ".."]
)
def test_a_manifest_cannot_name_files_outside_its_splits(name: str) -> None:
    splits = dict.fromkeys(SPLITS, (ManifestFile(name, "00"),))
    with pytest.raises(UserError, match="file name"):
        Manifest.from_json(Manifest("set", splits).to_json())


@pytest.mark.parametrize("document", [{}, {"splits": []}, {"splits": {"trainA": 3}, "name": "x"}])
def test_a_damaged_record_is_refused(document: dict) -> None:
    with pytest.raises(UserError, match=r"manifest\.json"):
        Manifest.from_json(document)


def test_true_pairs_stand_in_the_order_of_the_test_images(folder: Path) -> None:
    add_truths(folder, count=3)
    (folder / "testA_in_B" / "0.png").rename(folder / "testA_in_B" / "0.bmp")
    prepared = prepare(str(folder))
    assert prepared.manifest.paired
    assert names(prepared, "testA_in_B") == ["0.bmp", "1.png"]
    assert prepared.audit.counts["testB_in_A"] == 2


def test_a_test_image_without_its_true_pair_is_refused(folder: Path) -> None:
    add_truths(folder)
    (folder / "testB_in_A" / "1.png").unlink()
    with pytest.raises(UserError, match=r"testB_in_A: no readable true translation of 1\.png"):
        prepare(str(folder))
    shutil.rmtree(folder / "testB_in_A")
    with pytest.raises(UserError, match="counterpart"):
        prepare(str(folder))
    shutil.rmtree(folder / "testA_in_B")
    assert not prepare(str(folder)).manifest.paired


def test_an_empty_split_and_a_missing_folder_are_refused(folder: Path) -> None:
    for path in (folder / "testA").iterdir():
        path.unlink()
    with pytest.raises(UserError, match="testA: no images"):
        prepare(str(folder))
    (folder / "testA").rmdir()
    with pytest.raises(UserError, match="no folder testA"):
        build_manifest(DatasetFolder("set", folder, ("A", "B")))


def encoded(kind: str, size: int = 12) -> bytearray:
    buffer = io.BytesIO()
    picture(7, size).save(buffer, kind)
    return bytearray(buffer.getvalue())


def png_with_bad_crc() -> bytearray:
    content = encoded("PNG")
    content[-14] ^= 1  # of the last chunk before IEND, which takes 12 bytes
    return content


BROKEN = {
    "empty": b"",
    "text": b"<html>404</html>",
    "jpeg cut short": encoded("JPEG", 64)[:-400],
    "png with wrong checksum": png_with_bad_crc(),
    "16 bits": png(Image.fromarray(np.full((4, 4), 40_000, dtype=np.uint16))),
    "a format that is not accepted": encoded("PCX"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_unreadable_files_are_left_out_and_listed(folder: Path, fault: str) -> None:
    (folder / "trainB" / "bad.png").write_bytes(BROKEN[fault])
    lines: list[str] = []
    prepared = prepare(str(folder), report=lines.append)
    assert names(prepared, "trainB") == ["0.png", "1.png"]
    (unreadable,) = prepared.audit.unreadable
    assert (unreadable.split, unreadable.name) == ("trainB", "bad.png")
    assert (
        unreadable.problem and "\n" not in unreadable.problem and " at 0x" not in unreadable.problem
    )
    assert "1 of 9 files left out (the first: trainB/bad.png, " in lines[-1]
    assert prepare(str(folder)).audit == prepared.audit


def test_a_decompression_bomb_is_unreadable(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "trainA" / "huge.png").write_bytes(png(Image.new("RGB", (40, 40))))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # 1600 pixels: PIL would only warn
    (unreadable,) = prepare(str(folder)).audit.unreadable
    assert unreadable.name == "huge.png" and "DecompressionBomb" in unreadable.problem


def test_a_broken_link_is_unreadable_and_looked_at_again(folder: Path) -> None:
    (folder / "trainA" / "link.png").symlink_to(folder / "later.png")
    assert [file.name for file in prepare(str(folder)).audit.unreadable] == ["link.png"]
    (folder / "later.png").write_bytes(png(picture(1234)))
    assert prepare(str(folder)).audit.unreadable == ()


def test_a_file_that_could_not_be_read_is_looked_at_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(path: Path) -> bytes:
        raise OSError(5, "Input/output error")

    good = scan(folder)
    (folder / "trainA" / "0.png").touch()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", failing)
        assert [fact.problem for fact in scan(folder) if fact.problem] == [
            "cannot be read: Input/output error"
        ]
    assert scan(folder) == good


def test_a_split_of_broken_files_is_refused(folder: Path) -> None:
    for path in (folder / "testA").iterdir():
        path.write_bytes(b"broken")
    with pytest.raises(UserError, match="none of its 2 images can be read"):
        prepare(str(folder))


def test_duplicates_are_equal_pixels_however_stored(folder: Path) -> None:
    same = picture(3000)
    same.save(folder / "trainA" / "x.bmp")
    same.save(folder / "trainA" / "x2.bmp")
    same.save(folder / "testA" / "y.png")
    same.save(folder / "testB" / "z.tif")
    Image.new("RGB", (4, 8)).save(folder / "testB" / "high.png")
    Image.new("RGB", (8, 4)).save(folder / "trainB" / "wide.png")
    assert set(prepare(str(folder)).audit.duplicates) == {
        Duplicate("trainA", "x.bmp", "testA", "y.png"),
        Duplicate("trainA", "x2.bmp", "testA", "y.png"),
        Duplicate("trainA", "x.bmp", "testB", "z.tif"),
        Duplicate("trainA", "x2.bmp", "testB", "z.tif"),
        Duplicate("testA", "y.png", "testB", "z.tif"),
    }


def test_duplicates_within_a_test_split_count_within_train_not(folder: Path) -> None:
    for split in ("trainA", "testA"):
        for name in ("p.png", "q.png"):
            (folder / split / name).write_bytes(png(picture(7000 + len(split))))
    duplicates = prepare(str(folder)).audit.duplicates
    assert duplicates == (Duplicate("testA", "p.png", "testA", "q.png"),)
    # A test image may be a true translation, a training image may not.
    assert not is_finding("testA_in_B", "testB")
    assert not is_finding("testA", "testB_in_A")
    assert is_finding("trainB", "testA_in_B")


def test_many_copies_of_one_image_do_not_square(folder: Path) -> None:
    content = png(picture(4000))
    for index in range(60):
        (folder / "testA" / f"copy{index:02}.png").write_bytes(content)
        (folder / "trainA" / f"copy{index:02}.png").write_bytes(content)
    pairs = prepare(str(folder)).audit.duplicates
    named = {(d.split, d.name) for d in pairs} | {(d.other_split, d.other_name) for d in pairs}
    assert len(pairs) <= 120 and len(named) == 120


def test_greyscale_is_seen_however_it_is_stored(folder: Path) -> None:
    grey = picture(5).convert("L")
    grey.save(folder / "trainA" / "l.png")
    grey.convert("RGB").save(folder / "trainA" / "rgb.jpg", quality=95)
    grey.convert("P").save(folder / "trainA" / "palette.png")
    tinted = np.asarray(grey.convert("RGB")).copy()
    tinted[0, 0, 2] ^= 1
    Image.fromarray(tinted).save(folder / "trainA" / "tinted.png")
    grey_files = [item.name for item in prepare(str(folder)).audit.greyscale]
    assert grey_files == ["l.png", "palette.png", "rgb.jpg"]


def test_the_audit_is_json(folder: Path) -> None:
    (folder / "trainA" / "bad.png").write_bytes(b"bad")
    shutil.copy(folder / "trainA" / "0.png", folder / "testB" / "copy.png")
    picture(5).convert("L").save(folder / "testA" / "l.png")
    document = json.loads(json.dumps(prepare(str(folder)).audit.to_json()))
    assert document["duplicates"] == [
        {"split": "trainA", "name": "0.png", "other_split": "testB", "other_name": "copy.png"}
    ]
    assert document["greyscale"] == [{"split": "testA", "name": "l.png"}]
    assert [item["name"] for item in document["unreadable"]] == ["bad.png"]
    assert document["counts"] == {"trainA": 2, "trainB": 2, "testA": 3, "testB": 3}


def decoded_by(action: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> int:
    """How many images PIL decodes during `action`."""
    loads = []
    original = ImageFile.ImageFile.load

    def counted(self: ImageFile.ImageFile) -> object:
        loads.append(1)
        return original(self)

    with monkeypatch.context() as patch:
        patch.setattr(ImageFile.ImageFile, "load", counted)
        action()
    return len(loads)


def test_a_second_scan_decodes_only_what_changed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[int, int]] = []
    first = scan(folder, lambda done, total: calls.append((done, total)))
    assert calls == [(done, 8) for done in range(1, 9)]
    assert decoded_by(lambda: scan(folder), monkeypatch) == 0
    assert scan(folder) == first
    changed = folder / "trainA" / "0.png"
    before = changed.stat()
    changed.write_bytes(png(picture(1)))  # same size
    os.utime(changed, ns=(before.st_atime_ns, before.st_mtime_ns))  # same time
    assert decoded_by(lambda: scan(folder), monkeypatch) > 0
    assert scan(folder) != first


@pytest.mark.parametrize("damage", ["", "{", '{"schema_version": 1}', "[]"])
def test_a_damaged_scan_cache_is_rebuilt(folder: Path, own_cache: Path, damage: str) -> None:
    first = scan(folder)
    (path,) = (own_cache / "scans").iterdir()
    path.write_text(damage)
    assert scan(folder) == first
    path.write_text(path.read_text().replace('"stamp"', '"stump"', 1))
    assert scan(folder) == first


def test_the_published_yosemite_test_split_has_its_known_duplicates(photographs: Path) -> None:
    prepared = prepare("summer2winter", photographs)
    assert prepared.audit.counts["testA"] == 309 and prepared.audit.counts["testB"] == 238
    places = [(pair.split, pair.other_split) for pair in prepared.audit.duplicates]
    assert sorted(places) == [("testA", "testA")] * 3 + [("testA", "testB")] * 2
    assert audit(prepared.manifest, scan(prepared.located.folder)) == prepared.audit
