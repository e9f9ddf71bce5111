"""A zip is unpacked whole, or refused with nothing written."""

from __future__ import annotations

import io
import stat
import warnings
import zipfile
from pathlib import Path

import pytest
from datasets_helpers import zip_of, zipped_set

from harness.data import archive as module
from harness.data.archive import unpack, unpack_classes
from harness.data.layout import SPLITS
from harness.system.errors import UserError

OTHERS = {f"set/{split}/a.png": b"image" for split in SPLITS}


def refused(tmp_path: Path, content: bytes, words: str) -> None:
    """`content` is refused in one line, and only the archive itself is there afterwards."""
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    with pytest.raises(UserError, match=words) as caught:
        unpack(path, tmp_path / "set")
    assert "\n" not in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["a.zip"]


@pytest.mark.parametrize("top", ["horse2zebra/", "another/", ""])
def test_both_layouts_give_the_split_folders(tmp_path: Path, top: str) -> None:
    (tmp_path / "a.zip").write_bytes(zipped_set(top, count=3))
    seen = []
    unpack(tmp_path / "a.zip", tmp_path / "set", lambda done, total: seen.append((done, total)))
    files = sorted(str(p.relative_to(tmp_path / "set")) for p in tmp_path.glob("set/*/*"))
    assert files == sorted(f"{split}/{index}.png" for split in SPLITS for index in range(3))
    assert seen[-1] == (12, 12)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.zip", "set"]


def test_what_is_not_of_the_set_stays_in_the_archive(tmp_path: Path) -> None:
    extra = {
        "set/trainA/.DS_Store": b"x",
        "__MACOSX/trainA/a.png": b"x",
        "README": b"x",
        "set/trainA/deep/b.png": b"x",
        "set/other/b.png": b"x",
        "set/testA_in_B/a.png": b"truth",
    }
    (tmp_path / "a.zip").write_bytes(zip_of({**OTHERS, **extra}))
    unpack(tmp_path / "a.zip", tmp_path / "set")
    files = sorted(str(p.relative_to(tmp_path / "set")) for p in tmp_path.glob("set/**/*.*"))
    assert files == sorted([*(f"{s}/a.png" for s in SPLITS), "testA_in_B/a.png"])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("/etc/a.png", "absolute"),
        ("C:/a.png", "absolute"),
        ("set/../../a.png", "leads elsewhere"),
        ("..", "leads elsewhere"),
        ("set//a.png", "leads elsewhere"),
        ("./set/trainA/b.png", "leads elsewhere"),
        ("set\\..\\a.png", "forbidden character"),
    ],
)
def test_a_path_that_leaves_the_folder_is_refused(tmp_path: Path, name: str, words: str) -> None:
    refused(tmp_path, zip_of({**OTHERS, name: b"x"}), words)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_are_refused(tmp_path: Path, kind: int) -> None:
    buffer = io.BytesIO(zip_of(OTHERS))
    with zipfile.ZipFile(buffer, "a") as file:
        info = zipfile.ZipInfo("set/trainA/link.png")
        info.external_attr = (kind | 0o777) << 16
        file.writestr(info, "/etc/passwd")
    refused(tmp_path, buffer.getvalue(), "link or a device")


def test_a_name_given_twice_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO(zip_of(OTHERS))
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "a") as file:
        warnings.simplefilter("ignore")
        file.writestr("set/trainA/a.png", b"other")
    refused(tmp_path, buffer.getvalue(), "twice")


def test_two_sets_in_one_archive_are_refused(tmp_path: Path) -> None:
    refused(tmp_path, zip_of({**OTHERS, "two/trainA/b.png": b"x"}), "more than one data set")


def test_an_archive_without_a_split_is_refused(tmp_path: Path) -> None:
    members = {name: content for name, content in OTHERS.items() if "testB" not in name}
    refused(tmp_path, zip_of(members), "no testB inside")


def test_a_decompression_bomb_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO(zip_of(OTHERS))
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as file:
        file.writestr("set/trainA/bomb.png", bytes(2**20))
    refused(tmp_path, buffer.getvalue(), "suspiciously many")


@pytest.mark.parametrize(("limit", "words"), [("MAX_MEMBERS", "members"), ("MAX_BYTES", "unpacks")])
def test_limits_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, words: str
) -> None:
    monkeypatch.setattr(module, limit, 3)
    refused(tmp_path, zip_of(OTHERS), words)


def test_a_truncated_zip_is_refused(tmp_path: Path) -> None:
    content = zipped_set()
    refused(tmp_path, content[: len(content) // 2], "damaged or truncated")


def test_a_damaged_member_leaves_nothing(tmp_path: Path) -> None:
    content = bytearray(zip_of({**OTHERS, "set/testB/z.png": b"0123456789"}))
    content[content.index(b"0123456789")] ^= 1
    refused(tmp_path, bytes(content), "CRC")


def test_an_unusual_compression_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO(zip_of(OTHERS))
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_LZMA) as file:
        file.writestr("set/trainA/b.png", b"x")
    refused(tmp_path, buffer.getvalue(), "unusual way")


def test_an_interrupt_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped_set())

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        unpack(tmp_path / "a.zip", tmp_path / "set", interrupt)
    assert [p.name for p in tmp_path.iterdir()] == ["a.zip"]


CLASSES = {f"real/{kind}/{index}.png": b"image" for kind in ("axe", "bat") for index in range(3)}


def test_a_domain_gives_its_folders_of_classes(tmp_path: Path) -> None:
    extra = {
        "real/axe/.DS_Store": b"x",
        "__MACOSX/axe/0.png": b"x",
        "real/readme.txt": b"x",
        "real/axe/deep/0.png": b"x",
        "sketch/axe/9.png": b"x",
    }
    (tmp_path / "real.zip").write_bytes(zip_of({**CLASSES, **extra}))
    unpack_classes("real", tmp_path / "real.zip", tmp_path / "domain")
    files = {f"real/{p.relative_to(tmp_path / 'domain')}" for p in tmp_path.glob("domain/**/*.*")}
    assert files == set(CLASSES)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        (OTHERS, "no real/<class>/<file> inside"),
        ({**CLASSES, "real/../../a.png": b"x"}, "leads elsewhere"),
        ({**CLASSES, "/real/axe/a.png": b"x"}, "absolute"),
    ],
)
def test_a_zip_that_is_not_of_the_domain_is_refused(
    tmp_path: Path, members: dict[str, bytes], words: str
) -> None:
    (tmp_path / "a.zip").write_bytes(zip_of(members))
    with pytest.raises(UserError, match=words):
        unpack_classes("real", tmp_path / "a.zip", tmp_path / "domain")
    assert [p.name for p in tmp_path.iterdir()] == ["a.zip"]


def test_test_images_where_none_were_known_of_are_not_mixed_in(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zip_of(OTHERS))
    with pytest.raises(UserError, match="has test images"):
        unpack(tmp_path / "a.zip", tmp_path / "set", untested=True)


def test_a_folder_another_process_made_meanwhile_stays(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped_set(count=1))

    def other(done: int, total: int) -> None:
        (tmp_path / "set" / "trainA").mkdir(parents=True, exist_ok=True)

    unpack(tmp_path / "a.zip", tmp_path / "set", other)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.zip", "set"]
    assert [p.name for p in (tmp_path / "set").iterdir()] == ["trainA"]
