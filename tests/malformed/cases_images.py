"""Files that are called images. Each is the only one of its split: without it there is nothing."""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from case import Arguments, Case, Place, audit, chunk, png_head
from datasets_helpers import picture, png
from PIL import Image


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def photograph() -> bytes:
    return encoded(picture(7, 64), "JPEG")


def bad_checksum() -> bytes:
    content = bytearray(png(picture(7)))
    content[-14] ^= 1  # of the last chunk before IEND, which takes 12 bytes
    return bytes(content)


def swollen_text() -> bytes:
    """A PNG with a comment of 256 MB, packed into 256 kB."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(2**20)) for _ in range(256)) + packer.flush()
    whole = png(picture(7))
    return whole[:33] + chunk(b"zTXt", b"Comment\0\0" + packed) + whole[33:]


CONTENTS: tuple[tuple[str, str, Callable[[], bytes], str], ...] = (
    ("no bytes", "a.png", lambda: b"", "UnidentifiedImageError"),
    ("one byte", "a.jpg", lambda: b"\xff", "UnidentifiedImageError"),
    ("a web page", "a.jpg", lambda: b"<html>404 Not Found</html>", "UnidentifiedImageError"),
    ("a program", "a.bmp", lambda: b"\x7fELF\x02\x01\x01" + bytes(64), "UnidentifiedImageError"),
    ("PostScript", "a.jpg", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%EOF", "UnidentifiedImageError"),
    ("SVG", "a.png", lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "Unidentified"),
    ("PCX", "a.png", lambda: encoded(picture(7), "PCX"), "UnidentifiedImageError"),
    ("half a GIF", "a.gif", lambda: encoded(picture(7, 64), "GIF")[:800], "a.gif: "),
    ("half an AVIF", "a.avif", lambda: encoded(picture(7, 64), "AVIF")[:800], "a.avif: "),
    ("half a PNG", "a.png", lambda: png(picture(7, 64))[:5000], "a.png: "),
    ("half a JPEG", "a.jpg", lambda: photograph()[:-400], "a.jpg: "),
    ("half a WebP", "a.webp", lambda: encoded(picture(7, 64), "WEBP", lossless=True)[:2000], ": "),
    ("half a TIFF", "a.tif", lambda: encoded(picture(7, 64), "TIFF")[:3000], "a.tif: "),
    ("half a BMP", "a.bmp", lambda: encoded(picture(7, 64), "BMP")[:3000], "a.bmp: "),
    ("half a PPM", "a.ppm", lambda: encoded(picture(7, 64), "PPM")[:3000], "a.ppm: "),
    ("a JPEG without an image", "a.jpg", lambda: b"\xff\xd8\xff\xd9", "a.jpg: "),
    ("a PNG with a wrong checksum", "a.png", bad_checksum, "broken PNG"),
    ("a PNG without pixels", "a.png", lambda: png_head(8, 8), "a.png: "),
    ("a PNG of no width", "a.png", lambda: png_head(0, 8), "a.png: "),
    ("a PNG of 100 million pixels", "a.png", lambda: png_head(10_000, 10_000), "DecompressionBomb"),
    ("a PNG of 900 million pixels", "a.png", lambda: png_head(30_000, 30_000), "DecompressionBomb"),
    ("a PNG wider than any", "a.png", lambda: png_head(2**31 - 1, 2**31 - 1), "DecompressionBomb"),
    ("a PNG of an impossible depth", "a.png", lambda: png_head(8, 8, depth=3), "a.png: "),
    ("a comment that swells", "a.png", swollen_text, "a.png: "),
    ("a PPM of a billion pixels", "a.ppm", lambda: b"P6 40000 40000 255\n", "DecompressionBomb"),
    (
        "16 bits a channel",
        "a.png",
        lambda: png(Image.fromarray(np.full((4, 4), 40_000, np.uint16))),
        "convert it to 8 bits a channel",
    ),
    (
        "32-bit numbers",
        "a.tif",
        lambda: encoded(Image.fromarray(np.ones((4, 4), np.int32)), "TIFF"),
        "convert it to 8 bits a channel",
    ),
    (
        "floating-point numbers",
        "a.tif",
        lambda: encoded(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF"),
        "convert it to 8 bits a channel",
    ),
)


def only(place: Place, make: Callable[[Path], None]) -> Arguments:
    """`make` puts something into an otherwise empty split."""
    folder = place.data_set() / "trainA"
    for image in folder.iterdir():
        image.unlink()
    make(folder)
    return audit(place)


def of_content(name: str, content: Callable[[], bytes]) -> Callable[[Place], Arguments]:
    return lambda place: only(place, lambda folder: put(folder / name, content()))


def put(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def link(target: str) -> Callable[[Path], None]:
    return lambda folder: (folder / "a.png").symlink_to(target)


def pipe(folder: Path) -> None:
    """Waited on for ever by whoever opens it."""
    os.mkfifo(folder / "pipe")
    (folder / "a.png").symlink_to("pipe")


def sparse(folder: Path) -> None:
    with (folder / "a.png").open("wb") as file:
        file.truncate(2**40)


def not_text(folder: Path) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.png")).write_bytes(png(picture(7)))


MADE: tuple[tuple[str, Callable[[Path], None], str], ...] = (
    ("a link to itself", link("a.png"), "Too many levels of symbolic links"),
    ("a link to nothing", link("nothing.png"), "No such file"),
    ("a link without an end", link("/dev/zero"), "not a file"),
    ("a link to a folder", link("."), "a link to a folder"),
    ("a link to a pipe", pipe, "not a file"),
    ("a terabyte", sparse, "at most"),
    ("a name that is not UTF-8", not_text, "not UTF-8"),
)

CASES = [
    Case(f"image: {name}", of_content(file, content), ("trainA: none of its 1 images", says))
    for name, file, content, says in CONTENTS
] + [
    Case(
        f"image: {name}",
        lambda place, make=make: only(place, make),
        ("trainA: none of its 1 images can be read", says, "replace them"),
    )
    for name, make, says in MADE
]
