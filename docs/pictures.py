"""Pictures for documents, as small as can be."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

COLOURS = 128  # of a picture: a fifth of the bytes, and nothing that can be seen


def save(png: bytes, path: Path) -> None:
    small = Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS)
    small.save(path, optimize=True)
