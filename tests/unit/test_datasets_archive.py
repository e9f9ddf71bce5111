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


def with_member(
    name: str, content: bytes = b"x", kind: int = 0, compression: int = zipfile.ZIP_STORED
) -> bytes:
    """A good zip and one more member, of a file type of `stat`."""
    buffer = io.BytesIO(zip_of(OTHERS))
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "a") as file:
        warnings.simplefilter("ignore")  # of a name given twice
        info = zipfile.ZipInfo(name)
        info.external_attr = (kind | 0o777) << 16
        file.writestr(info, content, compression)
    return buffer.getvalue()


def damaged_member() -> bytes:
    content = bytearray(with_member("set/testB/z.png", b"0123456789"))
    content[content.index(b"0123456789")] ^= 1
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (with_member("/etc/a.png"), "absolute"),
        (with_member("C:/a.png"), "absolute"),
        (with_member("set/../../a.png"), "leads elsewhere"),
        (with_member(".."), "leads elsewhere"),
        (with_member("set//a.png"), "leads elsewhere"),
        (with_member("./set/trainA/b.png"), "leads elsewhere"),
        (with_member("set\\..\\a.png"), "forbidden character"),
        (with_member("set/trainA/l.png", b"/etc/passwd", stat.S_IFLNK), "link or a device"),
        (with_member("set/trainA/l.png", kind=stat.S_IFIFO), "link or a device"),
        (with_member("set/trainA/l.png", kind=stat.S_IFCHR), "link or a device"),
        (with_member("set/trainA/a.png"), "twice"),
        (with_member("two/trainA/b.png"), "more than one data set"),
        (zip_of({name: b"" for name in OTHERS if "testB" not in name}), "no testB inside"),
        (
            with_member("set/trainA/b.png", bytes(2**20), compression=zipfile.ZIP_DEFLATED),
            "suspiciously many",
        ),
        (with_member("set/trainA/b.png", compression=zipfile.ZIP_LZMA), "unusual way"),
        (zipped_set()[:1000], "damaged or truncated"),
        (damaged_member(), "CRC"),
    ],
)
def test_what_is_not_to_be_trusted_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    refused(tmp_path, content, words)


@pytest.mark.parametrize(("limit", "words"), [("MAX_MEMBERS", "members"), ("MAX_BYTES", "unpacks")])
def test_limits_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, words: str
) -> None:
    monkeypatch.setattr(module, limit, 3)
    refused(tmp_path, zip_of(OTHERS), words)


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
