"""What a record comes to, in plain words; fitted is called fitted, predicted predicted."""

from __future__ import annotations

from harness.report.formatting import (
    MINUS,
    bounds,
    fixed,
    listed,
    percent,
    plural,
    prefixed,
    significant,
)
from harness.report.page import Answer, Sentence
from harness.statistics.intervals import MINIMUM_PAIRS, Interval
from harness.statistics.timed_blocks import LOAD_LIMIT
from harness.studies.scaling.findings import ScalingFindings, Spread, ratio
from harness.studies.scaling.record import ScalingRecord
from harness.studies.study import open_answer

# Along these a network keeps its parameters and its operations: what does not grow there is cost of
# a step, whatever is in it.
SAME_NETWORK = ("size", "batch")
RESTLESS = 1.3  # a backend's longest block over its shortest
FAR = 10  # times the largest batch that was tried
STRAIGHT = 0.2  # a line that misses a point by more describes nothing


def answers(findings: ScalingFindings) -> list[Answer]:
    always = [_growth(findings), _faster(findings), _fixed(findings), _memory(findings)]
    return [*always, *_failed(findings)]


def _growth(findings: ScalingFindings) -> Answer:
    sentences, exponents = [], []
    for axis in findings.axes:
        curves = [curve for curve in axis.curves if len(curve.values) > 1]
        if not curves:
            continue
        # "16 times the arithmetic takes PyTorch 9 times as long (exponent 0.8 [0.7, 0.9])."
        parts = []
        for curve in curves:
            exponents.append(curve.power)
            times = significant(curve.steps[-1] / curve.steps[0])
            part = f"{curve.title} {times} times as long"
            if curve.power.value is not None:
                exponent = f"{fixed(curve.power.value, 2)} {bounds(curve.power, 2)}".strip()
                part += f" (exponent {exponent})"
            parts.append(part)
        first = curves[0]
        more = significant(first.flops[-1] / first.flops[0])
        span = f"{axis.title}, {first.values[0]:,} to {axis.shown(first.values[-1])}"
        sentences.append(Sentence(span, f"{more} times the arithmetic takes {listed(parts)}."))
    text = (
        "The exponent is b of time = a · FLOPs^b, 1 is proportion; its 95 % interval, from 4 points"
        " on, is of how far they are from any one power, as a fixed cost bends them."
    )
    sentences.append(Sentence("", text))
    short = "Cannot tell: too few points"
    values = sorted(power.value for power in exponents if power.value is not None)
    if values:
        below, above = _beside_one(exponents)
        sure = [f"{count} surely {side} 1" for count, side in ((below, "below"), (above, "above"))
                if count]  # fmt: skip
        span = f"{values[0]:.2f}" + (f" to {values[-1]:.2f}" if len(values) > 1 else "")
        certain = listed(sure) if sure else "none surely off 1"
        short = f"With exponents of {span}; of {plural(len(exponents), 'curve')}, {certain}"
    question = "Does time grow in proportion to arithmetic?"
    return Answer(question, short, "open", tuple(sentences))


def _beside_one(intervals: list[Interval]) -> tuple[int, int]:
    """How many lie below 1 as a whole, and how many above."""
    below = [one for one in intervals if one.high is not None and one.high < 1]
    above = [one for one in intervals if one.low is not None and one.low > 1]
    return len(below), len(above)


def _faster(findings: ScalingFindings) -> Answer:
    question = "Which is faster, and does it depend on the configuration?"
    first, *others = findings.record.backends
    sentences: list[Sentence] = []
    intervals: list[Interval] = []
    for other in others:
        for axis in findings.axes:
            parts = []
            for value, point in axis.points:
                times = ratio(point, first, other)
                if times.value is not None:
                    intervals.append(times)
                    parts.append(f"{times.value:.2f} at {axis.shown(value)}")
            if len(parts) > 1:
                lead = f"{axis.title}: {findings.titles[other]} / {findings.titles[first]}"
                sentences.append(Sentence(lead, f"{', '.join(parts)}."))
    if not intervals and any(point.busy for point in findings.record.points):
        return open_answer(question, "No answer: the machine was busy", busy(findings.record))
    if not intervals:
        return open_answer(question, "Nothing to compare", "No point has numbers of two backends.")
    # Only intervals on either side of 1 say that one is faster here and the other there.
    depends = "Yes, it depends: " if all(_beside_one(intervals)) else ""
    subject = findings.titles[others[0]] if len(others) == 1 else "another"
    values = [times.value for times in intervals if times.value is not None]
    low, high = f"{min(values):.2f}", f"{max(values):.2f}"
    span = low if low == high else f"{low} to {high}"
    short = f"{depends}{subject} took {span} times as long as {findings.titles[first]}"
    return Answer(question, short, "open", (*sentences, Sentence("", _doubts(findings.record))))


