"""What a study is: an experiment with a known truth, repeated, and the rows made from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.statistics.intervals import Interval

Kind = Literal["printed", "limit", "not printed"]
Outcome = Interval | bool  # an interval, or whether what was claimed is true

COVERAGE = 0.90  # what every printed interval has to cover, of nominal 95%


@dataclass(frozen=True)
class Line:
    """One row: `key` names the outcome of the study that it is made from.

    `kind`: "printed" intervals are in reports, with data like this; a "limit" is a printed interval
    with data that it is known not to be made for; "not printed" is an alternative that we turned
    down. `truth`: None means the expectation of the value, of which the other repeats are a sample.
    `required`: share of right outcomes. `unit`: key of the interval whose value's deviation over
    repeats is the unit of the width; empty means its own. `reason`: why it is no printed row.
    """

    key: str
    quantity: str
    setting: str
    procedure: str
    kind: Kind = "printed"
    truth: float | None = None
    required: float = COVERAGE
    unit: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Study:
    """`once`: one experiment with its own random numbers, outcomes by key.

    `name` is part of the random seed. `group`: under which its progress is shown.
    """

    name: str
    group: str
    repeats: int
    once: Callable[[np.random.Generator], Mapping[str, Outcome]]
    lines: tuple[Line, ...]
