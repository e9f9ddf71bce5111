"""Where a worker's wall time goes. One clock runs at any moment, so they sum to the wall clock."""

from __future__ import annotations

import time

import numpy as np

# "beside": steps of a backend that trains while others do.
NAMES = (
    *("setup", "warmup", "train", "beside"),
    *("data", "evaluation", "checkpoint", "logging", "idle"),
)


class Clocks:
    """Starts in `setup`. Seconds of earlier processes of the same run can be added."""

    def __init__(self) -> None:
        self._spent = dict.fromkeys(NAMES, 0.0)
        self._current, self._since = "setup", time.perf_counter()
        self.processes = 1

    def switch(self, name: str) -> None:
        """Stop the running clock and start `name`."""
        now = time.perf_counter()
        self._spent[self._current] += now - self._since
        self._current, self._since = name, now

    def seconds(self) -> dict[str, float]:
        """Seconds of every clock up to now."""
        self.switch(self._current)
        return dict(self._spent)

    def wall(self) -> float:
        return sum(self._spent.values())

    def array(self) -> np.ndarray:
        """(len(NAMES) + 1,) float64: seconds and the number of processes, for a checkpoint."""
        return np.array([*self.seconds().values(), self.processes], np.float64)

    def add(self, earlier: np.ndarray, interrupted: bool = True) -> None:
        """Take over the clocks of the process that wrote a checkpoint.

        Unless that was `interrupted`, this one does not count as another process.
        """
        *seconds, processes = earlier.tolist()
        for name, value in zip(NAMES, seconds, strict=True):
            self._spent[name] += value
        self.processes = int(processes) + interrupted
