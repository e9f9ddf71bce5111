"""Who is faster, by how much and how surely, in one sentence a record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.report.formatting import percent, plural
from harness.statistics.intervals import width
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
    """Who is faster, by how much and how surely; or what is missing for an answer."""
    ratio, first = record.ratio_of(*record.least_settled), record.names[0]
    if not record.settled and (busy := busy_sentence(record)):
        return TimingVerdict("unknown", busy)
    if not record.settled:
        wide = width(ratio) > record.width
        why = f"is wider than {100 * record.width:g} %" if wide else "is narrow, perhaps by luck"
        return TimingVerdict(
            "unknown",
            f"No ratio: its 95 % interval {why}. About {missing_starts(record)} more starts would"
            " do on a machine as restless as this one was.",
        )
    if len(record.backends) > 2:
        return _verdict_of_several(record)
    assert ratio.value is not None and ratio.low is not None and ratio.high is not None
    second = record.names[1]
    interval = f"{ratio.value:.3f} (95 % interval over starts {ratio.low:.3f} to {ratio.high:.3f})"
    if record.same:
        text = f"A/A: {first} against itself, {interval}: "
        if record.agrees_with_itself:
            return TimingVerdict("agrees", f"{text}covers 1, as it should.")
        return TimingVerdict(
            "disagrees",
            f"{text}does not cover 1. By chance that happens once or twice in twenty times; if it"
            " happens again, ratios from this machine are not to be believed.",
        )
    text = f"{second} takes {interval} times as long as {first}."
    if ratio.low <= 1 <= ratio.high:
        return TimingVerdict(
            "alike", f"{text} The interval covers 1: neither is shown to be faster."
        )
    faster = first if ratio.value > 1 else second
    return TimingVerdict("faster", text, faster, max(ratio.value, 1 / ratio.value) - 1)


def _verdict_of_several(record: TimingRecord) -> TimingVerdict:
    """Each against the first; and who is surely faster than all others, if anyone is."""
    sentences = []
    for other in range(1, len(record.names)):
        ratio = record.ratio_of(0, other)
        interval = f"{ratio.low:.3f} to {ratio.high:.3f}"
        covers = ratio.low is not None and ratio.high is not None and ratio.low <= 1 <= ratio.high
        sentences.append(
            f"{record.names[other]} takes {ratio.value:.3f} (95 % interval over starts {interval})"
            f" times as long as {record.names[0]}{', which covers 1' * covers}."
        )
    count = plural(len(record.pairs), "pair")
    together = f"Intervals of all {count} of backends hold together (Bonferroni)."
    steps = [float(np.median(record.warm(side))) for side in range(len(record.names))]
    fastest, next_one, *_ = np.argsort(steps, kind="stable").tolist()
    text = " ".join(sentences)
    if not all(surely_faster(record, fastest, other) for other in range(len(steps))
               if other != fastest):  # fmt: skip
        none = "None is shown to be faster than all others."
        return TimingVerdict("alike", f"{text} {none} {together}")
    ratio = record.ratio_of(fastest, next_one)
    return TimingVerdict(
        "faster",
        f"{text} {record.names[fastest]} is faster than all others. {together}",
        record.names[fastest],
        (ratio.value or 1.0) - 1,
    )


def surely_faster(record: TimingRecord, one: int, other: int) -> bool:
    """Whether the interval of their ratio says that `one` is; both are places."""
    ratio = record.ratio_of(min(one, other), max(one, other))
    if ratio.low is None or ratio.high is None:
        return False
    return ratio.low > 1 if one < other else ratio.high < 1


def missing_starts(record: TimingRecord) -> int:
    """About how many more would settle the ratio, on a machine as restless."""
    ratio = record.ratio_of(*record.least_settled)
    return more_starts(ratio, len(record.counted), record.width, record.confidence)


def busy_sentence(record: TimingRecord) -> str:
    """That others disturbed starts for so long that they count in no ratio; else empty."""
    starts = len(record.starts)
    lost, load = starts - len(record.counted), record.load
    if not lost:
        return ""
    return (
        f"No ratio: the machine was busy. In {lost} of {plural(starts, 'start')} too few pairs of"
        f" blocks were left alone by other programs, which used {percent(load)} of the CPU time"
        " (median of all blocks). Close them and run it again, or use an idle machine."
    )
