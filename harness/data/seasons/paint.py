"""Summer and winter colours for a surveyed `seasons` scene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.data.seasons.noise import Array, smoothstep
from harness.data.seasons.survey import CONIFER, FOREST, LAKE, MEADOW, NUMBERS, ROCK, Surface

Season = Literal["summer", "winter"]
Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Palette:
    """sRGB in [0, 1]. Pairs are (noon, low sun)."""

    zenith: tuple[Colour, Colour]
    horizon: tuple[Colour, Colour]
    cloud: tuple[Colour, Colour]
    cloud_shade: Colour
    sun: tuple[Colour, Colour]
    ambient: Colour
    air: Colour


SUMMER = Palette(
    zenith=((0.20, 0.45, 0.80), (0.30, 0.44, 0.72)),
    horizon=((0.70, 0.84, 0.95), (0.97, 0.83, 0.66)),
    cloud=((1.00, 0.99, 0.97), (1.00, 0.91, 0.80)),
    cloud_shade=(0.66, 0.73, 0.82),
    sun=((0.86, 0.82, 0.70), (1.00, 0.76, 0.50)),
    ambient=(0.36, 0.41, 0.50),
    air=(0.58, 0.72, 0.88),
)
WINTER = Palette(
    zenith=((0.55, 0.66, 0.80), (0.56, 0.60, 0.74)),
    horizon=((0.88, 0.92, 0.95), (0.96, 0.88, 0.86)),
    cloud=((0.96, 0.97, 0.98), (0.99, 0.92, 0.90)),
    cloud_shade=(0.70, 0.75, 0.82),
    sun=((0.56, 0.54, 0.50), (0.66, 0.51, 0.38)),
    ambient=(0.42, 0.50, 0.63),
    air=(0.78, 0.84, 0.91),
)


def mix(low: Array | Colour, high: Array | Colour, share: Array | float) -> Array:
    """Blend colours (..., 3) by `share` (...)."""
    weight = np.asarray(share, np.float32)[..., None]
    first, second = np.asarray(low, np.float32), np.asarray(high, np.float32)
    return first + (second - first) * weight


class Patch:
    """All pixels of one material; `where` are indices into the flattened picture."""

    def __init__(self, surface: Surface, material: int) -> None:
        self.where = np.flatnonzero(surface.material == material)
        self.light, self.cover, self.tone, self.altitude, self.haze = (
            getattr(surface, name).ravel()[self.where] for name in NUMBERS
        )


def paint(surface: Surface, season: Season) -> Array:
    """float32 (side, side, 3) in [0, 1]."""
    winter = season == "winter"
    palette = WINTER if winter else SUMMER
    warmth = surface.scene.warmth
    picture = _sky(surface, palette)
    pixels = picture.reshape(-1, 3)
    sun = mix(*palette.sun, warmth)
    air = mix(palette.air, mix(*palette.horizon, warmth), 0.45)
    for material, albedo in _ALBEDO.items():
        patch = Patch(surface, material)
        lit = np.asarray(palette.ambient, np.float32) + sun * patch.light[:, None]
        pixels[patch.where] = mix(albedo(patch, winter) * lit, air, patch.haze)
    _lake(pixels, surface, winter)
    # A slight colour cast that belongs to the scene, not the season.
    hue = surface.scene.hue
    cast = np.asarray((1 + 0.035 * hue, 1.0, 1 - 0.035 * hue), np.float32)
    return np.clip(picture * cast, 0, 1)


def _sky(surface: Surface, palette: Palette) -> Array:
    """The whole picture, black below the mountains' foot."""
    warmth, side = surface.scene.warmth, surface.side
    rows = slice(int(surface.scene.shore * side))
    height, cover, light = surface.altitude[rows], surface.cover[rows], surface.light[rows]
    low, high = mix(*palette.horizon, warmth), mix(*palette.zenith, warmth)
    root = np.sqrt(np.clip(height, 0, 1))
    clear = mix(low, high, height * (0.6 + 0.4 * root))
    cloud = mix(palette.cloud_shade, mix(*palette.cloud, warmth), light)
    picture = np.zeros((side, side, 3), np.float32)
    picture[rows] = mix(clear, cloud, cover * (0.35 + 0.5 * root))
    return picture


