"""Units on this machine: each has a GPU of its own, or a share of the CPUs."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from harness.launch.queue import Handle
from harness.launch.unit import Unit
from harness.records.units import UnitStatus
from harness.system.interpreters import ROOT, environment
from harness.system.lock import open_own
from harness.training.worker_process import STOP_SECONDS


class UnitProcess:
    """A process that trains a unit. It ends with this one, whatever that dies of."""

    def __init__(self, unit: Unit, variables: Mapping[str, str]):
        unit.files.log.parent.mkdir(parents=True, exist_ok=True)
        with open_own(unit.files.log) as log:
            self._process = subprocess.Popen(
                unit.command(),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env={**environment(), **variables},
                # Ctrl-C goes to a whole group of processes: this one decides what it means.
                start_new_session=True,
            )

    def ended(self) -> bool:
        return self._process.poll() is not None

    def pause(self) -> None:
        """For a moment. Not in `wait`, which a signal's handler could not call once more then."""
        time.sleep(0.2)

    def cancel(self) -> None:
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()

    def wait(self) -> None:
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Local:
    """`places`: environment variables of each, as CUDA_VISIBLE_DEVICES; one unit a place."""

    name = "local"

    def __init__(self, places: Sequence[Mapping[str, str]]):
        self.places = tuple(places)
        self._taken: dict[int, UnitProcess] = {}

    def room(self) -> int:
        return len(self._free())

    def submit(self, units: Sequence[Unit]) -> Iterator[tuple[Unit, Handle]]:
        for unit, place in zip(units, self._free(), strict=False):
            unit.queued(self.name)
            self._taken[place] = UnitProcess(unit, self.places[place])
            yield unit, self._taken[place]

    def find(self, unit: Unit, status: UnitStatus) -> Handle | None:
        return None  # a process of an earlier driver has ended with it, or holds the lock

    def leave(self) -> bool:
        return False

    def _free(self) -> list[int]:
        taken = {place for place, process in self._taken.items() if not process.ended()}
        return [place for place in range(len(self.places)) if place not in taken]
