"""What a record comes to, in plain words; fitted is called fitted, predicted predicted."""

from __future__ import annotations

from collections.abc import Sequence

from harness.report.formatting import MINUS, bounds, fixed, listed, plural, prefixed, significant
from harness.report.page import Answer, Sentence
from harness.statistics.intervals import MINIMUM_PAIRS, Interval
from harness.studies.scaling.findings import AxisFindings, ScalingCurve, ScalingFindings, ratio
from harness.studies.scaling.fit import Spread
from harness.studies.scaling.record import ScalingRecord

# Along these a network keeps its parameters and its operations: what does not grow there is cost of
# a step, whatever is in it.
SAME_NETWORK = ("size", "batch")
RESTLESS = 1.3  # a backend's longest block over its shortest
FAR = 10  # times the largest batch that was tried
STRAIGHT = 0.2  # a line that misses a point by more describes nothing


def answers(findings: ScalingFindings) -> list[Answer]:
    found = [_growth(findings), _faster(findings), _fixed(findings), _memory(findings)]
    return [*found, *_failed(findings)]


def _growth(findings: ScalingFindings) -> Answer:
    question = "Does time grow in proportion to arithmetic?"
    sentences, exponents = [], []
    for each in findings.axes:
        known = [curve for curve in each.curves if len(curve.values) > 1]
        if known:
            sentences.append(Sentence(_span(each, known[0]), _grown(known)))
        exponents += [curve.power for curve in known]
    text = (
        "The exponent is b of time = a · FLOPs^b, 1 is proportion; its 95 % interval, from 4 points"
        " on, is of how far they are from any one power, as a fixed cost bends them."
    )
    return Answer(question, _exponents(exponents), "open", (*sentences, Sentence("", text)))


def _exponents(found: Sequence[Interval]) -> str:
    values = sorted(each.value for each in found if each.value is not None)
    if not values:
        return "Cannot tell: too few points"
    below = sum(each.high is not None and each.high < 1 for each in found)
    above = sum(each.low is not None and each.low > 1 for each in found)
    sure = [f"{below} surely below 1"] * bool(below) + [f"{above} surely above 1"] * bool(above)
    span = f"{values[0]:.2f}" + (f" to {values[-1]:.2f}" if len(values) > 1 else "")
    told = listed(sure) if sure else "none surely off 1"
    return f"With exponents of {span}; of {plural(len(found), 'curve')}, {told}"


def _span(each: AxisFindings, curve: ScalingCurve) -> str:
    return f"{each.axis.title}, {curve.values[0]:,} to {each.shown(curve.values[-1])}"


def _grown(curves: Sequence[ScalingCurve]) -> str:
    """ "16 times the arithmetic takes PyTorch 9 times as long (exponent 0.8 [0.7, 0.9])"."""
    told = []
    for curve in curves:
        times = significant(curve.steps[-1] / curve.steps[0])
        exponent = f"{fixed(curve.power.value, 2)} {bounds(curve.power, 2)}".strip()
        known = "" if curve.power.value is None else f" (exponent {exponent})"
        told.append(f"{curve.title} {times} times as long{known}")
    more = significant(curves[0].flops[-1] / curves[0].flops[0])
    return f"{more} times the arithmetic takes {listed(told)}."


def _faster(findings: ScalingFindings) -> Answer:
    question = "Which is faster, and does it depend on the configuration?"
    first, *others = findings.record.backends
    sentences: list[Sentence] = []
    found: list[Interval] = []
    for other in others:
        for each in findings.axes:
            ratios = [(row.value, ratio(row.point, first, other)) for row in each.rows]
            known = [(value, times) for value, times in ratios if times.value is not None]
            found += [times for _, times in known]
            if len(known) > 1:
                told = ", ".join(f"{times.value:.2f} at {each.shown(n)}" for n, times in known)
                lead = f"{each.axis.title}: {findings.titles[other]} / {findings.titles[first]}"
                sentences.append(Sentence(lead, f"{told}."))
    if not found:
        text = "No point has numbers of two backends."
        return Answer(question, "Nothing to compare", "open", (Sentence("", text),))
    subject = findings.titles[others[0]] if len(others) == 1 else "another"
    short = f"{_depends(found)}{subject} took {_range(found)} times as long as"
    short += f" {findings.titles[first]}"
    return Answer(question, short, "open", (*sentences, Sentence("", _doubts(findings.record))))


def _depends(found: Sequence[Interval]) -> str:
    """Only intervals on either side of 1 say that one is faster here and the other there."""
    above = any(each.low is not None and each.low > 1 for each in found)
    below = any(each.high is not None and each.high < 1 for each in found)
    return "Yes, it depends: " if above and below else ""


