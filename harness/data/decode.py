"""Opening an image file that may be broken or hostile."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm"})

# Naming the formats keeps PIL from trying decoders that start other programs (EPS).
FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "PPM")

# More than 8 bits a channel: PIL would clip the values to 255 without a word.
DEEP_MODES = ("I", "F")


# In Pillow's messages; it differs from run to run.
ADDRESS = re.compile(r" <_io\.BytesIO object at 0x[0-9a-f]+>")


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
