"""What a `seasons` scene shows and where: every random choice about its composition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.data.seasons.noise import stream
from harness.data.seasons.terrain import Range

Lake = tuple[float, float, float, float]
Tree = tuple[float, float, float]


@dataclass(frozen=True)
class Scene:
    """Positions and lengths in picture widths and heights, y downwards.

    base: foot of the mountains; sun: -1 (low on the left) to 1 (on the right); warmth: 0 at noon,
    1 in the evening; hue: -1 (cool) to 1 (warm), of the whole picture; clouds: 0 few, 1 many;
    lake: centre x and depth, radii in x and depth (depth is 0 at `base`, 1 at the lower edge);
    trees: x, y of the foot, and height, far ones first.
    """

    number: int
    base: float
    sun: float
    warmth: float
    hue: float
    clouds: float
    lake: Lake | None
    ranges: tuple[Range, ...]
    hill_height: float
    tree_spacing: float
    trees: tuple[Tree, ...]

    @property
    def shore(self) -> float:
        """Where the forest ends and the ground begins."""
        return self.base + 0.012


def compose(number: int) -> Scene:
    """Draw the composition of scene `number`."""
    random = stream(number, "scene")
    draw = random.random
    base = 0.54 + 0.09 * draw()
    sun = (1.0 if draw() < 0.5 else -1.0) * (0.65 + 0.35 * draw())
    warmth, hue, clouds = draw(), 2 * draw() - 1, draw()
    lake = None
    if draw() < 0.75:
        lake = (0.2 + 0.6 * draw(), 0.16 + 0.16 * draw(), 0.34 + 0.34 * draw(), 0.24 + 0.2 * draw())
    tall = 0.33 + 0.12 * draw()
    ranges = (
        Range("far", tall * (0.55 + 0.25 * draw()), 5, 0.5, 6.0, 0.9, 0.56),
        Range("main", tall, 3 + int(3 * draw()), 0.75, 5.0, 0.75, 0.20),
    )
    hill, spacing = 0.02 + 0.07 * draw(), 0.011 + 0.006 * draw()
    trees = _plant(random, base, lake)
    return Scene(number, base, sun, warmth, hue, clouds, lake, ranges, hill, spacing, trees)


def _plant(random: np.random.Generator, base: float, lake: Lake | None) -> tuple[Tree, ...]:
    """Conifers, far ones first and none in the lake: two groups at the sides, the rest anywhere."""
    trees = []
    side = random.random() < 0.5
    for number in range(18):
        x, q = random.random(), 0.06 + 0.5 * random.random() ** 2
        size = 0.8 + 0.5 * random.random()
        if number < 6:
            edge = 0.22 * random.random()
            x = edge if (number % 4 != 3) == side else 1 - edge
            q = 0.25 + 0.6 * random.random()
        elif random.random() < 0.35:
            continue
        if lake and ((x - lake[0]) / lake[2]) ** 2 + ((q - lake[1]) / lake[3]) ** 2 < 1.5:
            continue
        trees.append((x, base + q * (1 - base), size * (0.07 + 0.42 * q)))
    if not trees:
        trees.append((0.1 if side else 0.9, base + 0.94 * (1 - base), 0.40))
    return tuple(sorted(trees, key=lambda tree: tree[1]))
