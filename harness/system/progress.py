"""What the user sees while a comparison runs: bars on a terminal, sparse lines elsewhere."""

from __future__ import annotations

import textwrap
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from harness.system.terminal_tables import is_drawn_on

LINE_SECONDS = 15.0
OVERALL = "in all"


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
    time from the workers; in a log file each writes a line now and then. A bar that is full goes.

    Where parts of the work are expected (`expect`), one bar is of all of them, and the only
    estimate of the time left is beside it.

    `quiet`: nothing is shown. `verbose`: also what was decided, and why.
    """

    def __init__(self, console: Console, quiet: bool = False, verbose: bool = False):
        self.console, self.quiet, self.verbose = console, quiet, verbose
        self._drawn = is_drawn_on(console) and not quiet
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[count]}"),
            TextColumn("{task.fields[note]}"),
            console=console,
            refresh_per_second=4,
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}
        self._said: dict[str, float] = {}
        self._left: dict[str, float] = {}  # seconds, by part
        self._began: dict[str, tuple[float, int]] = {}  # when a bar was first seen, and at what
        self._start = time.monotonic()

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
        """A line that stays. Names and paths are printed as they are, not as markup.

        A terminal folds it between words; in a file it is one line.
        """
        if self.quiet:
            return
        if self._drawn:
            line = textwrap.fill(
                line, self.console.width, break_long_words=False, break_on_hyphens=False
            )
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def detail(self, line: str) -> None:
        """A line for those who asked for more."""
        if self.verbose:
            self.say(line)

    @property
    def left(self) -> float:
        """Seconds until everything expected is done."""
        return sum(self._left.values())

    def expect(self, part: str, seconds: float) -> None:
        """`seconds` of `part` are left, as far as is known; 0 when it is done.

        Where bars have the name of a part, its pace replaces what was expected. That a part is done
        which nobody expected is of no interest.
        """
        if not seconds and part not in self._left:
            return
        self._left[part] = seconds
        if self._drawn:
            spent = time.monotonic() - self._start
            share = spent / (spent + self.left) if spent else 0.0
            self._draw(OVERALL, share, 1.0, f"{share:.0%}", f"about {duration(self.left)} left")

    def update(
        self, name: str, done: int, total: int, note: str = "", estimated: bool = False
    ) -> None:
        """Show that `done` of `total` of `name` is done.

        `estimated`: the time left will be told for the whole, so not for this bar.
        """
        left = self._measure(name, done, total)
        if not self._drawn:
            self._line(name, done, total, note)
        elif total and done >= total:
            if name in self._tasks:
                self._bars.remove_task(self._tasks.pop(name))
        else:
            if left is not None and not (self._left or estimated):
                note = f"{note}  about {duration(left)} left".strip()
            count = f"{done} of {total}" if total else f"{done}"
            self._draw(name, done, total or None, count, note)

    def stage(self, name: str, done: int, total: int) -> None:
        """As `update`; the shape of callback that data sets and metrics take."""
        self.update(name, done, total)

    def _measure(self, name: str, done: int, total: int) -> float | None:
        """Seconds until this bar is full, at its pace so far; None where it has none yet."""
        now = time.monotonic()
        began, first = self._began.setdefault(name, (now, done))
        left = None
        if total and done >= total:
            del self._began[name]  # another of this name starts anew
            left = 0.0
        elif total and done > first:
            left = (now - began) / (done - first) * (total - done)
        if left is not None and name in self._left:
            self.expect(name, left)
        return left

    def _draw(self, name: str, done: float, total: float | None, count: str, note: str) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(name, total=total, count="", note="")
        self._bars.update(self._tasks[name], completed=done, total=total, count=count, note=note)

    def _line(self, name: str, done: int, total: int, note: str) -> None:
        now = time.monotonic()
        last = self._said.get(name)
        if last is None:
            self._said[name] = now
        elif now - last > LINE_SECONDS or (done == total and total):
            self._said[name] = now
            self.say(f"{name}: {done} of {total or '?'} {note}".rstrip())
