"""One check of the ladder: what is measured, against what, and how far it may be apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from harness.studies.parity.backend_cache import BackendCache, Distance, Facts, Precision, relative
from harness.studies.parity.tolerances import Tolerance

Measure = Callable[[BackendCache, str], Facts]


class Rung(IntEnum):
    PARAMETERS = 1
    ACTIVATIONS = 2
    LOSSES = 3
    GRADIENTS = 4
    ADAM = 5
    POOL = 6
    LEARNING_RATE = 7
    BATCH_NORM = 8
    LEVELS = 9
    FREEZING = 10
    EXCHANGE = 11
    TRAJECTORY = 12
    REDUCED_PRECISION = 13
    EVALUATION = 14
    NOT_FINITE = 15
    PLAN = 16

    @property
    def label(self) -> str:
        return f"{self.value:02d} {self.name.lower().replace('_', ' ')}"


class ReplicaRung(IntEnum):
    """Of the checks of replicas.py, which are no part of the ladder."""

    TOGETHER = 1
    GRADIENTS = 2
    POOLS = 3
    LOSSES = 4
    TRAJECTORY = 5

    @property
    def label(self) -> str:
        return f"r{self.value} {self.name.lower()}"


@dataclass(frozen=True)
class ParityCheck:
    """`measure` of every backend against `truth` of it, or else against the first backend's.

    `groups`: only facts of groups whose names begin so count. `best`: of the groups, which are then
    one row, the least apart counts. `noise`: the error of a backend by itself. The second largest,
    times tolerances.NOISE, is allowed where that is more than the tolerance. `precision`: only for
    a cache that measures it. `quick`: covering experiments are measured by it as well.
    """

    rung: Rung | ReplicaRung
    measure: Measure
    tolerance: Tolerance
    truth: Measure | None = None
    groups: str | tuple[str, ...] = ""
    apart: Distance = relative
    best: bool = False
    noise: Callable[[BackendCache, str], float] | None = None
    precision: Precision | None = None
    quick: bool = True

    def subjects(self, cache: BackendCache, names: Sequence[str]) -> list[str]:
        """Those of `names` that this check is made of."""
        if self.precision is None:
            return list(names)
        measured = self.precision in cache.reduced
        return [name for name in names if measured and cache.computes(name, self.precision)]