def _doubts(record: ScalingRecord) -> str:
    text = (
        "Each point is one start of the processes, and two starts of one program differ by some per"
        " cent: a ratio near 1 is none to go by. cyclebench bench settles one configuration."
    )
    if record.pairs < MINIMUM_PAIRS:
        text += f" Below {MINIMUM_PAIRS} pairs of blocks (--pairs) a ratio has no interval."
    restless = sum(any(side.restlessness > RESTLESS for side in p.sides) for p in record.points)
    if restless:
        text += (
            f" The machine was not at rest: at {restless} of {plural(len(record.points), 'point')}"
            f" a backend's longest block took more than {RESTLESS} times its shortest."
        )
    return " ".join(filter(None, [text, busy(record)]))


def busy(record: ScalingRecord) -> str:
    """At how many points other programs took CPU time; empty where none is known to have."""
    points = sum(point.busy for point in record.points)
    if not points:
        return ""
    return (
        f"At {points} of {plural(len(record.points), 'point')} other programs took more than"
        f" {percent(LOAD_LIMIT)} of the CPU time: no ratio is given there, and step times are too"
        " long. Close them, remove the record, and measure again."
    )


def _fixed(findings: ScalingFindings) -> Answer:
    question = "What does a step cost before its first FLOP?"
    sentences = []
    costs: dict[str, list[float]] = {}  # by backend
    for axis in filter(None, map(findings.on, SAME_NETWORK)):
        for curve in axis.curves:
            line = curve.straight
            if line is None:
                continue
            if line.off > STRAIGHT:
                text = f"no straight line fits, the best is off by {100 * line.off:.0f} %."
            else:
                rate = line.rate.value
                speed = "no cost that shows" if rate is None else prefixed(rate, "FLOP/s")
                text = (
                    f"fitted {_ms(line.fixed)} of the {_milli(curve.steps[0])} ms at"
                    f" {axis.shown(curve.values[0])}; each further GFLOP at {speed}"
                    f"; off by at most {100 * line.off:.0f} %."
                )
                costs.setdefault(curve.backend, []).append(line.fixed.value or 0.0)
            sentences.append(Sentence(f"{axis.title}, {curve.title}", text))
    if not costs:
        text = "Size or batch need at least 3 points that lie on a line."
        return Answer(question, "Cannot tell", "open", (*sentences, Sentence("", text)))
    parts = []
    for backend in findings.record.backends:
        if backend in costs:
            low, high = _milli(min(costs[backend])), _milli(max(costs[backend]))
            span = f"{low} ms" if low == high else f"{low} to {high} ms"
            span = span if max(costs[backend]) else "none seen"
            parts.append(f"{findings.titles[backend]} {span}")
    text = (
        "Where the curve flattens at the small end: time = fixed + FLOPs / rate; in brackets, if"
        " any one point is left out. A fit to what was measured: no step without arithmetic was"
        " timed."
    )
    short = f"Fitted: {listed(parts)}"
    return Answer(question, short, "open", (*sentences, Sentence("", text)))


def _milli(seconds: float) -> str:
    return significant(1000 * seconds, 2)


def _ms(cost: Spread) -> str:
    value = "none" if cost.value == 0 else f"{_milli(cost.value or 0.0)} ms"
    if cost.low is None or cost.high is None:
        return value
    return f"{value} [{_milli(cost.low)}, {_milli(cost.high)}]"


def _memory(findings: ScalingFindings) -> Answer:
    question = "What batch would fit?"
    axis, memory = findings.on("batch"), findings.record.device_memory
    lines = [(curve, curve.line) for curve in axis.curves if curve.line] if axis else []
    if not lines:
        return open_answer(question, "Cannot tell", "It takes at least 3 batches.")
    sentences, parts, most = [], [], 0.0
    for curve, line in lines:
        text = f"{prefixed(line.each, 'B')} for each of the batch, on top of"
        text += f" {prefixed(line.start, 'B')}"
        fits = line.fits(memory)
        if fits is not None:
            times = fits / line.largest
            most = max(most, times)
            parts.append(f"{curve.title} about {significant(fits, 2)}")
            text += f"; so about {significant(fits, 2)} would fit in {prefixed(memory, 'B')}"
            text += f", {significant(times, 2)} times the largest that was tried"
        if line.check is None:
            text += ". Too few batches to check the line by."
        else:
            error = f"{MINUS if line.check < 0 else '+'}{100 * abs(line.check):.1f} %"
            text += f". Check: the line through the others is {error} off at batch {line.largest}."
        sentences.append(Sentence(curve.title, text))
    text = "One process alone, with all of the memory that there is: what else needs some is not"
    text += " counted, nor is what a framework holds in reserve."
    far = ", far beyond what was" if most > FAR else ""
    short = f"Predicted, not tried{far}: {listed(parts)}" if parts else "Cannot be predicted"
    return Answer(question, short, "open", (*sentences, Sentence("", text)))


def _failed(findings: ScalingFindings) -> list[Answer]:
    """No answer where nothing failed."""
    sentences = []
    for point in findings.record.points:
        if point.failed:
            lead = f"{point.axis} {point.value or ''}".strip()
            memory = "memory ran out: " if point.failed.out_of_memory else ""
            sentences.append(Sentence(lead, memory + point.failed.why))
    if not sentences:
        return []
    short = plural(len(sentences), "point")
    sentences.append(
        Sentence("", "All backends are in memory at once here; one alone may get further.")
    )
    return [Answer("What could not be measured?", short, "no", tuple(sentences))]
