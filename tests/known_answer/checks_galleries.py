"""Galleries of a report, pixel by pixel: as values, as the sheets of report.md, on the page."""

from __future__ import annotations

import base64
import io
import math
import re
from collections.abc import Iterator, Sequence
from html import unescape

import known_backend as known
import known_set
import numpy as np
from by_hand import mae
from checks_data import A, B
from checks_training import made
from known_world import STEPS, World
from PIL import Image

NAMES = known.FRAMEWORKS


def wanted_galleries() -> Iterator[tuple[str, list[tuple[str, np.ndarray]]]]:
    """By name, titles and images of the columns, of seed 0 after the last step."""
    arrays = {backend: made(backend, 0, STEPS) for backend in known.BACKENDS}
    truths = {"ab": known_set.truths("testA", known_set.SHOWN_A),
              "ba": known_set.truths("testB", known_set.SHOWN_B)}  # fmt: skip
    for name in ("ab", "ba", "aba", "bab", "identity_a", "identity_b"):
        side = name[-1] if name.startswith("identity") else name[0]
        columns = [(f"original ({side.upper()})", A if side == "a" else B)]
        columns += [(NAMES[backend], arrays[backend][name]) for backend in known.BACKENDS]
        one, two = (arrays[backend][name].astype(float) for backend in known.BACKENDS)
        gap = np.abs(one - two).mean(-1, keepdims=True)
        white = max(1, math.ceil(gap.max()))
        grey = np.rint(np.minimum(gap / white, 1) * 255).astype(np.uint8)
        columns.append((f"difference, 0 to {white}", np.repeat(grey, 3, axis=-1)))
        if name in truths:
            columns.append(("truth", truths[name]))
        yield name, columns


def _check_gallery(world: World, name: str, columns: list, indices: Sequence[int]) -> None:
    """As values, as the sheet beside report.md, and as tiles of the page."""
    shown = (*world.page.findings.galleries, *world.page.findings.pictures,
             *world.page.findings.cases)  # fmt: skip
    (gallery,) = (one for one in shown if one.name == name)
    assert [column.title for column in gallery.columns] == [title for title, _ in columns], name
    assert list(gallery.indices) == list(indices), f"{name}: images {gallery.indices}"
    for column, (title, images) in zip(gallery.columns, columns, strict=True):
        assert np.array_equal(column.images, images), f"gallery {name}: {title}"
    sheet = np.asarray(Image.open(io.BytesIO(world.files[f"figures/images_{name}.png"])))
    side, gap = gallery.side, 6
    row_height = (sheet.shape[0] - 26 + gap) // len(indices)
    for x, (title, images) in enumerate(columns):
        for y, index in enumerate(indices):
            bottom = 26 + (y + 1) * row_height - gap
            tile = sheet[bottom - side : bottom, x * (side + gap) : x * (side + gap) + side]
            small = tile[side // 32 :: side // 16, side // 32 :: side // 16]
            assert np.array_equal(small, images[index]), f"sheet {name}: {title}, row {y}"
    tiles = _tiles(world, gallery.title, gallery.name.startswith("first"))
    for (title, images), place in zip(columns, range(len(columns)), strict=True):
        for y, index in enumerate(indices):
            number, column, pixels = tiles[y * len(columns) + place]
            assert (number, column) == (index, title), f"page, {name}: {column} {number}"
            assert np.array_equal(pixels, images[index]), f"page, {name}: {title}, image {index}"


def _tiles(world: World, title: str, first: bool) -> list[tuple[int, str, np.ndarray]]:
    """Of a gallery on the page: number, column and pixels, in their order."""
    html = world.files["report.html"].decode()
    parts = html.split(f'data-title="{title}"')[1:]
    part = (parts[0] if first else parts[-1]).split("</div></div>")[0]
    tags = re.findall(
        r'<img src="data:image/png;base64,([^"]*)" alt="[^"]*" data-column="([^"]*)"'
        r' data-image="(\d+)"', part)  # fmt: skip
    return [
        (int(number), unescape(column),
         np.asarray(Image.open(io.BytesIO(base64.b64decode(content))).convert("RGB")))
        for content, column, number in tags
    ]  # fmt: skip


def galleries(world: World) -> None:
    for name, columns in wanted_galleries():
        count = len(columns[0][1])
        _check_gallery(world, name, columns, range(count))
        if name in ("ab", "ba"):
            _check_gallery(world, f"first_{name}", columns[:3], [0])


def extremes(world: World) -> None:
    """Smallest and largest cycle errors; most and least convincing to the discriminators."""
    arrays = {backend: made(backend, 0, STEPS) for backend in known.BACKENDS}
    for direction, source, cycle in (("ab", A, "aba"), ("ba", B, "bab")):
        errors = {b: mae(arrays[b][cycle], source) for b in known.BACKENDS}
        columns = [("original", source)]
        for backend in known.BACKENDS:
            columns += [(NAMES[backend], arrays[backend][direction]),
                        ("and back", arrays[backend][cycle])]  # fmt: skip
        _check_extremes(world, f"cycle_{direction}", columns, errors, 1.0, 1)
        target = direction[-1]
        outputs = {
            b: arrays[b][f"patches_fake_{target}"].astype(float).mean((1, 2))
            for b in known.BACKENDS
        }
        columns = [("original", source)]
        columns += [(NAMES[b], arrays[b][direction]) for b in known.BACKENDS]
        _check_extremes(world, f"judged_{direction}", columns, outputs, -1.0, 2)


def _check_extremes(
    world: World, name: str, columns: list, values: dict[str, np.ndarray], sign: float, digits: int
) -> None:
    mean = sign * np.mean(list(values.values()), axis=0)
    order = sorted(range(len(mean)), key=lambda i: (mean[i], i))
    indices = [*order[:2], *order[2:][-2:]]
    _check_gallery(world, name, columns, indices)
    (gallery,) = (one for one in world.page.findings.cases if one.name == name)
    for caption, index in zip(gallery.captions, indices, strict=True):
        numbers = [f"{NAMES[b]} {values[b][index]:.{digits}f}" for b in known.BACKENDS]
        assert caption.endswith(f"test image {index}: {', '.join(numbers)}"), caption


CHECKS = (galleries, extremes)
