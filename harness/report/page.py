"""A page as values: what it says, its tables and figures; `render.py` writes it in each format."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

TILE = 160  # pixels a test image is shown at, at least; small ones are enlarged by a whole factor
# Of a site: a file beside the page or in a folder there. Never an address, never a script.
LINK = re.compile(r"[a-z0-9-]+(/[a-z0-9-]+)?\.(html|jsonl)")


PARTS = " · "  # between the parts of a cell's text, as filter.js splits it


@dataclass(frozen=True)
class Cell:
    """`detail` is set small below `text`; `swatch` is a backend's colour.

    `link`: of `text`, to another file of a site; `LINK` says which. Markdown leaves it out.
    """

    text: str
    detail: str = ""
    swatch: str = ""
    link: str = ""

    def __post_init__(self) -> None:
        if self.link and not LINK.fullmatch(self.link):
            raise ValueError(f"{self.link!r}: not a link within a site")


@dataclass(frozen=True)
class Table:
    """The first column names the row; the others are right-aligned where `numeric`.

    `filters`: columns by whose texts a reader can choose rows. Of a text with `PARTS` between its
    parts each part can be chosen.
    """

    header: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""
    numeric: bool = True
    filters: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if any(len(row) != len(self.header) for row in self.rows):
            raise ValueError(f"{self.caption or self.header[0].text}: a row unlike the header")


def text_table(
    names: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "", numeric: bool = False
) -> Table:
    """A table of plain texts."""
    body = tuple(tuple(Cell(text) for text in row) for row in rows)
    return Table(tuple(Cell(name) for name in names), body, caption, numeric)


@dataclass(frozen=True)
class Sentence:
    """`lead` says what `text` is about: a direction, a device."""

    lead: str
    text: str


@dataclass(frozen=True)
class Answer:
    """`tone`: "yes", "no" or "open", for the colour beside the words, never instead of them.

    `aside`: a sentence in small print below `short`. `folded`: `sentences` are closed until a
    reader opens them.
    """

    question: str
    short: str
    tone: str
    sentences: tuple[Sentence, ...]
    folded: bool = False
    aside: str = ""


@dataclass(frozen=True)
class Note:
    """A paragraph. `style`: "" is plain, "soft", "notice" (of what is missing) or "command"."""

    text: str
    style: str = ""


@dataclass(frozen=True)
class Items:
    """A list. With a `warning` above it, both stand in a frame."""

    entries: tuple[str, ...]
    warning: str = ""


@dataclass(frozen=True)
class Figure:
    """`name`: of the PNG in figures/. A figure that was not drawn is left out of the page."""

    name: str
    caption: str


@dataclass(frozen=True)
class Column:
    title: str
    images: np.ndarray  # uint8 (N, H, W, C)


@dataclass(frozen=True)
class Gallery:
    """Columns of images, a row an index; `captions`: a line above each row, or none."""

    name: str
    title: str
    note: str
    columns: tuple[Column, ...]
    indices: tuple[int, ...] = ()
    captions: tuple[str, ...] = ()

    @property
    def side(self) -> int:
        """Pixels a tile is shown at: the smallest whole multiple that reaches TILE."""
        width = self.columns[0].images.shape[2]
        return width * max(1, -(-TILE // width))


@dataclass(frozen=True)
class Galleries:
    """Galleries side by side; in Markdown one below the other, each a PNG in figures/."""

    row: tuple[Gallery, ...]


@dataclass(frozen=True)
class Chart:
    """Loss curves to zoom into, which Markdown leaves out. `data`: JSON, as chart.js reads it.

    `imported`: an entry for each imported curve, in a folded list below the chart.
    """

    data: str
    caption: str
    imported: tuple[str, ...]


@dataclass(frozen=True)
class Section:
    """`content` is shown in its order, after `about` (a phrase each) and the answers.

    A section within a section has a smaller heading. `folded`: closed until a reader opens it.
    `anchor` and `link`: its id and its name in the bar above the page, which has links only where
    sections have a `link`.
    """

    title: str
    content: tuple[Block, ...]
    about: tuple[str, ...] = ()
    answers: tuple[Answer, ...] = ()
    folded: bool = False
    anchor: str = ""
    link: str = ""


Block = Note | Items | Figure | Galleries | Chart | Table | Section


@dataclass(frozen=True)
class Page:
    """`about`: what was measured, a phrase each.

    Around the answers: above them `lead`, which says how far they reach; below them `pictures`, a
    row of test images, and `notes`. `pages`: other pages of its site, linked in the bar above.
    """

    title: str
    about: tuple[str, ...]
    answers: tuple[Answer, ...]
    sections: tuple[Section, ...]
    lead: str = ""
    pictures: Galleries | None = None
    notes: tuple[Note | Items, ...] = ()
    pages: tuple[Cell, ...] = ()
