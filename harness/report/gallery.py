"""Rows of test images: original beside each backend's result, at fixed evenly spaced indices."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from harness.records.experiment import ExperimentFolder
from harness.records.run import RunRecord

ROWS = 6
TILE = 160  # pixels a tile is shown at, at least; small images are enlarged by a whole factor
TIMES = 4  # of how much a difference is shown
QUALITY = 90  # a page of a comparison at 256 pixels has some two hundred
LOSSLESS = 128  # up to this side a tile is PNG; larger photographs would swell the page
GAP, HEADER = 6, 26  # pixels between tiles, and of a line of text


@dataclass(frozen=True)
class Column:
    title: str
    images: np.ndarray  # uint8 (N, H, W, C)


@dataclass(frozen=True)
class Gallery:
    """Columns of images of the same test indices; `captions`: a line above each row, or none."""

    name: str
    title: str
    note: str
    columns: tuple[Column, ...]
    indices: tuple[int, ...]
    captions: tuple[str, ...] = ()

    @property
    def side(self) -> int:
        """Pixels a tile is shown at: the smallest whole multiple that reaches TILE."""
        width = self.columns[0].images.shape[2]
        return width * max(1, -(-TILE // width))


def shown_runs(experiment: ExperimentFolder) -> tuple[RunRecord, ...]:
    """One complete run a backend, of the first device and seed that most backends have."""
    candidates = [(device, seed) for device in experiment.devices for seed in experiment.seeds]

    def at(place: tuple[str, int]) -> tuple[RunRecord, ...]:
        device, seed = place
        found = (r for name in experiment.present for r in experiment.of(name, device))
        return tuple(run for run in found if run.seed == seed)

    return max(map(at, candidates), key=len, default=())


def galleries(experiment: ExperimentFolder) -> list[Gallery]:
    """Translations, round trips and identity images; a gallery whose images are absent is not."""
    runs = shown_runs(experiment)
    if not (runs and experiment.references):
        return []
    results = {run.backend: run.final_evaluation for run in runs}
    a, b = experiment.domain("a"), experiment.domain("b")
    wanted = [
        ("ab", f"{a} → {b}", "", "a", "truth_ab"),
        ("ba", f"{b} → {a}", "", "b", "truth_ba"),
        ("aba", f"Round trip {a} → {b} → {a}", "Should give back the original.", "a", ""),
        ("bab", f"Round trip {b} → {a} → {b}", "Should give back the original.", "b", ""),
        ("identity_a", f"Identity {a}", f"Given {a} already: should change nothing.", "a", ""),
        ("identity_b", f"Identity {b}", f"Given {b} already: should change nothing.", "b", ""),
    ]  # fmt: skip
    found = []
    for name, title, note, side, truth in wanted:
        columns = [
            Column(f"original ({experiment.domain(side)})", experiment.references[f"real_{side}"])
        ]
        columns += [
            Column(experiment.title(backend), arrays[name])
            for backend, arrays in results.items()
            if name in arrays
        ]
        count = len(columns)
        if count == 3:
            columns.append(_difference(*(column.images for column in columns[1:])))
        if truth in experiment.references:
            columns.append(Column("truth", experiment.references[truth]))
        if count > 1:
            count = min(len(column.images) for column in columns)
            found.append(Gallery(name, title, note, tuple(columns), spaced(count)))
    return found


def _difference(one: np.ndarray, other: np.ndarray) -> Column:
    count = min(len(one), len(other))
    gap = np.abs(one[:count].astype(np.int16) - other[:count])
    return Column(f"difference × {TIMES}", np.minimum(TIMES * gap, 255).astype(np.uint8))  # noqa: RUF001


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
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(15)
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


def sheets(rows: Sequence[Gallery]) -> dict[str, bytes]:
    """File name in figures/ -> PNG."""
    return {f"images_{gallery.name}.png": sheet(gallery) for gallery in rows}


def _picture(image: np.ndarray) -> Image.Image:
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
