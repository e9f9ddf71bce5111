"""A page's tables on a terminal, or as aligned text in a file or a pipe."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table as Drawn
from rich.text import Text

from harness.report.formatting import NO_BREAK
from harness.report.page import Cell, Table
from harness.system.terminal_tables import show
from harness.system.untrusted import printable


def print_table(table: Table, console: Console, dim: Iterable[int] = ()) -> None:
    """`dim`: numbers of rows that matter less."""
    drawn = Drawn(title=Text(table.caption) if table.caption else None, title_justify="left")
    for place, cell in enumerate(table.header):
        right = place > 0 and table.numeric
        drawn.add_column(_text(cell, "\n"), justify="right" if right else "left", overflow="fold")
    pale = set(dim)
    for number, row in enumerate(table.rows):
        cells = [_text(cell, "  ") for cell in row]
        drawn.add_row(*cells, style="dim" if number in pale else None)
    show(drawn, console)


def print_lines(lines: Iterable[str], console: Console) -> None:
    """Sentences: neither folded nor taken for markup, and nothing in them that is obeyed."""
    for line in lines:
        text = printable(line.replace(NO_BREAK, " "))
        console.print(text, markup=False, highlight=False, soft_wrap=True)


def _text(cell: Cell, between: str) -> Text:
    """Never markup: names of devices and errors are shown as they are."""
    lines = [line.replace(NO_BREAK, " ") for line in (cell.text, *cell.detail.splitlines())]
    return Text(between.join(printable(line) for line in lines if line))
