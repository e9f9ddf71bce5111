"""What the user sees while a comparison runs: bars on a terminal, sparse lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from harness.system.terminal_tables import is_drawn_on

LINE_SECONDS = 15.0


def duration(seconds: float) -> str:
    """12 s, 3 min 20 s, 2 h 05 min."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


class Display:
    """Named bars. On a terminal they are redrawn at 4 Hz: less would stutter, more would steal
    time from the workers; in a log file each writes a line now and then.

    `quiet`: nothing is shown. `verbose`: also what was decided, and why.
    """

    def __init__(self, console: Console, quiet: bool = False, verbose: bool = False):
        self.console, self.quiet, self.verbose = console, quiet, verbose
        self._drawn = is_drawn_on(console) and not quiet
        self._bars = Progress(
            TextColumn("{task.description:<22}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(),
            console=console,
            refresh_per_second=4,
            transient=True,
        )
        self._tasks: dict[str, Any] = {}
        self._said: dict[str, float] = {}

    def __enter__(self) -> Display:
        if self._drawn:
            self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._drawn:
            self._bars.stop()

    def say(self, line: str) -> None:
        """A line that stays. Names and paths are printed as they are, not as markup."""
        if not self.quiet:
            self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def detail(self, line: str) -> None:
        """A line for those who asked for more."""
        if self.verbose:
            self.say(line)

    def update(self, name: str, done: int, total: int, note: str = "") -> None:
        """Show that `done` of `total` of `name` is done."""
        if not self._drawn:
            self._line(name, done, total, note)
        elif name not in self._tasks:
            self._tasks[name] = self._bars.add_task(
                name, completed=done, total=total or None, note=note
            )
        else:
            self._bars.update(self._tasks[name], completed=done, total=total or None, note=note)

    def stage(self, name: str, done: int, total: int) -> None:
        """As `update`; the shape of callback that data sets and metrics take."""
        self.update(name, done, total)

    def _line(self, name: str, done: int, total: int, note: str) -> None:
        now = time.monotonic()
        last = self._said.get(name)
        if last is None:
            self._said[name] = now
        elif now - last > LINE_SECONDS or (done == total and total):
            self._said[name] = now
            self.say(f"{name}: {done} of {total or '?'} {note}".rstrip())
