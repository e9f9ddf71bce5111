"""Who is faster, by how much and how surely; or what is missing for an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.statistics.intervals import Interval, width
from harness.statistics.timed_blocks import more_starts
from harness.studies.timing.record import TimingRecord


@dataclass(frozen=True)
class TimingVerdict:
    """`text`: one sentence. `faster`: name of a framework; `share`: of the faster one's step time
    that the slower one takes more. `kind` of an A/A record: agrees, disagrees or unknown.
    """

    kind: Literal["faster", "alike", "agrees", "disagrees", "unknown"]
    text: str
    faster: str = ""
    share: float | None = None


def verdict(record: TimingRecord) -> TimingVerdict:
    ratio, (first, second) = record.ratio, record.names
    if not record.settled:
        return TimingVerdict("unknown", _open(record))
    assert ratio.value is not None and ratio.low is not None and ratio.high is not None
    if record.same:
        return _of_itself(record, first, interval(ratio))
    text = f"{second} takes {interval(ratio)} times as long as {first}."
    if ratio.low <= 1 <= ratio.high:
        return TimingVerdict(
            "alike", f"{text} The interval covers 1: neither is shown to be faster."
        )
    faster = first if ratio.value > 1 else second
    return TimingVerdict("faster", text, faster, max(ratio.value, 1 / ratio.value) - 1)


def missing_starts(record: TimingRecord) -> int:
    """About how many more would make it so, on a machine as restless."""
    return more_starts(record.ratio, len(record.starts), record.width)


def _open(record: TimingRecord) -> str:
    wide = width(record.ratio) > record.width
    why = f"is wider than {100 * record.width:g} %" if wide else "is narrow, perhaps by luck"
    return (
        f"No ratio: its 95 % interval {why}. About {missing_starts(record)} more starts would do on"
        " a machine as restless as this one was."
    )


def _of_itself(record: TimingRecord, name: str, found: str) -> TimingVerdict:
    if record.agrees_with_itself:
        return TimingVerdict(
            "agrees", f"A/A: {name} against itself, {found}: covers 1, as it should."
        )
    return TimingVerdict(
        "disagrees",
        f"A/A: {name} against itself, {found}: does not cover 1. By chance that happens once or"
        " twice in twenty times; if it happens again, ratios from this machine are not to be"
        " believed.",
    )


def interval(ratio: Interval) -> str:
    return f"{ratio.value:.3f} (95 % interval over starts {ratio.low:.3f} to {ratio.high:.3f})"


def orders(record: TimingRecord) -> str:
    """What the order in a pair does."""
    led, followed = (f"{each:.3f}" if each else "none" for each in record.by_order())
    return f"Pairs that the first began: {led}; that the second began: {followed}."
