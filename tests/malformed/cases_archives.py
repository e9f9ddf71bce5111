"""Zips that a mirror has in place of a data set's, with the checksum that belongs to them."""

from __future__ import annotations

import io
import stat
import warnings
import zipfile
from collections.abc import Callable

from case import Arguments, Case, Place, audit
from datasets_helpers import zip_of, zipped_set

GOOD = {f"set/{split}/a.png": b"image" for split in ("trainA", "trainB", "testA", "testB")}


def fetched(
    content: Callable[[], bytes], name: str = "horse2zebra"
) -> Callable[[Place], Arguments]:
    def prepare(place: Place) -> Arguments:
        place.mirror().publish({f"{name}.zip": content()})
        return audit(place, name)

    return prepare


def with_member(name: str) -> Callable[[], bytes]:
    return lambda: zip_of({**GOOD, name: b"x"})


def with_info(mode: int = 0, method: int = zipfile.ZIP_STORED, content: bytes = b"x") -> bytes:
    buffer = io.BytesIO(zip_of(GOOD))
    with zipfile.ZipFile(buffer, "a") as file:
        info = zipfile.ZipInfo("set/trainA/b.png")
        info.external_attr, info.compress_type = mode << 16, method
        file.writestr(info, content)
    return buffer.getvalue()


def twice() -> bytes:
    buffer = io.BytesIO(zip_of(GOOD))
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "a") as file:
        warnings.simplefilter("ignore")
        file.writestr("set/trainA/a.png", b"another")
    return buffer.getvalue()


def changed(find: bytes, put: bytes) -> bytes:
    """A good zip with some of its bytes replaced, everywhere."""
    whole = zip_of(GOOD)
    assert find in whole and len(find) == len(put)
    return whole.replace(find, put)


def encrypted() -> bytes:
    """The flag alone, in the local headers and in the directory."""
    whole = bytearray(zip_of(GOOD))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = 0
        while (start := whole.find(mark, start)) >= 0:
            whole[start + place] |= 1
            start += 4
    return bytes(whole)


def lying() -> bytes:
    """A directory that claims four gigabytes where there are five bytes."""
    whole = bytearray(zip_of(GOOD))
    start = 0
    while (start := whole.find(b"PK\x01\x02", start)) >= 0:
        whole[start + 24 : start + 28] = (2**32 - 2).to_bytes(4, "little")
        start += 4
    return bytes(whole)


def nested() -> bytes:
    return zip_of({"horse2zebra.zip": zipped_set()})


ARCHIVES: tuple[tuple[str, Callable[[], bytes], tuple[str, ...]], ...] = (
    ("no bytes", lambda: b"", ("damaged or truncated zip", "fetch it again")),
    ("a web page", lambda: b"<html>Sorry</html>", ("damaged or truncated zip",)),
    ("truncated", lambda: zipped_set()[:2000], ("damaged or truncated zip",)),
    ("nothing inside", lambda: zip_of({}), ("no testA, testB, trainA, trainB inside",)),
    ("a zip in a zip", nested, ("no testA, testB, trainA, trainB inside",)),
    ("folders without files", lambda: zip_of({f"{n.rpartition('/')[0]}/": b"" for n in GOOD}),
     ("inside; not a data set",)),
    ("a split missing", lambda: zip_of(dict(list(GOOD.items())[:3])), ("no testB inside",)),
    ("two sets", with_member("other/trainA/a.png"), ("more than one data set inside",)),
    ("a path that climbs", with_member("set/trainA/../../../../evil.png"), ("leads elsewhere",)),
    ("a path that climbs at once", with_member("../evil.png"), ("leads elsewhere",)),
    ("an absolute path", with_member("/etc/cron.d/evil"), ("has an absolute path",)),
    ("a drive", with_member("C:/evil.png"), ("has an absolute path",)),
    ("a backslash", with_member("set\\trainA\\..\\evil.png"), ("forbidden character",)),
    ("a name of 300 letters", with_member(f"set/trainA/{'x' * 300}.png"),
     ("no file system takes",)),
    ("a link", lambda: with_info(stat.S_IFLNK | 0o777, content=b"/etc/passwd"), ("is a link",)),
    ("a pipe", lambda: with_info(stat.S_IFIFO | 0o644), ("is a link or a device",)),
    ("a device", lambda: with_info(stat.S_IFBLK | 0o644), ("is a link or a device",)),
    ("a name twice", twice, ("is there twice",)),
    ("a file that is a folder, too", with_member("set/trainA/a.png/"), ("is there twice",)),
    ("a password", encrypted, ("is encrypted",)),
    ("an unusual compression", lambda: with_info(method=zipfile.ZIP_BZIP2), ("unusual way",)),
    ("a bomb", lambda: with_info(method=zipfile.ZIP_DEFLATED, content=bytes(2**24)),
     ("suspiciously many",)),
    ("a directory that lies", lying, ("unpacks to", "not unpacked")),
    ("a wrong checksum inside", lambda: changed(b"image", b"imagf"), ("CRC",)),
    ("headers that differ", lambda: changed(b"PK\x03\x04", b"PK\x03\x05"), ("damaged",)),
)  # fmt: skip


def listed_otherwise(place: Place) -> Arguments:
    place.mirror().publish({"horse2zebra.zip": zipped_set()}, listed=b"another file")
    return audit(place, "horse2zebra")


def in_data_dir(members: dict[str, bytes]) -> Callable[[Place], Arguments]:
    """Domains of DomainNet that lie in DATA_DIR as zips."""

    def prepare(place: Place) -> Arguments:
        for name in ("painting", "real"):
            (place.data / f"{name}.zip").write_bytes(zip_of(members))
        return audit(place, "painting-real")

    return prepare


CASES = [
    *(
        Case(f"archive: {name}", fetched(content), (*says, "horse2zebra.zip"))
        for name, content, says in ARCHIVES
    ),
    Case(
        "archive: another checksum",
        listed_otherwise,
        ("horse2zebra.zip: wrong checksum, expected sha256", "damaged, cut short or another one"),
    ),
    Case(
        "archive: with test images where there are none",
        fetched(lambda: zip_of(GOOD), "grumpifycat"),
        ("has test images, which this set is known not to have",),
    ),
    Case(
        "archive: of another domain",
        in_data_dir({"clipart/axe/0.png": b"x"}),
        ("painting.zip: no painting/<class>/<file> inside",),
    ),
    Case(
        "archive: a path that climbs, in DATA_DIR",
        in_data_dir({"painting/axe/0.png": b"x", "painting/../../evil.png": b"x"}),
        ("painting.zip: member", "leads elsewhere"),
    ),
]
