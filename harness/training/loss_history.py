"""The losses of a run so far, in memory: what a block adds costs the same however long the run."""

from __future__ import annotations

import numpy as np

from backends.gan import GanObjective
from backends.objective import Objective


class History:
    """Rows of losses, step by step, and what generators lost in each epoch that is whole.

    `steps` of the whole run: there is room for so many. `objective`: a model's.
    """

    def __init__(self, steps: int, per_epoch: int, objective: Objective | GanObjective) -> None:
        self.steps, self.per_epoch, self.columns = steps, per_epoch, len(objective.recorded)
        weights = {
            term: weight
            for term, weight in objective.weights.items()
            if not term.startswith(("discriminator", "penalty"))
        }
        self._generators = [objective.recorded.index(term) for term in weights]
        self._weights = list(weights.values())
        self._room = np.zeros((0, self.columns))
        self._taken = 0
        self.epoch_means: list[float] = []

    @property
    def rows(self) -> np.ndarray:
        """(steps so far, columns), in the precision of what was added last."""
        return self._room[: self._taken]

    def add(self, new: np.ndarray) -> None:
        """Losses of the next steps (steps, columns)."""
        if self._room.dtype != new.dtype or not len(self._room):
            # Memory that is not written to yet costs nothing.
            room = np.empty((self.steps, self.columns), new.dtype)
            room[: self._taken] = self.rows
            self._room = room
        self._room[self._taken : self._taken + len(new)] = new
        self._taken += len(new)
        while (len(self.epoch_means) + 1) * self.per_epoch <= self._taken:
            self.epoch_means.append(self._mean(len(self.epoch_means)))

    def _mean(self, epoch: int) -> float:
        rows = self._room[epoch * self.per_epoch : (epoch + 1) * self.per_epoch]
        total = rows[:, self._generators] @ self._weights
        return float(total.mean(dtype=np.float64))
