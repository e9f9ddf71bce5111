"""The four answers of a study in plain words. They never say more than the intervals allow."""

from __future__ import annotations

from collections.abc import Sequence

from harness.report.comparison.verdict import EQUIVALENCE
from harness.report.formatting import bounds, fixed, listed, percent, plural
from harness.report.page import Answer, Sentence
from harness.studies.consistency.calibration import Calibration
from harness.studies.consistency.findings import ConsistencyFindings, Study
from harness.studies.consistency.floor import CLEARLY
from harness.studies.consistency.tables import rounded

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
    most = max(r.ratio or 0.0 for r in weights)
    # Clearly larger than after any neutral change.
    outside = [r.ratio or 0 for r in weights if r.low is not None and r.low > CLEARLY]
    if outside:
        short, tone = f"Yes: up to {rounded(max(outside))} times the noise floor", "no"
    elif most <= ALIKE:
        short, tone = "No: neutral changes within one framework have as large an effect", "yes"
    else:
        short = f"Not clear: up to {rounded(most)} noise floors, as have some neutral changes"
        tone = "open"
    several = len(study.backends) > 2
    sentences = [
        Sentence(f"{study.title(one.backend)}, {one.phase}" if several else one.phase, one.sentence)
        for one in weights
    ]
    if findings.last:
        ratios = listed([f"{rounded(value)} ({name})" for name, value in findings.last.items()])
        steps = study.record["options"]["steps"]
        text = f"the difference divided by the noise floor is {ratios}."
        sentences.append(Sentence(f"step {steps}", text))
    return Answer(question, short, tone, tuple(sentences))


def _defaults(study: Study, findings: ConsistencyFindings) -> Answer:
    question = "Which inherited framework default changes the results?"
    seeds = plural(study.record["options"]["default_seeds"], "seed")
    effective: list[str] = []
    rest: list[str] = []
    sentences = []
    for row in findings.defaults:
        effect = row.strongest
        if effect is None:
            continue
        if not effect.distinct:
            rest.append(row.name)
            continue
        effective.append(row.name)
        metric = effect.subject.metric
        text = (
            f"{row.reference} → {row.framework}: {metric.title} changes by "
            f"{fixed(effect.in_deviations.value, 1)} seed standard deviations "
            f"{bounds(effect.in_deviations, 1)}, {study.path(effect.subject.direction)}."
        )
        sentences.append(Sentence(row.name, text))
    if not effective and not rest:
        nothing = Sentence("", "No default was trained to its end.")
        return Answer(question, NOTHING, "open", (nothing,))
    if rest:
        text = (
            f"{listed(rest)}: with {seeds} not distinguishable from the variation "
            "between seeds. This does not prove that they have no effect."
        )
        sentences.append(Sentence("", text))
    if not effective:
        return Answer(question, f"None that {seeds} can show", "open", tuple(sentences))
    short = listed(effective)
    return Answer(question, short[:1].upper() + short[1:], "no", tuple(sentences))


def _seeds(study: Study, findings: ConsistencyFindings) -> Answer:
    question = "Do the frameworks end at the same scores?"
    rows = findings.seeds
    if not rows:
        return Answer(question, NOTHING, "open", (Sentence("", "No two backends were scored."),))
    labels = [row.verdict.label for row in rows]
    counts = {label: labels.count(label) for label in dict.fromkeys(labels)}
    verdicts = listed([f"{count} {label}" for label, count in counts.items()])
    seeds = min(len(row.differences) for row in rows)
    others = len(study.backends) - 1
    if counts.keys() == {"equivalent"}:
        short, tone = "Yes, within the margins", "yes"
    elif "different" in counts:
        different = [
            f"{row.subject.metric.title}, {study.path(row.subject.direction)}"
            + f" ({study.title(row.backends[1])})" * (others > 1)
            for row in rows
            if row.verdict.label == "different"
        ]
        short, tone = f"No: different in {listed(different)}", "no"
    else:
        short, tone = f"Cannot tell yet: {labels.count(OPEN)} of {len(rows)} rows are open", "open"
    each, tests = "a metric and a direction", EQUIVALENCE
    if others > 1:
        each = f"a metric, a direction and a backend against {study.title(study.backends[0])}"
        tests = f"two one-sided tests at 5 % over {others} comparisons (Bonferroni)"
    text = (
        f"Of {plural(len(rows), 'row')} in the table (each {each}): {verdicts}, "
        f"with {plural(seeds, 'seed')}, by {tests} against the margins fixed before training."
    )
    sentences = [Sentence("", text)]
    needed = [row.verdict.needed for row in rows if row.verdict.label == OPEN]
    if needed:
        parts = [f"{needed.count(text)} {text}" for text in dict.fromkeys(needed)]
        text = f"Rows that are open, if the backends are equal in them: {listed(parts)}."
        sentences.append(Sentence("", text))
    return Answer(question, short, tone, tuple(sentences))


def _calibration(study: Study, findings: ConsistencyFindings) -> Answer:
    question = "Can that verdict be trusted?"
    calibrations = list(findings.calibrations.values())
    same = [calibration.same for calibration in calibrations if calibration.same is not None]
    if not same:
        return Answer(question, NOTHING, "open", (Sentence("", "Too few runs for a calibration."),))
    worst = max((outcome.different for outcome in same), key=lambda rate: rate.share)
    span = f"{fixed(worst.low, 0, 100)} to {percent(worst.high)}"
    first = study.title(study.backends[0])
    pairs = plural(study.record["options"]["seeds"], "pair")
    text = (
        f"{first} against {first} with other seeds, {pairs} of runs a comparison, is called "
        f"different in {percent(worst.share)} at most (95 % interval {span}, from "
        f"{plural(worst.comparisons, 'comparison')} sharing no run), and equivalent in "
        f"{_between([outcome.equivalent.share for outcome in same])}, by metric."
    )
    sentences = (Sentence("A/A", text), *_planted(calibrations))
    short = f"False alarms: {percent(worst.share)} of comparisons, {span} by the interval"
    if worst.low > TOO_MANY:
        return Answer(question, short, "no", sentences)
    return Answer(question, short, "yes" if worst.high <= TELLING else "open", sentences)


def _planted(calibrations: Sequence[Calibration]) -> list[Sentence]:
    planted = [(c.right_answer, c.planted) for c in calibrations if c.planted]
    beyond = [outcome for right, outcome in planted if right == "different"]
    within = [outcome for right, outcome in planted if right == "equivalent"]
    if beyond:
        shares = [outcome.different.share for outcome in beyond]
        wrong = max(outcome.equivalent.share for outcome in beyond)
        text = (
            f"Where the planted difference is beyond the margin ({len(beyond)} of "
            f"{len(calibrations)} rows) it is called different in {_between(shares)}, by metric, "
            f"and wrongly equivalent in {percent(wrong)} at most."
        )
    else:
        text = (
            "The planted difference is shown to be beyond the margin in no metric, so that nothing "
            "is known of the power to find one that is."
        )
    sentences = [Sentence("A/B", text)]
    if within:
        text = (
            f"In {len(within)} of {len(calibrations)} rows it is smaller than the margin: there "
            "“different” would be the wrong answer."
        )
        sentences.append(Sentence("A/B", text))
    return sentences


def _between(shares: Sequence[float]) -> str:
    ends = dict.fromkeys([percent(min(shares)), percent(max(shares))])
    return " to ".join(ends)