def _range(found: Sequence[Interval]) -> str:
    values = [each.value for each in found if each.value is not None]
    low, high = f"{min(values):.2f}", f"{max(values):.2f}"
    return low if low == high else f"{low} to {high}"


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
    return text


def _fixed(findings: ScalingFindings) -> Answer:
    question = "What does a step cost before its first FLOP?"
    sentences, fitted = [], []
    for name in SAME_NETWORK:
        each = findings.on(name)
        for curve in each.curves if each else ():
            line = curve.straight
            if each is None or line is None:
                continue
            lead = f"{each.axis.title}, {curve.title}"
            if line.off > STRAIGHT:
                text = f"no straight line fits, the best is off by {100 * line.off:.0f} %."
            else:
                text = f"fitted {_ms(line.fixed)} of the {_milli(curve.steps[0])} ms at"
                text += f" {each.shown(curve.values[0])}; each further GFLOP at {_rate(line.rate)}"
                text += f"; off by at most {100 * line.off:.0f} %."
                fitted.append((curve, line.fixed.value or 0.0))
            sentences.append(Sentence(lead, text))
    if not fitted:
        text = "Size or batch need at least 3 points that lie on a line."
        return Answer(question, "Cannot tell", "open", (*sentences, Sentence("", text)))
    short = listed([_between(findings, name, fitted) for name in findings.record.backends
                    if any(curve.backend == name for curve, _ in fitted)])  # fmt: skip
    text = (
        "Where the curve flattens at the small end: time = fixed + FLOPs / rate; in brackets, if"
        " any one point is left out. A fit to what was measured: no step without arithmetic was"
        " timed."
    )
    return Answer(question, f"Fitted: {short}", "open", (*sentences, Sentence("", text)))


def _between(
    findings: ScalingFindings, name: str, fitted: Sequence[tuple[ScalingCurve, float]]
) -> str:
    values = sorted(value for curve, value in fitted if curve.backend == name)
    low, high = _milli(values[0]), _milli(values[-1])
    span = f"{low} ms" if low == high else f"{low} to {high} ms"
    return f"{findings.titles[name]} {span}" if values[-1] else f"{findings.titles[name]} none seen"


def _milli(seconds: float) -> str:
    return significant(1000 * seconds, 2)


def _ms(found: Spread) -> str:
    value = "none" if found.value == 0 else f"{_milli(found.value or 0.0)} ms"
    if found.low is None or found.high is None:
        return value
    return f"{value} [{_milli(found.low)}, {_milli(found.high)}]"


def _rate(found: Spread) -> str:
    return "no cost that shows" if found.value is None else prefixed(found.value, "FLOP/s")


def _memory(findings: ScalingFindings) -> Answer:
    question = "What batch would fit?"
    each, memory = findings.on("batch"), findings.record.device_memory
    lines = [(curve, curve.line) for curve in each.curves if curve.line] if each else []
    if not lines:
        text = "It takes at least 3 batches."
        return Answer(question, "Cannot tell", "open", (Sentence("", text),))
    sentences, short, most = [], [], 0.0
    for curve, line in lines:
        fits = line.fits(memory)
        text = f"{prefixed(line.each, 'B')} for each of the batch, on top of"
        text += f" {prefixed(line.start, 'B')}"
        if fits is not None:
            most = max(most, fits / line.largest)
            short.append(f"{curve.title} about {significant(fits, 2)}")
            text += f"; so about {significant(fits, 2)} would fit in {prefixed(memory, 'B')}"
            text += f", {significant(fits / line.largest, 2)} times the largest that was tried"
        text += f". {_checked(line.check, line.largest)}"
        sentences.append(Sentence(curve.title, text))
    text = "One process alone, with all of the memory that there is: what else needs some is not"
    text += " counted, nor is what a framework holds in reserve."
    told = f"{_how_far(most)}: {listed(short)}" if short else "Cannot be predicted"
    return Answer(question, told, "open", (*sentences, Sentence("", text)))


def _how_far(times: float) -> str:
    return f"Predicted, not tried{', far beyond what was' * (times > FAR)}"


def _checked(check: float | None, largest: int) -> str:
    if check is None:
        return "Too few batches to check the line by."
    error = f"{MINUS if check < 0 else '+'}{100 * abs(check):.1f} %"
    return f"Check: the line through the others is {error} off at batch {largest}."


def _failed(findings: ScalingFindings) -> list[Answer]:
    question = "What could not be measured?"
    failed = [point for point in findings.record.points if point.failed]
    if not failed:
        return []
    sentences = [
        Sentence(
            f"{point.axis} {point.value or ''}".strip(),
            ("memory ran out: " if point.failed.out_of_memory else "") + point.failed.why,
        )
        for point in failed
        if point.failed
    ]
    text = "All backends are in memory at once here; one alone may get further."
    return [Answer(question, plural(len(failed), "point"), "no", (*sentences, Sentence("", text)))]
