"""Mountains and forests of the `seasons` drawings: height fields seen from the valley.

A height field is a stack of slices from near to far; each slice holds, for every picture column,
the height above the base line at which that slice is seen. The nearest slice that reaches a pixel
is what one sees there ("floating horizon", Wright 1973).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.data.seasons.noise import (
    Array,
    PointNoise,
    centres,
    grid_fractal,
    grid_noise,
    octaves,
    smoothstep,
    stream,
)


@dataclass(frozen=True)
class View:
    """Which slice is seen at which pixel; all arrays have one entry a covered pixel."""

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    nearer: NDArray[np.intp]
    farther: NDArray[np.intp]
    fraction: Array

    def sample(self, field: Array) -> Array:
        """`field` (slices, columns) at the seen points, linear between slices."""
        near, far = field[self.nearer, self.columns], field[self.farther, self.columns]
        return near + (far - near) * self.fraction


def look(heights: Array, base: float, side: int) -> View:
    """What is seen of `heights` (slices, side), in picture heights above the row `base`."""
    slices = len(heights)
    count = int(np.floor(base * side))
    offset = base * side - count + 0.5
    skyline = np.maximum.accumulate(heights, axis=0)
    reached = np.clip(np.floor(skyline * side - offset) + 1, 0, count).astype(np.intp)
    flat = reached * side + np.arange(side)
    below = np.bincount(flat.ravel(), minlength=(count + 1) * side).reshape(count + 1, side)
    first = np.cumsum(below, axis=0)[:count]
    up, columns = np.nonzero(first < slices)
    farther = first[up, columns]
    nearer = np.maximum(farther - 1, 0)
    level = ((up + offset) / side).astype(np.float32)
    low, high = heights[nearer, columns], heights[farther, columns]
    fraction = np.clip((level - low) / np.maximum(high - low, np.float32(1e-6)), 0, 1)
    return View(count - 1 - up, columns, nearer, farther, fraction)


@dataclass(frozen=True)
class Range:
    """One mountain range; lengths in picture heights."""

    name: str
    height: float
    peaks: int
    roughness: float
    cells: float
    depth: float
    seen_from: float


@dataclass(frozen=True)
class Terrain:
    """float32 (slices, columns): height on the picture, and what the painter needs."""

    heights: Array
    light: Array
    gentle: Array
    altitude: Array
    tone: Array


def mountains(scene: int, spec: Range, size: int, side: int, sun: float) -> Terrain:
    """Peaks with ridged noise; `sun` is -1 (from the left) to 1 (from the right)."""
    slices = max(36, side // 3)
    across, away = centres(side), centres(slices)
    x, v = np.meshgrid(across, away)
    noise = PointNoise(scene, f"{spec.name}/relief")
    wx = x + 0.075 * grid_fractal(scene, f"{spec.name}/bend_x", away * 3, across * 4, 2, 0.4)
    wv = v + 0.10 * grid_noise(scene, f"{spec.name}/bend_v", away * 3, across * 4)
    base = _peaks(scene, spec, wx, wv)
    # One octave more than the picture shows: steepness, and so the snow, depends on it.
    count = octaves(spec.cells, 2 * size, 5)
    ridges = noise.ridged(wx * spec.cells + 11, wv * spec.cells * 0.6 + 5, count)
    grown = smoothstep(0.0, 0.4, v) * base
    surface = grown * (1 + spec.roughness * ridges) + 0.02 * v
    heights = (surface * spec.height).astype(np.float32)
    slope_x = np.gradient(heights, axis=1).astype(np.float32) * side
    slope_v = np.gradient(heights, axis=0).astype(np.float32) * (slices / spec.depth)
    length = np.sqrt(1 + slope_x * slope_x + slope_v * slope_v)
    light = (0.38 + slope_x * (-0.85 * sun) + slope_v * 0.36) / length
    return Terrain(
        heights,
        light=np.clip(light, -0.2, 1.2),
        gentle=1 / length,
        altitude=surface,
        tone=0.6 * grid_noise(scene, f"{spec.name}/tone", away * 14, across * 14)
        + noise(wx * 45, surface * 30) * 0.5,
    )


def _peaks(scene: int, spec: Range, x: Array, v: Array) -> Array:
    """Cones with concave flanks, the highest first; values in about [0.15, 1]."""
    random = stream(scene, f"{spec.name}/peaks")
    total = np.full_like(x, 0.12)
    start = random.random()
    for number in range(spec.peaks):
        centre_x = (start + (number * 0.618 + 0.10 * random.random())) % 1 * 1.2 - 0.1
        centre_v = 0.50 + 0.42 * random.random()
        tall = 1.0 if number == 0 else 0.42 + 0.45 * random.random()
        width = (0.26 + 0.22 * random.random()) * (0.55 + 0.45 * tall)
        dx, dv = (x - np.float32(centre_x)) / width, (v - np.float32(centre_v)) * 1.5
        near = np.clip(1 - np.sqrt(dx * dx + dv * dv + np.float32(1e-3)), 0, 1)
        total = np.maximum(
            total, np.float32(tall) * near * (0.55 + 0.45 * near) + 0.12 * (1 - near)
        )
    return total


@dataclass(frozen=True)
class Forest:
    """float32 (slices, columns): tree tops over a hill; `ground` is the hill below them."""

    heights: Array
    ground: Array
    tall: Array
    side_light: Array
    tone: Array


def forest(scene: int, hill: Array, size: int, side: int, sun: float, spacing: float) -> Forest:
    """Rows of conifers on `hill` (columns,), its height in picture heights; near rows first."""
    rows = 12
    x = centres(side)[None, :]
    depth = (np.arange(rows, dtype=np.float32) / (rows - 1))[:, None]
    ground = hill[None, :] * depth + 0.004 * depth
    cells = np.float32(1 / spacing) * (1 + 0.5 * depth)
    heights, tall, side_light, tone = (np.zeros((rows, side), np.float32) for _ in range(4))
    random = stream(scene, "forest/trees")
    table = random.random((4, 4096), dtype=np.float32)
    offset = (random.random((rows, 1)) * 1000).astype(np.float32)
    place = x * cells + offset
    for neighbour in (-1, 0, 1):
        cell = np.floor(place) + neighbour
        index = (cell.astype(np.int32) * 7 + np.arange(rows)[:, None] * 613) & 4095
        away = place - (cell + 0.2 + 0.6 * table[0][index])
        height = (0.55 + 0.45 * table[1][index]) * np.float32(3.4 * spacing) * (1 - 0.35 * depth)
        reach = 0.95 + 0.35 * table[2][index]
        top = height * (1 - np.abs(away) / reach)
        better = top > heights
        heights = np.where(better, top, heights)
        tall = np.where(better, height, tall)
        side_light = np.where(better, away * np.float32(sun), side_light)
        tone = np.where(better, table[3][index] * 2 - 1, tone)
    return Forest(heights + ground, ground, np.maximum(tall, 1e-3), side_light, tone)
