"""The four answers of a study in plain words. They never say more than the intervals allow."""

from __future__ import annotations

from collections.abc import Sequence

from harness.report.comparison.verdict import EQUIVALENCE
from harness.report.formatting import bounds, fixed, listed, percent, plural
from harness.report.page import Answer, Sentence
from harness.statistics.equivalence import MAXIMUM_SEEDS
from harness.studies.consistency.page.findings import ConsistencyFindings, DefaultRow, Study
from harness.studies.consistency.page.tables import right_answer, rounded
from harness.studies.consistency.steps.floor import CLEARLY, Ratio
from harness.studies.consistency.trainings.calibration import Calibration, Outcome, Rate

NOTHING = "Not measured yet"
OPEN = "cannot tell yet"
ALIKE = 2.0  # times a framework's own sensitivity
TOO_MANY, TELLING = 0.05, 0.25  # shares of false alarms: more is wrong; up to here it is shown


def answers(study: Study, findings: ConsistencyFindings) -> list[Answer]:
    return [
        _divergence(study, findings),
        _defaults(study, findings),
        _seeds(study, findings),
        _calibration(study, findings),
    ]


def _divergence(study: Study, findings: ConsistencyFindings) -> Answer:
    question = "Do the frameworks diverge faster than one diverges from itself through rounding?"
    weights = [r for r in findings.ratios if r.measure == "weights" and r.ratio is not None]
    if not weights:
        return Answer(question, NOTHING, "open", (Sentence("", "No trajectories were followed."),))
    most = max(each.ratio or 0.0 for each in weights)
    outside = [each for each in weights if _beyond(each)]
    if outside:
        largest = rounded(max(each.ratio or 0 for each in outside))
        short, tone = f"Yes: up to {largest} times the noise floor", "no"
    elif most <= ALIKE:
        short, tone = "No: neutral changes within one framework have as large an effect", "yes"
    else:
        short = f"Not clear: up to {rounded(most)} noise floors, as have some neutral changes"
        tone = "open"
    sentences = [Sentence(each.phase, each.sentence) for each in weights]
    if findings.last:
        ratios = listed([f"{rounded(value)} ({name})" for name, value in findings.last.items()])
        steps = study.record["options"]["steps"]
        text = f"the difference divided by the noise floor is {ratios}."
        sentences.append(Sentence(f"step {steps}", text))
    return Answer(question, short, tone, tuple(sentences))


def _beyond(ratio: Ratio) -> bool:
    """Clearly larger than after any neutral change."""
    return ratio.low is not None and ratio.low > CLEARLY


def _defaults(study: Study, findings: ConsistencyFindings) -> Answer:
    question = "Which inherited framework default changes the results?"
    scored = [row for row in findings.defaults if row.strongest is not None]
    if not scored:
        return Answer(
            question, NOTHING, "open", (Sentence("", "No default was trained to its end."),)
        )
    seeds = study.record["options"]["default_seeds"]
    effective = [row for row in scored if row.strongest and row.strongest.distinct]
    rest = [row.name for row in scored if row not in effective]
    sentences = [_default(study, row) for row in effective]
    if rest:
        text = (
            f"{listed(rest)}: with {plural(seeds, 'seed')} not distinguishable from the variation "
            "between seeds. This does not prove that they have no effect."
        )
        sentences.append(Sentence("", text))
    if not effective:
        return Answer(
            question, f"None that {plural(seeds, 'seed')} can show", "open", tuple(sentences)
        )
    names = [row.name for row in effective]
    short = listed(names)
    return Answer(question, short[:1].upper() + short[1:], "no", tuple(sentences))


def _default(study: Study, row: DefaultRow) -> Sentence:
    effect = row.strongest
    assert effect is not None
    metric = effect.subject.metric
    text = (
        f"{row.reference} → {row.framework}: {metric.title} changes by "
        f"{fixed(effect.in_deviations.value, 1)} seed standard deviations "
        f"{bounds(effect.in_deviations, 1)}, {study.path(effect.subject.direction)}."
    )
    return Sentence(row.name, text)


