"""Whether, where and how far a history of measurements steps to another level.

A scan over ranks: every stretch of the history is compared with the rest of it, by Wilcoxon's rank
sum, and the most extreme stretch with the most extreme ones of histories in random order. So the
chance of a false alarm is right whatever the distribution, as long as the entries of a stable
history could have come in any order; one or two outliers are no step, however far off they are.

It is circular binary segmentation (Olshen, Venkatraman, Lucito & Wigler 2004, Biostatistics 5:557)
of ranks (for one step: Pettitt 1979, Applied Statistics 28:126). A stretch in the middle is tried
because a step that is undone later hides from a search for one step. The size of a step and its
interval are those of Hodges & Lehmann (1963). Where a machine drifts from day to day, entries are
not in any order, and there are more false alarms (`make calibrate`).
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise

import numpy as np
from scipy.special import comb, ndtr, ndtri

from harness.statistics.intervals import CONFIDENCE, Interval
from harness.statistics.multiplicity import holm

ALPHA = 0.05  # chance of any step in stable histories, all that are searched together
LEAST = 3  # entries of a level
MOST = 300  # entries that are searched, the latest ones: the work grows with their square
ORDERS = 19999  # random ones
SEED = 20261201
# Rank sums of so many entries have their exact distribution, of more the normal one.
EXACT = 20


@dataclass(frozen=True)
class Step:
    """`place`: number of the first entry at the new level. `change`: new minus old, with the 95 %
    interval of the two levels beside it, in the unit of the values."""

    place: int
    change: Interval


@dataclass(frozen=True)
class Searched:
    """`steps`: in order. `enough`: False where no step could be told from chance, however large;
    `needed`: entries that could."""

    steps: tuple[Step, ...]
    enough: bool
    needed: int


def search(
    histories: Sequence[Sequence[float] | np.ndarray], alpha: float = ALPHA
) -> list[Searched]:
    """Steps of several histories, finite numbers in order of time, at most MOST of each.

    Where all are stable, a step is found in any of them with a chance of at most `alpha` (Holm).
    After a step has been found, the levels beside it are searched, at `alpha` over the number of
    histories for all of them together.
    """
    arrays = [np.asarray(values, np.float64) for values in histories]
    # How long a history is says nothing about its steps: those that are too short are no tests.
    tests = [number for number, each in enumerate(arrays) if len(each) >= least_entries(alpha)]
    level = alpha / max(1, len(tests))
    needed = least_entries(level)
    strongest = [_strongest(arrays[number]) for number in tests]
    found = holm([partial(operator.le, one.chance) for one in strongest], alpha)
    steps: dict[int, tuple[Step, ...]] = {}
    for number, one, is_found in zip(tests, strongest, found, strict=True):
        if is_found:
            steps[number] = _steps(arrays[number], one, level)
    return [
        Searched(steps.get(number, ()), len(each) >= needed, needed)
        for number, each in enumerate(arrays)
    ]


@cache
def least_entries(level: float) -> int:
    """Of a history in which a step could be found at a level, in the middle and beyond all noise.

    More than MOST for a level that random orders do not show.
    """
    shown = level * (ORDERS + 1) >= 1
    for count in range(2 * LEAST, 4 * EXACT if shown else 0):
        half = count // 2
        if _chance(_score(count, half, half * (count - half)), count) <= level:
            return count
    return MOST + 1


def shift(before: np.ndarray, after: np.ndarray, confidence: float = CONFIDENCE) -> Interval:
    """Median of all differences `after` - `before`, with the interval that Wilcoxon's test gives.

    No bounds where the two are so few that no interval reaches `confidence`.
    """
    gaps = np.sort(np.subtract.outer(after, before).ravel())
    value, most = float(np.median(gaps)), len(gaps)
    scores = _score(len(before) + len(after), len(after), np.arange(most % 2, most + 1, 2))
    enough = np.flatnonzero(scores >= ndtri(0.5 + confidence / 2))
    if not len(enough):
        return Interval.of(value)
    # The least deviation that is significant, as a number of differences beyond the bound.
    beyond = (most - (2 * int(enough[0]) + most % 2)) // 2
    return Interval.of(value, float(gaps[beyond]), float(gaps[most - 1 - beyond]))


@dataclass(frozen=True)
class _Stretch:
    """`chance`: of one as extreme anywhere in a stable history."""

    start: int
    stop: int
    chance: float


def _steps(values: np.ndarray, found: _Stretch, level: float) -> tuple[Step, ...]:
    places = [0, *sorted(_places(values, 0, found, level)), len(values)]
    parts = [values[a:b] for a, b in pairwise(places)]
    return tuple(
        Step(place, shift(before, after))
        for place, before, after in zip(places[1:-1], parts[:-1], parts[1:], strict=True)
    )


def _places(values: np.ndarray, offset: int, found: _Stretch, level: float) -> Iterator[int]:
    """Of all steps, given the strongest stretch."""
    cuts = _real_cuts(values, found, level)
    yield from (offset + cut for cut in cuts)
    edges = [0, *cuts, len(values)]
    share = level / (len(cuts) + 1)
    for start, stop in pairwise(edges):
        inner = values[start:stop]
        if len(inner) >= 2 * LEAST and (of_part := _strongest(inner)).chance <= share:
            yield from _places(inner, offset + start, of_part, share)


def _real_cuts(values: np.ndarray, found: _Stretch, level: float) -> list[int]:
    """The ends of the stretch at which the level changes: one at least."""
    cuts = [cut for cut in (found.start, found.stop) if 0 < cut < len(values)]
    if len(cuts) == 1:
        return cuts
    first, second = cuts
    pieces = values[:first], values[first:second], values[second:]
    scores = [_between(pieces[0], pieces[1]), _between(pieces[1], pieces[2])]
    real = [cut for cut, score in zip(cuts, scores, strict=True) if 2 * ndtr(-score) <= level]
    return real or [cuts[int(np.argmax(scores))]]


def _between(one: np.ndarray, other: np.ndarray) -> float:
    sums = _rank_sums(np.concatenate([one, other])[None])[:, 0]
    return float(_score(len(one) + len(other), len(one), abs(sums[len(one)])))


def _strongest(values: np.ndarray) -> _Stretch:
    """Raises ValueError for more values than MOST, and fewer than two levels have."""
    if not 2 * LEAST <= len(values) <= MOST:
        raise ValueError(f"{len(values)} values; {2 * LEAST} to {MOST} can be searched")
    best, place = -np.inf, (0, 0)
    for length, starts, deviations in _stretches(_rank_sums(values[None])):
        at = int(deviations[:, 0].argmax())
        score = float(_score(len(values), length, deviations[at, 0]))
        if score > best:
            best, place = score, (int(starts[at]), int(starts[at]) + length)
    return _Stretch(*place, _chance(best, len(values)))


def _chance(score: np.ndarray | float, count: int) -> float:
    """Of so high a score, or a higher one, in a random order; a bit more than the share."""
    return float(1 + (_null(count) >= score - 1e-9).sum()) / (ORDERS + 1)


@cache
def _null(count: int) -> np.ndarray:
    """Highest scores of random orders, float64 (ORDERS,)."""
    rng = np.random.default_rng([SEED, count])
    orders = rng.permuted(np.tile(np.arange(count, dtype=np.float64), (ORDERS, 1)), axis=1)
    highest = np.full(ORDERS, -np.inf)
    for length, _, deviations in _stretches(_rank_sums(orders)):
        highest = np.maximum(highest, _score(count, length, deviations.max(0)))
    return highest


def _rank_sums(values: np.ndarray) -> np.ndarray:
    """int32 (count + 1, rows) of values (rows, count): sums of the first ranks, ties in the middle.

    Ranks are doubled and centred: whole numbers from 1 - count to count - 1.
    """
    if values.shape[0] == 1:
        below = (values[0] < values[0][:, None]).sum(1)
        ranks = (below - (values[0] > values[0][:, None]).sum(1))[None]
    else:  # orders of 0, 1, 2, ...
        ranks = 2 * values.astype(np.int32) - (values.shape[1] - 1)
    sums = np.zeros((values.shape[1] + 1, values.shape[0]), np.int32)
    np.cumsum(ranks.T, axis=0, out=sums[1:])
    return sums


def _stretches(sums: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """By length: where stretches start, and the deviations of their rank sums (starts, rows).

    What is left of the history on either side is nothing or has LEAST entries. One that reaches to
    the end deviates as much as the rest of the history, which starts at 0.
    """
    count = len(sums) - 1
    for length in range(LEAST, count - LEAST + 1):
        starts = np.array([0, *range(LEAST, count - length - LEAST + 1)])
        yield length, starts, np.abs(sums[starts + length] - sums[starts])


def _score(count: int, length: int, deviation: np.ndarray | int) -> np.ndarray | float:
    """Of rank sums of `length` among `count` entries, as a normal deviate: higher, less likely."""
    few = min(length, count - length)
    if few <= EXACT:
        return _exact_scores(count)[few][deviation]
    return (np.asarray(deviation) - 1) / np.sqrt(length * (count - length) * (count + 1) / 3)


@cache
def _exact_scores(count: int) -> tuple[np.ndarray, ...]:
    """For 0 to EXACT entries of `count`, by deviation: from how many choices of that many ranks."""
    most = min(EXACT, count)
    choices = np.zeros((most + 1, most * (count - 1) + 1))
    choices[0, 0] = 1
    for rank in range(count):
        choices[1:, rank:] += choices[:-1, : choices.shape[1] - rank]
    scores = []
    for few in range(most + 1):
        sums = few * (count - 1)
        beyond = choices[few, : sums + 1][::-1].cumsum()[::-1] / comb(count, few)
        deviations = np.arange(few * (count - few) + 1)
        scores.append(-ndtri(beyond[(sums + deviations + 1) // 2]))
    return tuple(scores)
