"""A history by series, device and backends: each quantity over time, and its steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from harness.config.metric_table import PRIMARY
from harness.statistics.intervals import Interval
from harness.statistics.steps import ALPHA, MOST, least_entries, search
from harness.studies.history.entry import Entry
from harness.studies.timing.record import SMALLEST

Kind = Literal["step time", "step time relative", "score"]
# Series, device, its kind, backends.
Place: TypeAlias = tuple[str, str, str, tuple[str, ...]]


@dataclass(frozen=True)
class Quantity:
    """`backends`: one, or of a relative time (first, second). `metric`, `direction`: of a score."""

    kind: Kind
    backends: tuple[str, ...]
    metric: str = ""
    direction: str = ""


@dataclass(frozen=True)
class HistoryStep:
    """`entry`: the first after the step; `before`: the one before it, of this quantity.
    `change`: new over old of times, new minus old of scores."""

    entry: Entry
    before: Entry
    change: Interval


@dataclass(frozen=True)
class Course:
    """One quantity: `entries` and their `values`, in order of time: seconds, a ratio, or a score in
    the unit of metrics.json.

    `enough`: whether there are enough entries for any step to be told from chance.
    """

    quantity: Quantity
    entries: tuple[Entry, ...]
    values: tuple[float, ...]
    steps: tuple[HistoryStep, ...]
    enough: bool

    @property
    def median(self) -> float:
        """Median since the last step."""
        since = self.entries.index(self.steps[-1].entry) if self.steps else 0
        return float(np.median(self.values[since:]))


@dataclass(frozen=True)
class FollowedPlace:
    """What can be compared over time. `entries`: in order of time. `busy`: how many were measured
    while other programs disturbed every pair of backends: their times are in no course."""

    entries: tuple[Entry, ...]
    courses: tuple[Course, ...]
    busy: int

    @property
    def last_step(self) -> tuple[Quantity, HistoryStep] | None:
        """Of whichever quantity."""
        steps = [(course.quantity, step) for course in self.courses for step in course.steps]
        return max(steps, key=lambda each: each[1].entry.measured, default=None)


@dataclass(frozen=True)
class OverTime:
    """`searched`: how many courses were long enough; in all of them, if they are stable, any step
    is found with a chance of `alpha` at most. `needed`: entries that a course must have."""

    places: tuple[FollowedPlace, ...]
    searched: int
    needed: int
    alpha: float = ALPHA


def place_of(entry: Entry) -> Place:
    backends = tuple(side.backend for side in entry.backends)
    return entry.series, entry.machine.device, entry.machine.kind, backends


def follow(entries: Sequence[Entry]) -> OverTime:
    """All that a history shows; of longer ones the latest entries, as many as can be searched."""
    by_place: dict[Place, list[Entry]] = {}
    for entry in sorted(entries, key=lambda entry: entry.measured):
        by_place.setdefault(place_of(entry), []).append(entry)
    latest = {place: group[-MOST:] for place, group in by_place.items()}
    values = {place: _values(group) for place, group in latest.items()}
    keys = [(place, quantity) for place, of_place in values.items() for quantity in of_place]
    numbers = [list(values[place][quantity].values()) for place, quantity in keys]
    found = search(
        [
            np.log(of_course).tolist() if quantity.kind != "score" else of_course
            for (_, quantity), of_course in zip(keys, numbers, strict=True)
        ]
    )
    courses: dict[Place, list[Course]] = {place: [] for place in latest}
    for (place, quantity), of_course, one in zip(keys, numbers, found, strict=True):
        own = [latest[place][number] for number in values[place][quantity]]
        steps = tuple(
            HistoryStep(
                own[step.place],
                own[step.place - 1],
                step.change if quantity.kind == "score" else step.change.exp(),
            )
            for step in one.steps
        )
        courses[place].append(Course(quantity, tuple(own), tuple(of_course), steps, one.enough))
    return OverTime(
        places=tuple(
            FollowedPlace(tuple(group), tuple(courses[place]), sum(map(_was_busy, group)))
            for place, group in latest.items()
        ),
        searched=sum(one.enough for one in found),
        needed=found[0].needed if found else least_entries(ALPHA),
    )


def _values(entries: Sequence[Entry]) -> dict[Quantity, dict[int, float]]:
    """By quantity and the entry's number; times first, then ratios, then scores."""
    values: dict[Quantity, dict[int, float]] = {}
    for number, entry in enumerate(entries):
        for quantity, value in quantities(entry).items():
            values.setdefault(quantity, {})[number] = value
    order = ("step time", "step time relative", "score")
    return dict(sorted(values.items(), key=lambda item: order.index(item[0].kind)))


def quantities(entry: Entry) -> Mapping[Quantity, float]:
    """Step times and their ratios, which are positive, and the primary scores."""
    return dict(_quantities(entry))


def _quantities(entry: Entry) -> Iterator[tuple[Quantity, float]]:
    primary = {v.metric for pair in entry.pairs for v in pair.verdicts if v.primary} or {PRIMARY}
    busy = _was_busy(entry)
    for side in entry.backends:
        if side.step and not busy and side.step.value >= SMALLEST:
            yield Quantity("step time", (side.backend,)), side.step.value
        for score in side.scores:
            if score.metric in primary:
                name = Quantity("score", (side.backend,), score.metric, score.direction)
                yield name, score.estimate.value
    for pair in entry.pairs:
        if pair.ratio and pair.ratio.value >= SMALLEST:
            both = pair.first, pair.second
            yield Quantity("step time relative", both), pair.ratio.value


def _was_busy(entry: Entry) -> bool:
    """A machine on which others disturbed too many blocks for any ratio of times."""
    return bool(entry.pairs) and not any(pair.ratio for pair in entry.pairs)