def _seeds(study: Study, findings: ConsistencyFindings) -> Answer:
    question = "Do the frameworks end at the same scores?"
    rows = findings.seeds
    if not rows:
        return Answer(question, NOTHING, "open", (Sentence("", "No two backends were scored."),))
    labels = [row.verdict.label for row in rows]
    counts = {label: labels.count(label) for label in dict.fromkeys(labels)}
    verdicts = listed([f"{count} {label}" for label, count in counts.items()])
    seeds = min(len(row.differences) for row in rows)
    if counts.keys() == {"equivalent"}:
        short, tone = "Yes, within the margins", "yes"
    elif "different" in counts:
        different = [
            f"{row.subject.metric.title}, {study.path(row.subject.direction)}"
            for row in rows
            if row.verdict.label == "different"
        ]
        short, tone = f"No: different in {listed(different)}", "no"
    else:
        short, tone = f"Cannot tell yet: {labels.count(OPEN)} of {len(rows)} rows are open", "open"
    text = (
        f"Of {plural(len(rows), 'row')} in the table (each a metric and a direction): {verdicts}, "
        f"with {plural(seeds, 'seed')}, by {EQUIVALENCE} against the margins fixed before training."
    )
    sentences = [Sentence("", text)]
    still_open = [r.verdict.further_seeds for r in rows if r.verdict.label == OPEN]
    if still_open:
        sentences.append(Sentence("", _needed(still_open)))
    return Answer(question, short, tone, tuple(sentences))


def _needed(further: Sequence[int | None]) -> str:
    """None: more than MAXIMUM_SEEDS."""
    known = [count for count in further if count]
    parts = [f"{known.count(count)} about {count} more" for count in sorted(set(known))]
    if len(known) < len(further):
        parts.append(f"{len(further) - len(known)} more than {MAXIMUM_SEEDS} in all")
    return f"Seeds that the open rows need, if mean and spread stay as they are: {listed(parts)}."


def _calibration(study: Study, findings: ConsistencyFindings) -> Answer:
    question = "Can that verdict be trusted?"
    found = list(findings.calibrations.values())
    same = [each.same for each in found if each.same is not None]
    if not same:
        return Answer(question, NOTHING, "open", (Sentence("", "Too few runs for a calibration."),))
    worst = max((each.different for each in same), key=lambda rate: rate.share)
    sentences = [_same(study, same, worst), *_planted(found)]
    short = f"False alarms: {percent(worst.share)} of comparisons, {_span(worst)} by the interval"
    if worst.low > TOO_MANY:
        return Answer(question, short, "no", tuple(sentences))
    return Answer(question, short, "yes" if worst.high <= TELLING else "open", tuple(sentences))


def _same(study: Study, same: Sequence[Outcome], worst: Rate) -> Sentence:
    first = study.title(study.backends[0])
    rightly = [each.equivalent.share for each in same]
    pairs = plural(study.record["options"]["seeds"], "pair")
    text = (
        f"{first} against {first} with other seeds, {pairs} of runs a comparison, is called "
        f"different in {percent(worst.share)} at most (95 % interval {_span(worst)}, from "
        f"{plural(worst.comparisons, 'comparison')} sharing no run), and equivalent in "
        f"{_between(rightly)}, by metric."
    )
    return Sentence("A/A", text)


def _planted(found: Sequence[Calibration]) -> list[Sentence]:
    beyond = [e.planted for e in found if e.planted and right_answer(e) == "different"]
    within = [e.planted for e in found if e.planted and right_answer(e) == "equivalent"]
    sentences = []
    if beyond:
        shares = [each.different.share for each in beyond]
        wrong = max((each.equivalent for each in beyond), key=lambda rate: rate.share)
        sentences.append(
            f"Where the planted difference is beyond the margin ({len(beyond)} of {len(found)} "
            f"rows) it is called different in {_between(shares)}, by metric, and wrongly "
            f"equivalent in {percent(wrong.share)} at most."
        )
    else:
        sentences.append(
            "The planted difference is shown to be beyond the margin in no metric, so that nothing "
            "is known of the power to find one that is."
        )
    if within:
        sentences.append(
            f"In {len(within)} of {len(found)} rows it is smaller than the margin: there "
            "“different” would be the wrong answer."
        )
    return [Sentence("A/B", text) for text in sentences]


def _span(rate: Rate) -> str:
    return f"{fixed(rate.low, 0, 100)} to {percent(rate.high)}"


def _between(shares: Sequence[float]) -> str:
    ends = dict.fromkeys([percent(min(shares)), percent(max(shares))])
    return " to ".join(ends)
