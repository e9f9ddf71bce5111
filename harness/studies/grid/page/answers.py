"""What a study comes to, in plain words that never say more than the intervals allow."""

from __future__ import annotations

from collections.abc import Sequence

from harness.records.experiment import DIRECTIONS
from harness.report.formatting import listed, plural
from harness.report.page import Answer, Sentence
from harness.statistics.intervals import MINIMUM_SEEDS
from harness.studies.grid.page.findings import ALPHA, GridFindings, Judged, ends


def answers(findings: GridFindings) -> list[Answer]:
    return [_same(findings), _learnt(findings), _ended(findings)]


def _same(findings: GridFindings) -> Answer:
    question = "Do the frameworks agree in every cell?"
    if not findings.judged:
        text = "No cell has scores of two backends with the same seed."
        return Answer(question, "No comparison yet", "open", (Sentence("", text),))
    tried = [each for each in findings.judged if each.joint is not None]
    few = [each for each in findings.judged if each.joint is None]
    if not tried:
        return Answer(question, "Cannot tell", "open", (Sentence("", _too_few(few)),))
    apart = [each for each in tried if each.label == "different"]
    surely = [each for each in apart if each.stands]
    open_ = [each for each in tried if each.label == "cannot tell yet"]
    alike = [each for each in tried if each.label == "equivalent"]
    if surely:
        short, tone = f"No: different in {_places(findings, surely)}", "no"
    elif not (apart or open_ or few or _unscored(findings)):
        short, tone = "Yes, within the margins", "yes"
    else:
        short, tone = "Cannot tell yet", "open"
    counts = (
        f"Of {plural(len(tried), 'verdict')} (cell, metric, direction), each at {ALPHA:.0%}: "
        f"{len(alike)} equivalent, {len(apart)} different, {len(open_)} open. "
    )
    sentences = [Sentence("", counts + _many(tried, apart, surely))]
    if few:
        sentences.append(Sentence("", _too_few(few)))
    return Answer(question, short, tone, tuple(sentences))


def _many(tried: Sequence[Judged], apart: Sequence[Judged], surely: Sequence[Judged]) -> str:
    """What so many verdicts at once are worth."""
    chance = f"Were the frameworks alike everywhere, one verdict in {1 / ALPHA:.0f} could be wrong."
    if len(tried) == 1:
        return ""
    if not apart:
        return chance
    return (
        f"{chance} At {ALPHA:.0%} over {len(tried)} (Bonferroni), so that all hold together, "
        f"{len(surely)} of the {len(apart)} called different "
        f"{'stands' if len(surely) == 1 else 'stand'}."
    )


def _too_few(few: Sequence[Judged]) -> str:
    seeds = max(each.row.seeds for each in few)
    if seeds == 1:
        return (
            f"In {plural(len(few), 'comparison')} there is one seed, which says nothing about the "
            "frameworks: another seed of the same framework would differ as well. A verdict takes "
            f"{MINIMUM_SEEDS} seeds."
        )
    return (
        f"In {plural(len(few), 'comparison')} there are fewer than {MINIMUM_SEEDS} seeds: no "
        "interval and no claim beyond these runs."
    )


def _places(findings: GridFindings, judged: Sequence[Judged]) -> str:
    cells = list(dict.fromkeys(each.cell.name for each in judged))
    return listed(cells) if len(cells) <= 3 else f"{len(cells)} of {len(findings.cells)} cells"


def _unscored(findings: GridFindings) -> bool:
    """Whether some cell has no comparison, or lost some of its seeds."""
    judged = {id(each.cell) for each in findings.judged}
    lost = any(run.state != "complete" for cell in findings.cells for run in cell.runs)
    return lost or any(id(cell) not in judged for cell in findings.cells)


def _learnt(findings: GridFindings) -> Answer:
    """Compared with untranslated images (docs/evaluation.md)."""
    question = "Which cells have learnt anything?"
    if not findings.metrics:
        text = "The translations have not been scored."
        return Answer(question, "Not scored yet", "open", (Sentence("", text),))
    sentences, results = [], []
    for metric in findings.metrics:
        beats, total, where = 0, 0, []
        for cell in findings.cells:
            for name in findings.study.backends:
                found = [
                    score.better_than(row.identity_baseline, metric.better)
                    for direction in DIRECTIONS
                    for row in cell.of_metric(metric.name, direction)[:1]
                    if (score := cell.score(metric.name, direction, name))
                    and row.identity_baseline is not None
                    and score.interval.value is not None
                ]
                total += len(found)
                beats += sum(each is True for each in found)
                if found and all(found):
                    where.append(f"{cell.name} ({findings.titles[name]})")
        if total:
            both = f" Both ways: {listed(where)}." if where else " Nowhere both ways."
            text = f"better than the untranslated images in {beats} of {total} translations.{both}"
            sentences.append(Sentence(metric.title, text))
            results.append((beats, total))
    if not results:
        text = "None of the metrics shown has a baseline to judge by."
        return Answer(question, "Cannot tell by these metrics", "open", (Sentence("", text),))
    if all(beats == 0 for beats, _ in results):
        return Answer(question, "None surely", "no", tuple(sentences))
    every = all(beats == total for beats, total in results)
    return Answer(question, "All" if every else "Some", "yes" if every else "open",
                  tuple(sentences))  # fmt: skip


def _ended(findings: GridFindings) -> Answer:
    question = "Did every training end?"
    lost = [run for cell in findings.cells for run in cell.runs if run.state != "complete"]
    count = sum(len(cell.runs) for cell in findings.cells)
    if not lost:
        text = f"{plural(count, 'training')}, all complete."
        return Answer(question, "Yes", "yes", (Sentence("", text),))
    failed = [run for run in lost if run.state in ("diverged", "failed")]
    short = f"{len(lost)} of {count} did not" + (f", {len(failed)} failed" if failed else "")
    sentences = [
        Sentence(f"{cell.name}, {findings.titles[name]}", f"{'; '.join(ended)}.")
        for cell in findings.cells
        for name in findings.study.backends
        if (ended := ends(cell.states(name)))
    ]
    if any(run.state == "diverged" for run in lost):
        sentences.append(Sentence("", "Diverged: a loss was not a finite number any more."))
    return Answer(question, short, "no" if failed else "open", tuple(sentences))
