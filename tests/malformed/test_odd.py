"""Odd, but legal: it works, and comes out right."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from case import Place, audit
from cases_images import encoded
from datasets_helpers import picture, png
from page_reader import check_self_contained, outside_fences
from PIL import Image
from refusal import run

from harness.data import load_images, prepare
from harness.records.experiment import load
from harness.report.comparison.findings import find
from harness.report.comparison.page import make_page
from harness.report.render import page_html, page_markdown

SIDE = 12
EXIF_ORIENTATION = 0x0112


def rotated() -> bytes:
    """Stored upright, with a note that it is to be shown on its side."""
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = 6
    return encoded(picture(7), "JPEG", exif=exif, quality=95)


def animated(kind: str) -> bytes:
    """Of two frames."""
    return encoded(
        picture(7), kind, save_all=True, append_images=[picture(8)], lossless=True, duration=100
    )


def of_16_bits() -> bytes:
    """A colour PNG of 16 bits a channel, of which Pillow takes the upper ones."""
    import zlib

    from case import chunk

    pixels = np.asarray(picture(7)).astype(">u2") * 257
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    size = SIDE.to_bytes(4, "big") * 2
    chunks = [
        (b"IHDR", size + bytes([16, 2, 0, 0, 0])), (b"IDAT", zlib.compress(rows)), (b"IEND", b""),
    ]  # fmt: skip
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)


def stored(content: bytes) -> np.ndarray:
    """As it lies in the file, in RGB."""
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


EXACT = np.asarray(picture(7))
# Name of the file, its content, and its pixels where they are known better than by decoding it.
IMAGES: dict[str, tuple[str, Callable[[], bytes], np.ndarray | None]] = {
    "CMYK": ("a.jpg", lambda: encoded(picture(7).convert("CMYK"), "JPEG"), None),
    "a palette": ("a.png", lambda: png(picture(7).quantize(256)), None),
    "black and white": ("a.png", lambda: png(picture(7).convert("1")), None),
    "grey": ("a.png", lambda: png(picture(7).convert("L")), None),
    "grey with transparency": ("a.png", lambda: png(picture(7).convert("LA")), None),
    "transparency": ("a.png", lambda: png(picture(7).convert("RGBA")), EXACT),
    "16 bits of each colour": ("a.png", of_16_bits, EXACT),
    "an animated WebP": ("a.webp", lambda: animated("WEBP"), EXACT),
    "an animated PNG": ("a.png", lambda: animated("PNG"), EXACT),
    "several pages of a TIFF": ("a.tiff", lambda: animated("TIFF"), EXACT),
    "a progressive JPEG": ("a.jpeg", lambda: encoded(picture(7), "JPEG", progressive=True), None),
    "a PNG called JPEG": ("a.jpg", lambda: png(picture(7)), EXACT),
    "capitals": ("A.PNG", lambda: png(picture(7)), EXACT),
    "spaces and accents": ("été à la mer.png", lambda: png(picture(7)), EXACT),
    "right to left, and a smile": ("ים 😀.png", lambda: png(picture(7)), EXACT),
    "markup": ("<script>alert(1)<&.png", lambda: png(picture(7)), EXACT),
    "a line break": ("a\nb.png", lambda: png(picture(7)), EXACT),
    "what moves a cursor": ("\x1b[2J.png", lambda: png(picture(7)), EXACT),
    "a rotation for viewers": ("a.jpg", rotated, None),
}  # fmt: skip


@pytest.mark.parametrize("name", IMAGES)
def test_an_odd_image_is_read_as_it_is_stored(name: str, place: Place) -> None:
    file, content, expected = IMAGES[name]
    folder = place.data_set()
    (folder / "trainA" / "0.png").unlink()
    (folder / "trainA" / "1.png").unlink()
    raw = content()
    (folder / "trainA" / file).write_bytes(raw)
    prepared = prepare("set", place.data)
    assert [each.name for each in prepared.manifest.splits["trainA"]] == [file]
    wanted = stored(raw) if expected is None else expected
    np.testing.assert_array_equal(load_images(prepared.manifest, "trainA", SIDE)[0], wanted)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (20_000, 1), (1, 20_000), (20_000, 40)])
def test_an_image_of_odd_proportions_is_stretched(place: Place, width: int, height: int) -> None:
    folder = place.data_set()
    Image.new("RGB", (width, height), (200, 100, 50)).save(folder / "trainA" / "0.png")
    prepared = prepare("set", place.data)
    image = load_images(prepared.manifest, "trainA", SIDE)[0]
    assert image.shape == (SIDE, SIDE, 3) and (image == (200, 100, 50)).all()


def test_what_a_terminal_would_obey_is_not_sent_to_it(place: Place, capsys) -> None:
    folder = place.data_set()
    for name in ("\x1b[2J.png", "a\nb.png", os.fsdecode(b"\xff.png")):
        (folder / "trainA" / name).write_bytes(b"")
    assert run([str(each) for each in audit(place)]) == 0
    said = capsys.readouterr().out
    assert "\x1b" not in said and "left out: 3" in said
    assert r"trainA/\x1b[2J.png" in said and r"trainA/a\nb.png" in said and r"\udcff.png" in said


def test_one_unreadable_image_among_others_is_left_out_and_listed(place: Place, capsys) -> None:
    folder = place.data_set()
    (folder / "trainA" / "pipe.png").symlink_to("/dev/zero")
    assert run([str(each) for each in audit(place)]) == 0
    assert "trainA/pipe.png: cannot be read: not a file" in capsys.readouterr().out
    assert len(prepare("set", place.data).manifest.splits["trainA"]) == 2


def test_a_domain_of_one_image_is_a_domain(place: Place) -> None:
    place.data_set(count=1)
    manifest = prepare("set", place.data).manifest
    assert [len(files) for files in manifest.splits.values()] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    "name", ["<script>alert(1)", "a & b", "été à la mer", "ים 😀", "[x](javascript:y)"]
)
def test_hostile_names_stay_text_on_a_page(name: str, place: Place) -> None:
    """From the name of a folder to the page."""
    import json

    data_set = prepare(str(place.data_set(name)))
    assert data_set.manifest.name == name
    folder = place.copy(place.templates.experiment)
    document = json.loads((folder / "experiment.json").read_text())
    document["dataset"] = document["configuration"]["titles"]["a"] = data_set.manifest.name
    (folder / "experiment.json").write_text(json.dumps(document))
    experiment = load(folder)
    page = make_page(experiment, find(experiment))
    assert name in check_self_contained(page_html(page, {})).text
    # A bracket with a backslash in front of it is a bracket, and no link.
    markdown = outside_fences(page_markdown(page))
    assert "<script" not in markdown and not re.search(r"(?<!\\)\]\(javascript", markdown)


def test_a_study_called_oddly_is_read(place: Place) -> None:
    from harness.studies.grid.file import read_study

    path: Path = place.folder / "été <b> & 😀.yaml"
    path.write_text("description: x\npreset: smoke\ngrid: {model.blocks: [1]}\n")
    assert read_study(str(path))[0] == "été <b> & 😀"