def _rock(patch: Patch, winter: bool) -> Array:
    cover, tone, altitude = patch.cover, patch.tone, patch.altitude
    stone = mix((0.47, 0.44, 0.43), (0.66, 0.60, 0.54), 0.5 + 0.5 * tone)
    green = mix((0.24, 0.34, 0.16), (0.44, 0.47, 0.20), 0.5 + 0.5 * tone)
    grown = smoothstep(0.58, 0.24, altitude + 0.22 * tone) * smoothstep(0.25, 0.5, cover)
    lies = smoothstep(0.80, 1.0, altitude + 0.10 * tone + 0.4 * cover - 0.2)
    if winter:
        lies = np.maximum(lies, smoothstep(0.25, 0.46, cover + 0.10 * tone + 0.10 * altitude))
        green = mix((0.34, 0.35, 0.34), (0.50, 0.48, 0.44), 0.5 + 0.5 * tone)
        stone = mix((0.36, 0.37, 0.41), (0.50, 0.49, 0.50), 0.5 + 0.5 * tone)
    return mix(mix(stone, green, grown), (1.0, 1.0, 1.02), lies)


def _forest(patch: Patch, winter: bool) -> Array:
    tip, tone = patch.cover, patch.tone
    if winter:
        needles = mix((0.20, 0.25, 0.27), (0.30, 0.33, 0.33), 0.5 + 0.5 * tone)
        return mix(needles, (0.93, 0.95, 0.98), smoothstep(0.30, 0.95, tip + 0.25 * tone) * 0.85)
    needles = mix((0.10, 0.24, 0.12), (0.30, 0.42, 0.13), 0.5 + 0.5 * tone)
    return needles * (0.75 + 0.5 * tip[:, None])


def _conifer(patch: Patch, winter: bool) -> Array:
    tier, tone = patch.cover, patch.tone
    trunk = smoothstep(-1.6, -1.8, tone)
    if winter:
        needles = mix((0.13, 0.19, 0.20), (0.24, 0.30, 0.28), 0.5 + 0.5 * tone)
        crown = mix(needles, (0.97, 0.98, 1.0), smoothstep(0.40, 0.90, tier))
    else:
        crown = mix((0.07, 0.20, 0.11), (0.25, 0.40, 0.13), 0.5 + 0.5 * tone)
    return mix(crown, (0.30, 0.22, 0.16), trunk)


def _meadow(patch: Patch, winter: bool) -> Array:
    cover, tone, blades = patch.cover, patch.tone, patch.altitude
    if winter:
        snow = mix((0.93, 0.96, 1.0), (1.0, 1.0, 1.0), np.clip(0.5 + 0.5 * tone, 0, 1))
        snow = snow * (1 + 0.05 * blades[:, None])
        return mix(snow, (0.62, 0.56, 0.47), smoothstep(0.26, 0.0, cover))
    grass = mix((0.24, 0.42, 0.13), (0.60, 0.58, 0.22), smoothstep(-0.8, 0.9, tone))
    grass = mix(grass, (0.52, 0.47, 0.26), 0.6 * smoothstep(0.26, 0.0, cover))
    return grass * (1 + 0.42 * blades[:, None])


_ALBEDO = {ROCK: _rock, FOREST: _forest, CONIFER: _conifer, MEADOW: _meadow}


def _lake(pixels: Array, surface: Surface, winter: bool) -> None:
    """Water mirrors the picture above its far shore; ice does so faintly, under blown snow."""
    patch, side = Patch(surface, LAKE), surface.side
    ripple, near = patch.light, patch.altitude
    rows, columns = np.divmod(patch.where, side)
    shore = int(surface.scene.shore * side)
    wobble = ripple * (0.004 + 0.02 * near) * side
    source = np.clip(2 * shore - rows + wobble, 0, shore - 1).astype(np.intp)
    mirror = pixels[source * side + columns]
    if winter:
        ice = mix((0.66, 0.76, 0.84), (0.78, 0.86, 0.91), 0.5 + 0.5 * ripple)
        ice = mix(ice, mirror, 0.25)
        snow = smoothstep(-0.1, 0.5, patch.tone + 0.35 * ripple + 0.8 * patch.cover)
        pixels[patch.where] = mix(ice, (0.91, 0.94, 0.97), snow * 0.85)
        return
    deep = mix((0.07, 0.30, 0.50), (0.16, 0.46, 0.60), 0.5 + 0.5 * ripple)
    water = mix(mirror * np.asarray((0.86, 0.96, 1.04), np.float32), deep, 0.20 + 0.34 * near)
    pixels[patch.where] = mix(water, (0.36, 0.48, 0.42), 0.35 * patch.cover)
