"""What is seen at each pixel of a `seasons` scene, the same in every season.

`survey` turns a scene into a `Surface`: per pixel a material and a few numbers about it.
A season is only a way of painting a surface (`paint`), so both renderings of a scene share
their geometry exactly and the translation between them is local.
"""

from __future__ import annotations

from typing import Any

import numpy as np

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
from harness.data.seasons.scene import Scene, Tree
from harness.data.seasons.terrain import forest, look, mountains

SKY, ROCK, FOREST, MEADOW, LAKE, CONIFER = range(6)
NUMBERS = ("light", "cover", "tone", "altitude", "haze")


class Surface:
    """Per pixel (side, side): `material`, and float32 numbers about what is seen there.

    light: direct sun; cover: how readily snow lies; tone: colour variation, about [-1, 1];
    altitude: of the mountain, 0 to 1; haze: share of air colour. Where a material uses a number
    otherwise, the function that puts it there says so.
    """

    def __init__(self, scene: Scene, side: int) -> None:
        self.scene, self.side = scene, side
        self.material = np.zeros((side, side), np.uint8)
        numbers = np.zeros((len(NUMBERS), side, side), np.float32)
        self.light, self.cover, self.tone, self.altitude, self.haze = numbers

    def put(self, where: Any, material: int, **values: Any) -> None:
        """Overwrite the pixels `where` (any NumPy index); numbers not named become 0."""
        self.material[where] = material
        for name in NUMBERS:
            getattr(self, name)[where] = values.get(name, 0)


def survey(scene: Scene, size: int, side: int) -> Surface:
    """The surface seen in a picture of `size` pixels, sampled at `side` x `side` points."""
    surface = Surface(scene, side)
    grid = centres(side)
    _sky(surface, size, grid)
    for spec in scene.ranges:
        terrain = mountains(scene.number, spec, size, side, scene.sun)
        view = look(terrain.heights, scene.base, side)
        altitude = view.sample(terrain.altitude)
        surface.put(
            (view.rows, view.columns),
            ROCK,
            light=view.sample(terrain.light),
            cover=view.sample(terrain.gentle),
            tone=view.sample(terrain.tone),
            altitude=altitude * np.float32(spec.height / 0.4),
            haze=np.clip(spec.seen_from + 0.25 * (0.5 - altitude), 0, 1),
        )
    _forest(surface, size, grid)
    _ground(surface, size, grid)
    needles = PointNoise(scene.number, "conifer/needles")
    for number, tree in enumerate(scene.trees):
        _conifer(surface, number, tree, needles, size, grid)
    return surface


def _sky(surface: Surface, size: int, grid: Array) -> None:
    """light: brightness of the cloud; cover: its opacity; altitude: 0 at the horizon, 1 on top."""
    scene = surface.scene
    rows = int(scene.base * surface.side) + 1
    y = grid[:rows]
    away = 1.4 / (scene.base + 0.25 - y)
    count = octaves(6, size, 5)
    cloud = grid_fractal(scene.number, "sky/cloud", away * 3.0, grid * 4.5, count, 0.55)
    lit = grid_fractal(scene.number, "sky/cloud", away * 3.0 + 0.12, grid * 4.5, 3, 0.55)
    level = 0.55 - 0.75 * scene.clouds
    surface.cover[:rows] = smoothstep(level, level + 0.75, cloud)
    surface.light[:rows] = np.clip(0.5 + 0.6 * (lit - cloud), 0, 1)
    surface.altitude[:rows] = (1 - y / scene.base)[:, None]


def _forest(surface: Surface, size: int, grid: Array) -> None:
    """cover: 0 at the foot of a tree to 1 at its tip."""
    scene, side = surface.scene, surface.side
    wave = grid_fractal(scene.number, "hill", grid[:1], grid * 3, octaves(3, size, 4))[0]
    hill = scene.hill_height * np.clip(0.6 + 0.9 * wave, 0.05, 2)
    trees = forest(scene.number, hill, size, side, scene.sun, scene.tree_spacing)
    view = look(trees.heights, scene.shore, side)
    where = (view.farther, view.columns)
    level = scene.shore - (view.rows + 0.5) / side
    tip = np.clip((level - trees.ground[where]) / trees.tall[where], 0, 1)
    depth = view.farther.astype(np.float32) / 11
    surface.put(
        (view.rows, view.columns),
        FOREST,
        light=np.clip(0.25 + 0.45 * tip + 0.35 * trees.side_light[where], 0, 1),
        cover=tip,
        tone=trees.tone[where],
        haze=0.04 + 0.22 * depth * (0.3 + scene.hill_height * 8),
    )


