"""A queue of units, and whatever starts them: it knows no scheduler.

What a unit has come to is read from its records, so it does not matter which process trained it:
a second driver finds what the first one left, running or complete.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import Protocol

from harness.launch.unit import Unit
from harness.records.units import UnitStatus
from harness.system.errors import WorkerFailed
from harness.system.interruptions import ignored
from harness.system.lock import is_locked
from harness.system.progress import Display, duration
from harness.training.jobs import TRAINING

POLL_SECONDS = 0.5


class Handle(Protocol):
    """One submitted unit."""

    def ended(self) -> bool:
        """Whether nothing is left that could train it."""

    def cancel(self) -> None:
        """Ask it to leave checkpoints and end; does not wait for that."""

    def wait(self) -> None:
        """After `cancel`, until it has ended, or was killed for not doing so."""


class Launcher(Protocol):
    """What starts units."""

    name: str

    def room(self) -> int:
        """How many more units may be submitted now."""

    def submit(self, units: Sequence[Unit]) -> Iterator[tuple[Unit, Handle]]:
        """Start them, or have a scheduler start them. Writes that they are queued."""

    def find(self, unit: Unit, status: UnitStatus) -> Handle | None:
        """One that an earlier driver has submitted and that is still waiting or running."""

    def leave(self) -> bool:
        """Whether units go on when this process is interrupted."""


class _Held:
    """A unit that a process trains which is none of ours."""

    def __init__(self, unit: Unit):
        self.unit = unit

    def ended(self) -> bool:
        return not is_locked(self.unit.files.lock)

    def cancel(self) -> None:
        pass

    def wait(self) -> None:
        pass


def train_units(
    units: Sequence[Unit], launcher: Launcher, display: Display, restarts: int
) -> list[WorkerFailed]:
    """Bring all units to an end; one that fails does not keep the others from running.

    One that died, or fell silent, is submitted again, `restarts` times at most. On
    KeyboardInterrupt every unit leaves checkpoints, unless the launcher leaves them running.
    """
    queue = _Queue(launcher, display, restarts)
    queue.waiting.extend(units)
    try:
        while queue.waiting or queue.running:
            queue.submit()
            time.sleep(POLL_SECONDS)
            queue.look()
            queue.show()
    except BaseException:
        queue.give_up()
        raise
    display.expect(TRAINING, 0.0)
    return queue.failures


class _Queue:
    def __init__(self, launcher: Launcher, display: Display, restarts: int):
        self.launcher, self.display, self.restarts = launcher, display, restarts
        self.waiting: deque[Unit] = deque()
        self.running: dict[Unit, Handle] = {}
        self.failures: list[WorkerFailed] = []
        self._tries: Counter[Unit] = Counter()
        self._began: dict[Unit, float] = {}
        self._said = False

    def submit(self) -> None:
        room, ours = self.launcher.room(), list[Unit]()
        while self.waiting and len(ours) < room:
            unit = self.waiting.popleft()
            before = unit.files.read()
            found = before and self.launcher.find(unit, before)
            if found:
                job = f"{self.launcher.name} job {before.job}"  # type: ignore[union-attr]
                self._runs(unit, found, f"found as {job}")
            elif is_locked(unit.files.lock):
                self._runs(unit, _Held(unit), "another process trains it; waiting for that")
            else:
                ours.append(unit)
        for unit, handle in self.launcher.submit(ours):
            self._runs(unit, handle, self._where(unit))

    def _runs(self, unit: Unit, handle: Handle, how: str) -> None:
        self.running[unit] = handle
        self._began.setdefault(unit, time.monotonic())
        self.display.say(f"{unit.label}: {how}")

    def look(self) -> None:
        for unit, handle in list(self.running.items()):
            if not handle.ended():
                continue
            del self.running[unit]
            status = unit.files.read()
            done = "interrupted" if unit.timed_part else "complete"
            if status is not None and status.state == done:
                self.display.say(f"{unit.label}: {'timed' if unit.timed_part else 'complete'}")
            elif isinstance(handle, _Held):  # it ended without completing; now it is ours
                self.waiting.appendleft(unit)
            else:
                self._failed(unit, _failure(unit, status))

    def _failed(self, unit: Unit, failure: WorkerFailed) -> None:
        self._tries[unit] += 1
        if failure.passing and self._tries[unit] <= self.restarts:
            self.display.say(f"{failure}. Starting anew from the last checkpoints")
            self.waiting.append(unit)
            return
        self.display.say(f"Failed: {failure}")
        self.failures.append(failure)

    def show(self) -> None:
        """A bar a running unit, and how long everything will take from here."""
        left: list[float] = []
        whole: list[float] = []
        for unit in self.running:
            status = unit.files.read()
            if status is None or status.steps is None or status.state != "running":
                continue
            where = f" on {status.host}" if self.launcher.name != "local" else ""
            self.display.update(
                f"{unit.label}{where}", status.step or 0, status.steps, estimated=True
            )
            if status.seconds_left is not None:
                left.append(status.seconds_left)
                whole.append(status.seconds_left + time.monotonic() - self._began[unit])
        if not left or len(left) < len(self.running):
            return
        seconds = max(left) + max(whole) * len(self.waiting) / len(self.running)
        self.display.expect(TRAINING, seconds)
        if not self._said:
            self._said = True
            self.display.say(f"About {duration(seconds)} from here for what is to be trained")

    def give_up(self) -> None:
        with ignored():
            if self.launcher.leave():
                self.display.say("What was submitted goes on; the same command finds it again")
                return
            for handle in self.running.values():
                handle.cancel()
            for handle in self.running.values():
                handle.wait()

    def _where(self, unit: Unit) -> str:
        status = unit.files.read()
        job = f" as job {status.job}" if status and status.job else ""
        return "starting" if self.launcher.name == "local" else f"submitted{job}"


def _failure(unit: Unit, status: UnitStatus | None) -> WorkerFailed:
    """Of a unit that ended without being complete."""
    see = f"see {unit.files.log}"
    if status is not None and status.state == "failed":
        return WorkerFailed(f"{unit.label}: {status.why}; {see}", status.fault or "error")
    return WorkerFailed(f"{unit.label}: its process ended without a word; {see}", "died")
