"""Typeset digits, white on black, in the fonts that matplotlib ships; none of the system's.

DejaVu (Bitstream Vera licence), STIX (SIL Open Font Licence) and Computer Modern (BaKoMa licence)
may all be used to set anything. Every digit has a font, height, slant, turn and place of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

FONTS = (
    *(f"DejaVuSans{style}" for style in ("", "-Bold", "-Oblique", "-BoldOblique")),
    *(f"DejaVuSansMono{style}" for style in ("", "-Bold", "-Oblique", "-BoldOblique")),
    *(f"DejaVuSerif{style}" for style in ("", "-Bold", "-Italic", "-BoldItalic")),
    *(f"STIXGeneral{style}" for style in ("", "Bol", "Italic", "BolIta")),
    *("cmr10", "cmb10", "cmss10", "cmtt10"),
)
HEIGHT = (0.58, 0.78)  # of the picture, for the font's zero
TURN = math.radians(8)
SLANT = 0.12
SHIFT = 0.05  # of the picture
STRETCH = 0.08
FINE = 256  # at least so many pixels are drawn, then shrunk: a font's hinting shows in small ones


@dataclass(frozen=True)
class Typesetting:
    """How one digit is set. `height` and `shift` in parts of the picture, `turn` in radians."""

    font: str
    height: float
    turn: float
    slant: float
    stretch: float
    shift: tuple[float, float]


def label_of(index: int) -> int:
    """Every ten (0 to 9, 10 to 19, ...) are the ten digits, in an order of their own.

    In one order, evenly spaced pictures would all show the same digit.
    """
    ten = np.random.Generator(np.random.Philox(key=np.array([index // 10, 1], np.uint64)))
    return int(ten.permutation(10)[index % 10])


def setting_of(index: int) -> Typesetting:
    """The same at every call, however many others are drawn."""
    draw = np.random.Generator(np.random.Philox(key=index))
    font = FONTS[int(draw.integers(len(FONTS)))]
    height = HEIGHT[0] + (HEIGHT[1] - HEIGHT[0]) * draw.random()
    turn, slant, stretch, across, down = draw.uniform(-1, 1, 5).tolist()
    shift = (SHIFT * across, SHIFT * down)
    return Typesetting(font, height, TURN * turn, SLANT * slant, 1 + STRETCH * stretch, shift)


def picture(index: int, size: int) -> Image.Image:
    """Digit number `index` (0 to 2**64 - 1), grey, `size` x `size`; alike at every size."""
    side = size * max(2, math.ceil(FINE / size))
    setting, digit = setting_of(index), str(label_of(index))
    # White ink somewhere on a black square; the setting's height is that of the font's zero.
    font_size = round(round(setting.height * side) * _zero_height(setting.font))
    face = _face(setting.font, max(1, font_size))
    left, top, right, bottom = face.getbbox(digit)
    upright = Image.new("L", (side, side))
    place = ((side - left - right) // 2, (side - top - bottom) // 2)
    ImageDraw.Draw(upright).text(place, digit, fill=255, font=face)
    turned = upright.transform(
        (side, side),
        Image.Transform.AFFINE,
        _inverse(setting, upright.getbbox() or (0, 0, side, side), side),
        Image.Resampling.BILINEAR,
    )
    return turned.resize((size, size), Image.Resampling.BOX)


def _inverse(setting: Typesetting, ink: tuple[int, int, int, int], side: int) -> tuple[float, ...]:
    """From places in the picture to places in the upright digit, the middle to that of the ink."""
    cosine, sine = math.cos(setting.turn), math.sin(setting.turn)
    turned = np.array([[cosine, -sine], [sine, cosine]])
    slanted = np.array([[setting.stretch, setting.slant], [0.0, 1.0]])
    back = np.linalg.inv(turned @ slanted)
    left, top, right, bottom = ink
    middle = side / 2 + side * np.array(setting.shift)
    offset = np.array([left + right, top + bottom]) / 2 - back @ middle
    return (*back[0].tolist(), float(offset[0]), *back[1].tolist(), float(offset[1]))


@lru_cache
def _zero_height(font: str) -> float:
    """Font size over the height of its zero."""
    _, top, _, bottom = _face(font, 1000).getbbox("0")
    return 1000 / (bottom - top)


@lru_cache
def _face(font: str, size: int) -> ImageFont.FreeTypeFont:
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{font}.ttf"
    # The basic layout is in every build of Pillow, the other one is not.
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)