def _ground(surface: Surface, size: int, grid: Array) -> None:
    """Meadow and, where the scene has one, the lake in it.

    Meadow: altitude is the brightness of the blades of grass. Lake: light is the height of the
    ripples, altitude 0 at its far end to 1 at the picture's edge, cover 1 on the shore.
    """
    scene, side = surface.scene, surface.side
    first = int(scene.shore * side)
    y = grid[first:]
    q = (y - scene.base) / (1 - scene.base)
    far = 2.2 / (q + 0.16)
    span = far - far[-1]
    count = octaves(5, size, 5)
    waves = grid_fractal(scene.number, "ground/waves", span * 1.3, grid * 5, count)
    swell = grid_fractal(scene.number, "ground/waves", span * 1.3, grid * 5, 2)
    slope = np.gradient(swell, axis=1).astype(np.float32) * (side / 5)
    patches = grid_fractal(scene.number, "ground/patches", span * 0.8, grid * 3, 3)
    blades = _blades(scene.number, size, y, grid)
    near = np.clip(q, 0, 1)[:, None]
    where = slice(first, None)
    light = 0.60 + 0.16 * np.clip(-scene.sun * slope, -2, 2)
    surface.put(
        where,
        MEADOW,
        light=np.clip(light, 0, 1.1),
        cover=0.5 + 0.5 * waves - 0.3 * blades,
        tone=patches,
        altitude=blades * (0.4 + 0.6 * near),
        haze=0.16 * (1 - near) * (1 - near),
    )
    if scene.lake is None:
        return
    cx, cq, rx, rq = scene.lake
    dx, dq = ((grid - cx) / rx)[None, :], ((q - cq) / rq)[:, None]
    edge = dx * dx + dq * dq + 0.30 * waves + 0.25 * patches
    shore = smoothstep(1.22, 1.0, edge)
    surface.light[where] *= 1 - 0.25 * shore
    surface.tone[where] -= 0.5 * shore
    inside = np.nonzero(edge < 1)
    ripples = grid_fractal(scene.number, "lake/ripples", span * 9, grid * 7, octaves(20, size, 2))
    surface.put(
        (inside[0] + first, inside[1]),
        LAKE,
        light=ripples[inside],
        tone=patches[inside],
        cover=smoothstep(0.72, 1.0, edge)[inside],
        altitude=(near * np.ones_like(edge))[inside],
    )


def _blades(number: int, size: int, y: Array, grid: Array) -> Array:
    """Upright texture of grass, as fine as a picture of `size` pixels can show."""
    total = np.zeros((len(y), len(grid)), np.float32)
    for cells, share in ((20, 0.3), (44, 0.4), (96, 0.55), (170, 0.6)):
        if cells <= size * 0.75:
            total += share * grid_noise(number, f"grass/{cells}", y * (cells * 0.6), grid * cells)
    return total


def _conifer(
    surface: Surface, number: int, tree: Tree, noise: PointNoise, size: int, grid: Array
) -> None:
    """cover: 1 on the upper side of a tier of branches, 0 below; a trunk has tone -2."""
    x, foot, tall = tree
    random = stream(surface.scene.number, f"conifer/{number}")
    tiers, slim = 7 + int(5 * random.random()), 0.19 + 0.07 * random.random()
    tint = 1.6 * random.random() - 0.8
    rows = np.flatnonzero((grid > foot - tall) & (grid < foot))
    columns = np.flatnonzero(np.abs(grid - x) < slim * tall * 1.25)
    if not len(rows) or not len(columns):
        return
    s = ((grid[columns] - np.float32(x)) / np.float32(tall))[None, :]
    t = ((np.float32(foot) - grid[rows]) / np.float32(tall))[:, None]
    ragged = np.zeros(np.broadcast_shapes(s.shape, t.shape), np.float32)
    for cells, share in ((24, 0.6), (55, 0.4)):
        if cells / tall <= size:
            ragged += share * noise(s * cells + 17 * number, t * (cells * 1.1))
    aside = np.abs(s) / slim
    phase = (t + 0.10 * aside * (1 - 0.3 * t) + 0.012 * ragged) * tiers * (1 + 0.35 * t)
    tier = phase - np.floor(phase)
    crown = (1 - t) * (0.90 - 0.10 * t) * (1.08 - 0.55 * tier + 0.30 * ragged)
    leaves = (aside < crown) & (t > 0.06)
    trunk = (np.abs(s) < 0.016) & (t <= 0.2) & ~leaves
    light = 0.34 + 0.38 * s / slim * surface.scene.sun + 0.35 * (tier - 0.4)
    light = light + 0.22 * ragged
    _shadow(surface, tree, grid)
    inside = np.nonzero(leaves)
    where = (rows[inside[0]], columns[inside[1]])
    surface.put(
        where,
        CONIFER,
        light=np.clip(light, 0, 1)[inside],
        cover=(tier + 0.25 * ragged)[inside],
        tone=tint + 0.4 * ragged[inside],
    )
    stem = np.nonzero(trunk)
    surface.put((rows[stem[0]], columns[stem[1]]), CONIFER, light=0.3, tone=-2)


def _shadow(surface: Surface, tree: Tree, grid: Array) -> None:
    """Darken the meadow on the side of a conifer that is away from the sun."""
    x, foot, tall = tree
    x -= 0.22 * tall * surface.scene.sun
    rows = np.flatnonzero(np.abs(grid - foot) < 0.05 * tall)
    columns = np.flatnonzero(np.abs(grid - x) < 0.42 * tall)
    dx = (grid[columns] - np.float32(x)) / np.float32(0.42 * tall)
    dy = (grid[rows] - np.float32(foot)) / np.float32(0.05 * tall)
    shade = smoothstep(1.0, 0.3, (dx * dx)[None, :] + (dy * dy)[:, None])
    box = np.ix_(rows, columns)
    meadow = surface.material[box] == MEADOW
    surface.light[box] *= np.where(meadow, 1 - np.float32(0.65) * shade, 1)
