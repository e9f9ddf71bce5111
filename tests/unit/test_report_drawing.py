"""Figures as files: PNG for the page, SVG and PDF for a paper; always the same bytes."""

import io
from functools import partial
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from harness.report import figures
from harness.report.figures import DPI, MANY, figure, files

INCHES = (4, 3)
SVG = "{http://www.w3.org/2000/svg}"


def scattered(count, axes):
    values = np.random.default_rng(0).normal(size=(2, count))
    axes[0, 0].scatter(*values, s=2)
    axes[0, 0].set_title("a $name_ & <b>", parse_math=False)


@pytest.fixture(scope="module")
def few():
    return figure(1, 1, INCHES, partial(scattered, 50), "step")


def test_each_format_is_what_its_name_says(few):
    assert Image.open(io.BytesIO(few.png)).size == tuple(side * DPI for side in INCHES)
    root = ElementTree.fromstring(few.svg)
    assert root.tag == f"{SVG}svg" and root.get("viewBox") == "0 0 288 216"
    assert few.pdf.startswith(b"%PDF-") and few.pdf.rstrip().endswith(b"%%EOF")


def test_text_is_outlines_in_svg_and_an_embedded_font_in_pdf(few):
    root = ElementTree.fromstring(few.svg)
    assert not list(root.iter(f"{SVG}text")) and b"font-family" not in few.svg
    assert b"/FontFile2" in few.pdf and b"/Type3" not in few.pdf


def test_the_same_drawing_is_the_same_bytes_and_holds_no_date(few):
    assert figure(1, 1, INCHES, partial(scattered, 50), "step") == few
    for content in (few.svg, few.pdf):
        assert not [word for word in (b"Date", b"date>", b"atplotlib v") if word in content]


def test_places_are_those_that_matplotlib_finds_by_itself(monkeypatch):
    """Titles of any size, one above a power of ten; labels, and none."""

    def draw(axes):
        axes[0, 0].plot([0, 1e-7])
        axes[0, 0].set_title("one", loc="left")
        axes[0, 1].set_title("two\nlines", loc="left", fontsize=8)
        axes[1, 0].set_ylabel("label")

    ours = figure(2, 2, (8, 6), draw, "step").png
    monkeypatch.setattr(figures, "_lay_out", lambda figure: None)
    assert figure(2, 2, (8, 6), draw, "step").png == ours


def test_a_dense_scatter_is_pixels_and_does_not_swell_the_file(few):
    dense = figure(1, 1, INCHES, partial(scattered, 20 * MANY), "step")
    assert b"data:image/png" in dense.svg and b"data:image/png" not in few.svg
    assert len(dense.svg) < 200_000 and len(dense.pdf) < 200_000


def test_files_lie_side_by_side_under_the_name_of_the_png(few):
    found = files({"blocks_v1.2-cpu.png": few})
    assert found == {
        "blocks_v1.2-cpu.png": few.png, "blocks_v1.2-cpu.svg": few.svg,
        "blocks_v1.2-cpu.pdf": few.pdf,
    }  # fmt: skip
