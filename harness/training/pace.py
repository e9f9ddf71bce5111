"""How fast a run trains, and how long it will take from here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

# A step with a share of the threads, beside others, as a multiple of one with all of them: between
# 1.0 and 1.5 with two backends at `quick`. Counts until it is measured.
TYPICAL_SLOWDOWN = 1.3


@dataclass(frozen=True)
class Pace:
    """Of one run, as far as it is known after warming up; seconds.

    `step`: of one in turns; `beside`: of one beside other trainings, None until there was one.
    """

    step: float
    evaluation: float
    steps_left: int  # in turns
    evaluations_left: int
    beside_left: int = 0  # steps
    beside: float | None = None

    @property
    def seconds_alone(self) -> float:
        evaluations = 0 if self._ends_beside else self.evaluations_left
        return self.step * self.steps_left + self.evaluation * evaluations

    @property
    def seconds_beside(self) -> float:
        """With all evaluations that are left, most of which come then."""
        step = TYPICAL_SLOWDOWN * self.step if self.beside is None else self.beside
        evaluations = self.evaluations_left if self._ends_beside else 0
        return step * self.beside_left + self.evaluation * evaluations

    @property
    def _ends_beside(self) -> bool:
        return self.beside_left > 0 or self.beside is not None


def seconds_left(paces: Iterable[Pace]) -> float:
    """Of the runs of one seed: in turns one after another, then as long as the slowest takes."""
    paces = list(paces)
    beside = max((pace.seconds_beside for pace in paces), default=0.0)
    return sum(pace.seconds_alone for pace in paces) + beside


# Called before the bulk of a seed's training and while it goes on, with the pace by backend.
Estimate = Callable[[dict[str, Pace]], None]
