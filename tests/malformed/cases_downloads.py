"""What a server can do instead of sending the file: nothing, too little, too much, others."""

from __future__ import annotations

from collections.abc import Callable

from case import Arguments, Case, Place, audit
from datasets_helpers import Site, zipped_set
from wire import saying

NAME = "horse2zebra.zip"


def served(change: Callable[[Site], None]) -> Callable[[Place], Arguments]:
    """The mirror has the file, but for what `change` does."""

    def prepare(place: Place) -> Arguments:
        site = place.mirror()
        site.publish({NAME: zipped_set()})
        change(site)
        return audit(place, "horse2zebra")

    return prepare


def set_to(**values: object) -> Callable[[Place], Arguments]:
    return served(lambda site: vars(site).update(values))


def told(content: bytes, hang: bool = False) -> Callable[[Place], Arguments]:
    """To every question. The zip has no checksum beside it then: nothing is known of it."""

    def prepare(place: Place) -> Arguments:
        place.hurry()
        place.patch.setenv("CYCLEBENCH_MIRROR", place.stack.enter_context(saying(content, hang)))
        return audit(place, "mini")

    return prepare


def mirrored_by(address: str) -> Callable[[Place], Arguments]:
    def prepare(place: Place) -> Arguments:
        place.hurry()
        place.patch.setenv("CYCLEBENCH_MIRROR", address)
        return audit(place, "horse2zebra")

    return prepare


def without_file(site: Site) -> None:
    site.files.clear()


def lost(site: Site) -> None:
    """The checksum is there, the file is not."""
    del site.files[f"/{NAME}"]


def listed(content: bytes) -> Callable[[Site], None]:
    return lambda site: site.files.update({f"/{NAME}.sha256": content})


def loop(place: Place) -> Arguments:
    site = place.mirror()
    site.redirect = f"{site.url}/again"
    return audit(place, "horse2zebra")


def redirected(address: str) -> Callable[[Place], Arguments]:
    return set_to(redirect=address)


def begun(content: bytes) -> Callable[[Place], Arguments]:
    """An earlier call left a part, which the server is asked to continue."""

    def prepare(place: Place) -> Arguments:
        arguments = told(content)(place)
        folder = place.cache / "datasets"
        folder.mkdir(parents=True)
        (folder / ".grumpifycat.zip.part").write_bytes(b"PK")
        # Without a list of checksums beside it, the published one holds.
        place.patch.setattr("harness.data.fetch.fetch_text", lambda url: None)
        return audit(place, "grumpifycat") if arguments else ()

    return prepare


HEAD = b"HTTP/1.1 200 OK\r\n"
ADVICE = "or use DATASET=seasons"
# Of another file than is there now, as it turns out: they go.
PART = ("cache/datasets/.grumpifycat.zip.part",)

CASES = [
    Case("download: 404", served(without_file), (f"{NAME}: the server answered 404", ADVICE)),
    Case("download: 404 behind a checksum", served(lost), (f"{NAME}: the server answered 404",)),
    Case("download: 403", set_to(statuses=[404, 403]), ("the server answered 403", ADVICE)),
    Case("download: 503, time after time", set_to(statuses=[404, *[503] * 9]),
         ("the server answered 503", "try again")),
    Case("download: 500 for the checksum", set_to(statuses=[500]), (".sha256: the server",)),
    Case("download: a checksum that is none", served(listed(b"<html>")), ("mend it or remove it",)),
    Case("download: no checksum", served(listed(b"")), (".sha256: not a line of sha256sum",)),
    Case("download: breaks off", set_to(drops=[100, *[100] * 9], ranges=False),
         ("the connection broke off after", "try again")),
    Case("download: breaks off and can be continued", set_to(drops=[100, *[100] * 9]),
         ("the connection broke off after",
          "try again"), ("cache/datasets/.horse2zebra.zip.part",)),
    Case("download: continues somewhere else", set_to(drops=[100, *[100] * 9], skew=7),
         ("continued at the wrong place", "try again")),
    Case("download: round in circles", loop, ("no address to ask", ADVICE)),
    Case("download: leads to a file", redirected("file:///etc/passwd"), ("no address to ask",)),
    Case("download: leads to no address", redirected("http://["), ("no address to ask",)),
    Case("download: leads to no host", redirected(f"http://{'x' * 80}.org/a"), ("no address",)),
    Case("download: says nothing", told(b"", hang=True), ("timed out", "check")),
    Case("download: stops in its head", told(HEAD, hang=True), ("timed out",)),
    Case("download: stops in its body",
         told(HEAD + b"Content-Length: 999\r\n\r\n" + b"x" * 99, hang=True), ("timed out",)),
    Case("download: hangs up", told(b""), (".sha256: ", "check")),
    Case("download: does not speak HTTP", told(b"220 FTP\r\n"), (".sha256: ",)),
    Case("download: an endless line", told(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000), ("line",)),
    Case("download: an endless head", told(HEAD + b"X: y\r\n" * 200 + b"\r\n"), ("headers",)),
    Case("download: a length that is none", told(HEAD + b"Content-Length: -5\r\n\r\nx"),
         (".sha256: not a line of sha256sum",)),
    Case("download: too large", begun(HEAD + b"Content-Length: 99999999999999\r\n\r\n"),
         ("the file there is too large", ADVICE), PART),
    Case("download: a range of 5,000 digits",
         begun(b"HTTP/1.1 206 Partial\r\nContent-Range: bytes 2-3/" + b"9" * 5000 + b"\r\n\r\nxx"),
         ("continued at the wrong place",), PART),
    Case("download: an answer that is no file", begun(b"HTTP/1.1 204 No Content\r\n\r\n"),
         ("the server answered 204, no file",)),
    Case("mirror: nobody there", mirrored_by("http://127.0.0.1:9"), ("no connection", "check")),
    Case("mirror: a folder", mirrored_by("file:///tmp"), ("not an address to download from",)),
    Case("mirror: FTP", mirrored_by("ftp://127.0.0.1"), ("it must begin with http://",)),
    Case("mirror: no host", mirrored_by("http://"), ("not an address to download from",)),
    Case("mirror: a password", mirrored_by("http://me:secret@127.0.0.1"), ("not supported",)),
    Case("mirror: a host that no name can be", mirrored_by(f"http://{'x' * 80}.org"),
         ("no address to ask", ADVICE)),
]  # fmt: skip
