"""Rows of test images, original beside each backend's result, as HTML and Markdown show them."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from harness.report.page import Gallery

ROWS = 6
QUALITY = 90  # a page of a comparison at 256 pixels has some two hundred
LOSSLESS = 128  # up to this side a tile is PNG; larger photographs would swell the page
GAP, HEADER = 6, 26  # pixels between tiles, and of a line of text


def spaced(count: int, rows: int = ROWS) -> tuple[int, ...]:
    """At most `rows` evenly spaced indices below `count`; the same for every run and machine."""
    rows = min(rows, count)
    return tuple(i * count // rows for i in range(rows))


def tile(image: np.ndarray) -> tuple[bytes, str]:
    """An image (H, W, C) at its own size, encoded, with its media type."""
    picture = _picture(image)
    buffer = io.BytesIO()
    if max(picture.size) <= LOSSLESS:
        picture.save(buffer, "PNG", optimize=True)
        return buffer.getvalue(), "image/png"
    picture.save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    return buffer.getvalue(), "image/jpeg"


def sheet(gallery: Gallery) -> bytes:
    """The whole gallery as one PNG for report.md: a header line, then a row an index."""
    side, columns = gallery.side, gallery.columns
    step, text = side + GAP, HEADER if gallery.captions else 0
    size = (len(columns) * step - GAP, HEADER + len(gallery.indices) * (step + text) - GAP)
    canvas = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(canvas), _font()
    for y, caption in enumerate(gallery.captions):
        draw.text((2, HEADER + y * (step + text) + 4), caption, fill="#555555", font=font)
    for x, column in enumerate(columns):
        draw.text((x * step + 2, 4), column.title, fill="#222222", font=font)
        for y, index in enumerate(gallery.indices):
            small = _picture(column.images[index]).convert("RGB")
            large = small.resize((side, side), Image.Resampling.NEAREST)
            canvas.paste(large, (x * step, HEADER + y * (step + text) + text))
    buffer = io.BytesIO()
    canvas.save(buffer, "PNG")
    return buffer.getvalue()


@cache
def _font() -> ImageFont.FreeTypeFont:
    """Matplotlib's, which has arrows, signs and many alphabets; Pillow's own has none of them."""
    return ImageFont.truetype(Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", 13)


def _picture(image: np.ndarray) -> Image.Image:
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
