"""Tables on stdout: drawn on a terminal, plain aligned text in a file or a pipe."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

# Wider than any row: where nobody looks at the edge of a window, no cell is cut or folded.
UNBOUNDED = 100_000


def screen(quiet: bool = False) -> Console:
    """stdout. `quiet`: one that shows nothing."""
    console = Console(quiet=quiet)
    return console if is_drawn_on(console) else Console(quiet=quiet, width=UNBOUNDED)


def is_drawn_on(console: Console) -> bool:
    """Whether lines, colours and bars may be drawn there: a terminal that knows how to."""
    return console.is_terminal and not console.is_dumb_terminal


def show(table: Table, console: Console) -> None:
    """Print a table; where nothing can be drawn, its columns two spaces apart and no more."""
    if is_drawn_on(console):
        console.print(table)
        return
    table.box, table.padding, table.pad_edge = None, (0, 2, 0, 0), False
    table.title_style = table.caption_style = table.header_style = ""
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        console.print(line.rstrip(), markup=False, highlight=False, soft_wrap=True)
    console.print()
