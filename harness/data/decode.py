"""Opening an image file that may be broken or hostile."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, features

# Naming the formats keeps PIL from trying decoders that start other programs (EPS).
FORMATS: tuple[str, ...] = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "PPM", "GIF")
EXTENSIONS = frozenset(
    f".{ending}"
    for ending in (
        "jpg", "jpeg", "jpe", "jfif", "png", "bmp", "dib", "webp", "tif", "tiff", "ppm", "pgm",
        "pbm", "pnm", "gif",
    )
)  # fmt: skip
if features.check("avif"):  # some builds of Pillow are without
    FORMATS, EXTENSIONS = (*FORMATS, "AVIF"), EXTENSIONS | {".avif"}

# More than 8 bits a channel: PIL would clip the values to 255 without a word.
DEEP_MODES = ("I", "F")


# In Pillow's messages; it differs from run to run.
ADDRESS = re.compile(r" <_io\.BytesIO object at 0x[0-9a-f]+>")


ORIENTATION = 0x0112  # the EXIF tag that says how a camera was held


class UnreadableImage(Exception):
    """The file is no image this package can use; the message says why in a few words."""


@contextmanager
def bombs_refused() -> Iterator[None]:
    """Make PIL's decompression bomb warning an error. Enter it outside of any thread pool.

    Its other warnings, on oddities of files that it can read, are left out.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def decode(content: bytes) -> Image.Image:
    """The image as RGB, fully decoded.

    As the reference code does (`Image.open(path).convert("RGB")`): the EXIF orientation is not
    applied, transparency is dropped, of several frames the first is taken.
    Raises UnreadableImage.
    """
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            image.verify()  # checksums of PNG chunks, which decoding skips
        image = Image.open(io.BytesIO(content), formats=FORMATS)
        if image.mode.startswith(DEEP_MODES):
            raise UnreadableImage(f"mode {image.mode}: convert it to 8 bits a channel")
        if image.mode != "RGB":
            return image.convert("RGB")
        image.load()  # a copy could take hundreds of megabytes
        return image
    except (UnreadableImage, MemoryError):
        raise
    except Exception as error:  # decoders raise almost anything on damaged input
        text = ADDRESS.sub("", " ".join(str(error).split()).replace(repr(content), ""))
        raise UnreadableImage(f"{type(error).__name__}: {text}"[:200]) from None


def is_turned(image: Image.Image) -> bool:
    """Whether a camera's mark (EXIF orientation) says to turn or mirror it; `decode` does not.

    Pillow itself follows it in a TIFF, and takes it out.
    """
    try:
        return image.getexif().get(ORIENTATION, 1) in range(2, 9)
    except Exception:  # its reader raises almost anything on damaged marks; pixels are unaffected
        return False
