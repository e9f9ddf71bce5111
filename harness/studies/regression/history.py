"""A history as baseline: its entries of the same series, device and backends, one for each day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path

from harness.config.metric_table import BY_NAME
from harness.statistics.change import against_days, ratio_label
from harness.statistics.intervals import MINIMUM_SEEDS
from harness.studies.history.entry import Entry
from harness.studies.history.file import read_history
from harness.studies.history.find import entries_of
from harness.studies.history.over_time import follow, place_of, quantities
from harness.studies.history.parts import surroundings
from harness.studies.history.show import in_words
from harness.studies.regression.comparison import Comparison, Limits, compare
from harness.studies.regression.measurement import Measurement, ScoreKey, read_measured

LATEST = 20  # days that a baseline consists of, at most


@dataclass(frozen=True)
class HistoryBaseline:
    """`days`: the latest first. `notes`: which days they are, and why, in sentences."""

    new: Measurement
    days: tuple[Measurement, ...]
    notes: tuple[str, ...]


def against_history(new: Path, history: Path, limits: Limits) -> Comparison:
    """Nothing is judged where the history has no such day. Raises UserError as the functions do."""
    read = read_baseline(new, history, limits.time)
    if not read.days:
        nothing = replace(read.new, name=str(history), finished="", revisions=())
        return Comparison(read.new, nothing, limits, (), (), (), (), (), read.notes)
    comparison = compare(read.new, read.days[0], limits, (), read.days[1:])
    return replace(comparison, notes=read.notes)


def read_baseline(new: Path, history: Path, limit: float | None) -> HistoryBaseline:
    """Of a history the days since the last step of anything, LATEST at most; NEW is none of them.

    A change that has become a step of the history is accepted: it is not reported again. Until
    then days after the change, those beyond `limit`, are no part of the baseline,
    so that it is. With fewer than three days only the latest is taken, since two do not show how
    days differ. Raises UserError where NEW or the history cannot be read.
    """
    measured, own = read_measured(new), entries_of(new)
    identities = {entry.identity for entry in own.values()}
    others = [entry for entry in read_history(history) if entry.identity not in identities]
    places = {place_of(place.entries[0]): place for place in follow(others).places}
    by_device: dict[str, list[Entry]] = {}
    notes = []
    for device, entry in own.items():
        place = places.get(place_of(entry))
        if place is None:
            continue
        entries, since = list(place.entries), ""
        if place.last_step:
            quantity, step = place.last_step
            entries = entries[entries.index(step.entry) :]
            since = f"; they begin with the last step: {in_words(quantity, step, step.entry)}"
        # Two of one day do not tell how days differ; busy ones tell nothing of times.
        by_day = {each.day: each for each in entries if quantities(each)}
        if not by_day:
            continue
        usual = _usual(list(by_day.values()), limit)
        days = usual[::-1][:LATEST]
        by_device[device] = days if len(days) >= MINIMUM_SEEDS else days[:1]
        notes.append(_note(entry, days, since, len(by_day) - len(usual)))
    if not by_device:
        backends = ", ".join(side.backend for entry in own.values() for side in entry.backends)
        devices = ", ".join(entry.machine.device for entry in own.values())
        notes.append(
            f"The history has no entry with the data, configuration, device ({devices}) and"
            f" backends ({backends}) of {new}, or only such of a busy machine: nothing can be told"
            " yet. `cyclebench track` adds entries."
        )
    rows = [
        {device: entry for device, entry in zip(by_device, row, strict=True) if entry}
        for row in zip_longest(*by_device.values())
    ]
    return HistoryBaseline(
        new=_with_entries(measured, {device: own[device] for device in by_device}),
        days=tuple(_day(history, measured, row) for row in rows),
        notes=tuple(notes),
    )


def _usual(days: Sequence[Entry], limit: float | None) -> list[Entry]:
    """Without those whose step times were beyond the limit, as this check finds it, on their day.

    `days`: in order of time; the first ones always count, as many as an interval needs.
    """
    usual: list[Entry] = []
    for day in days:
        if limit is None or len(usual) < MINIMUM_SEEDS or not _has_changed(day, usual, limit):
            usual.append(day)
    return usual


def _has_changed(day: Entry, before: Sequence[Entry], limit: float) -> bool:
    earlier = [quantities(each) for each in before]
    for quantity, value in quantities(day).items():
        known = [(values[quantity],) for values in earlier if quantity in values]
        if quantity.kind == "step time" and known:
            label = ratio_label(against_days([value], known), limit)
            if label in ("regression", "improvement"):
                return True
    return False


def _note(entry: Entry, days: Sequence[Entry], since: str, left_out: int) -> str:
    dates = " to ".join(dict.fromkeys([days[-1].day, days[0].day]))
    count = f"{len(days)} day{'s' if len(days) > 1 else ''}"
    text = f"The baseline on {entry.machine.device}: {count} of the history, {dates}{since}."
    if left_out:
        others = f"{left_out} other day{'s' if left_out > 1 else ''}"
        text += f" Without {others} beyond the limit, which are no step, or none yet."
    if len(days) < MINIMUM_SEEDS:
        text += (
            f" Fewer than {MINIMUM_SEEDS} days do not show how days differ: nothing can be told"
            " yet, and changes are from the latest one."
        )
    return text


def _with_entries(measured: Measurement, entries: Mapping[str, Entry]) -> Measurement:
    """The new measurement, with starts, but otherwise what an entry has: as the days have it."""
    return replace(measured, scores={}, environments=_environments(entries), means=_means(entries))


def _day(history: Path, new: Measurement, entries: Mapping[str, Entry]) -> Measurement:
    """`entries` of one series, so that data and configuration are those of the new one."""
    sides = {
        (device, side.backend): side for device, entry in entries.items() for side in entry.backends
    }
    times = {device: quantities(entry) for device, entry in entries.items()}
    revisions = {entry.code.revision for entry in entries.values()}
    return replace(
        new,
        name=str(history),
        finished=max(entry.day for entry in entries.values()),
        revisions=tuple(sorted(revision for revision in revisions if revision)),
        places={key: new.places[key] for key in sides if key in new.places},
        environments=_environments(entries),
        steps={
            (device, quantity.backends[0]): (value,)
            for device, values in times.items()
            for quantity, value in values.items()
            if quantity.kind == "step time"
        },
        memory={key: (float(side.memory),) for key, side in sides.items() if side.memory},
        relative={
            (device, quantity.backends[0], quantity.backends[1]): (value,)
            for device, values in times.items()
            for quantity, value in values.items()
            if quantity.kind == "step time relative"
        },
        scores={},
        means=_means(entries),
        yardsticks={
            (row.metric, row.direction): row.floor
            for entry in entries.values()
            for row in entry.references
            if row.floor is not None
        },
    )


def _means(entries: Mapping[str, Entry]) -> dict[ScoreKey, float]:
    return {
        ScoreKey(score.metric, score.direction, device, side.backend): score.estimate.value
        for device, entry in entries.items()
        for side in entry.backends
        for score in side.scores
        if score.metric in BY_NAME  # a later version may score more
    }


def _environments(entries: Mapping[str, Entry]) -> dict[tuple[str, str], dict[str, str]]:
    return {
        (device, side.backend): surroundings(entry, side)
        for device, entry in entries.items()
        for side in entry.backends
    }
