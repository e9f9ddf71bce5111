"""A page as values: what it says, its tables and figures; `render.py` writes it in each format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    """`detail` is set small below `text`; `swatch` is a backend's colour."""

    text: str
    detail: str = ""
    swatch: str = ""


@dataclass(frozen=True)
class Table:
    """The first column names the row; the others are right-aligned where `numeric`."""

    header: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""
    numeric: bool = True


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
    """`tone`: "yes", "no" or "open", for the colour beside the words, never instead of them."""

    question: str
    short: str
    tone: str
    sentences: tuple[Sentence, ...]


@dataclass(frozen=True)
class Note:
    """A paragraph. `style`: "" is plain, "soft", "notice" (of what is missing) or "command"."""

    text: str
    style: str = ""


@dataclass(frozen=True)
class Items:
    """A list."""

    entries: tuple[str, ...]


@dataclass(frozen=True)
class Figure:
    """`name`: of the PNG in figures/. A figure that was not drawn is left out of the page."""

    name: str
    caption: str


@dataclass(frozen=True)
class Section:
    """`content` is shown in its order, after `about` (a phrase each) and the answers.

    A section within a section has a smaller heading. `folded`: closed until a reader opens it.
    """

    title: str
    content: tuple[Block, ...]
    about: tuple[str, ...] = ()
    answers: tuple[Answer, ...] = ()
    folded: bool = False


Block = Note | Items | Figure | Table | Section


@dataclass(frozen=True)
class Page:
    """`about`: what was measured, a phrase each. `lead`: a sentence above the answers."""

    title: str
    about: tuple[str, ...]
    answers: tuple[Answer, ...]
    sections: tuple[Section, ...]
    lead: str = ""
