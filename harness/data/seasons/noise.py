"""Resolution-independent noise for the `seasons` drawings.

Only `+ - * /`, square roots and comparisons on float32 are used, all of which IEEE 754 rounds the
same everywhere: no exp, no BLAS, no reductions whose order depends on the processor. So a scene is
the same picture, bit for bit, on every machine.
"""

from __future__ import annotations

import zlib
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.floating]
"""Holds float32; NumPy's stubs lose the width in arithmetic with Python numbers."""


def stream(scene: int, name: str) -> np.random.Generator:
    """Independent random numbers for each (scene, name), however many the others draw."""
    key = (zlib.crc32(name.encode()) << 64) | scene
    return np.random.Generator(np.random.Philox(key=key))


def centres(count: int) -> Array:
    """Middles of `count` equal parts of [0, 1]: float32 (count,)."""
    return (np.arange(count, dtype=np.float32) + np.float32(0.5)) / np.float32(count)


def lattice(scene: int, name: str, rows: int, columns: int) -> Array:
    """Uniform values in [-1, 1): float32 (rows, columns)."""
    values = stream(scene, name).random((rows, columns), dtype=np.float32)
    return values * np.float32(2) - np.float32(1)


def smoothstep(low: float, high: float, value: Array) -> Array:
    """0 below `low`, 1 above `high`, a smooth ramp between; `low` > `high` falls instead."""
    t = np.clip((value - np.float32(low)) * np.float32(1 / (high - low)), 0, 1)
    return t * t * (3 - 2 * t)


def _catmull_rom(coordinate: Array) -> tuple[NDArray[np.intp], list[Array]]:
    cell = np.floor(coordinate)
    t = coordinate - cell
    t2, t3 = t * t, t * t * t
    weights: list[Array] = [
        (2 * t2 - t - t3) * np.float32(0.5),
        (2 - 5 * t2 + 3 * t3) * np.float32(0.5),
        (t + 4 * t2 - 3 * t3) * np.float32(0.5),
        (t3 - t2) * np.float32(0.5),
    ]
    return cell.astype(np.intp), weights


def grid_noise(scene: int, name: str, ys: Array, xs: Array) -> Array:
    """Cubic noise on the grid `ys` x `xs`, both in lattice cells and not negative.

    Returns float32 (len(ys), len(xs)), mostly within [-1, 1].
    """
    row, row_weights = _catmull_rom(ys)
    column, column_weights = _catmull_rom(xs)
    values = lattice(scene, name, int(row.max()) + 4, int(column.max()) + 4)
    wide = values[:, column] * column_weights[0]
    for k in range(1, 4):
        wide += values[:, column + k] * column_weights[k]
    total = wide[row] * row_weights[0][:, None]
    for k in range(1, 4):
        total += wide[row + k] * row_weights[k][:, None]
    return total


def octaves(first: float, size: int, most: int = 6) -> int:
    """How many octaves above `first` cells an image a picture of `size` pixels can show."""
    count = 1
    while count < most and first * 2**count <= size / 2:
        count += 1
    return count


def grid_fractal(
    scene: int, name: str, ys: Array, xs: Array, count: int, gain: float = 0.5
) -> Array:
    """`count` octaves of `grid_noise`, each with double frequency and `gain` times the height."""
    total = grid_noise(scene, f"{name}/0", ys, xs)
    for octave in range(1, count):
        scale = np.float32(2**octave)
        finer = grid_noise(scene, f"{name}/{octave}", ys * scale, xs * scale)
        total += np.float32(gain**octave) * finer
    return total


class PointNoise:
    """Value noise at arbitrary points, from one periodic 128 x 128 table."""

    def __init__(self, scene: int, name: str) -> None:
        self.table = lattice(scene, name, 128, 128).reshape(-1)

    def __call__(self, x: Array, y: Array) -> Array:
        """float32 of the shape of `x` and `y`, in [-1, 1); coordinates in cells."""
        column, row = np.floor(x), np.floor(y)
        tx, ty = x - column, y - row
        tx, ty = tx * tx * (3 - 2 * tx), ty * ty * (3 - 2 * ty)
        left, top = column.astype(np.int32) & 127, row.astype(np.int32) & 127
        right, bottom = (left + 1) & 127, ((top + 1) & 127) << 7
        top <<= 7
        upper = self.table[top + left] * (1 - tx) + self.table[top + right] * tx
        lower = self.table[bottom + left] * (1 - tx) + self.table[bottom + right] * tx
        return upper * (1 - ty) + lower * ty

    def ridged(self, x: Array, y: Array, count: int) -> Array:
        """Ridged multifractal in about [-0.5, 0.8]: sharp crests, rough heights, smooth valleys.

        Octaves are rotated against each other, which hides the lattice (Musgrave, "Texturing and
        Modeling: A Procedural Approach", chapter 16).
        """
        total = np.zeros_like(x)
        weight = np.ones_like(x)
        height = 0.5
        for _ in range(count):
            crest = 1 - np.abs(self(x, y))
            crest = crest * crest * weight
            total += np.float32(height) * (crest - np.float32(0.4))
            weight = np.clip(crest * np.float32(2), np.float32(0.15), 1)
            x, y = (
                np.float32(1.6) * x + np.float32(1.2) * y,
                np.float32(1.6) * y - np.float32(1.2) * x,
            )
            height *= 0.58
        return total
