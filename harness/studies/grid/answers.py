"""What a study comes to, in plain words that never say more than the intervals allow."""

from __future__ import annotations

from collections.abc import Sequence

from harness.report.comparison.scores import MetricRow
from harness.report.formatting import listed, plural
from harness.report.page import Answer, Sentence
from harness.statistics.intervals import MINIMUM_SEEDS
from harness.studies.grid.between import between_answer
from harness.studies.grid.findings import ALPHA, GridFindings, Judged, ends
from harness.studies.study import open_answer


def answers(findings: GridFindings) -> list[Answer]:
    return [
        _same(findings),
        *between_answer(findings),
        _learnt(findings),
        _ended(findings),
    ]


def _same(findings: GridFindings) -> Answer:
    question = "Do the frameworks agree in every cell?"
    if not findings.judged:
        why = "No cell has scores of two backends with the same seed."
        return open_answer(question, "No comparison yet", why)
    tried = [judged for judged in findings.judged if judged.joint is not None]
    few = [judged for judged in findings.judged if judged.joint is None]
    if not tried:
        return open_answer(question, "Cannot tell", _too_few(few))
    apart = [judged for judged in tried if judged.label == "different"]
    surely = [judged for judged in apart if judged.stands]
    undecided = [judged for judged in tried if judged.label == "cannot tell yet"]
    alike = [judged for judged in tried if judged.label == "equivalent"]
    # A cell without a comparison, or that lost some of its seeds, keeps the answer from being yes.
    compared = {id(judged.cell) for judged in findings.judged}
    unscored = any(
        id(cell) not in compared or any(run.state != "complete" for run in cell.runs)
        for cell in findings.cells
    )
    if surely:
        names = list(dict.fromkeys(judged.cell.name for judged in surely))
        where = f"{len(names)} of {len(findings.cells)} cells"
        if len(names) <= 3:
            where = listed(names)
        short, tone = f"No: different in {where}", "no"
    elif apart or undecided or few or unscored:
        short, tone = "Cannot tell yet", "open"
    else:
        short, tone = "Yes, within the margins", "yes"
    of_pair = ", backend against the first" if len(findings.study.backends) > 2 else ""
    text = (
        f"Of {plural(len(tried), 'verdict')} (cell, metric, direction{of_pair}), each at "
        f"{ALPHA:.0%}: {len(alike)} equivalent, {len(apart)} different, {len(undecided)} open. "
    )
    # What so many verdicts at once are worth.
    if len(tried) > 1:
        text += (
            f"Were the frameworks alike everywhere, one verdict in {1 / ALPHA:.0f} could be wrong."
        )
        if apart:
            text += (
                f" At {ALPHA:.0%} over {len(tried)} (Bonferroni), so that all hold together, "
                f"{len(surely)} of the {len(apart)} called different "
                f"{'stands' if len(surely) == 1 else 'stand'}."
            )
    sentences = [Sentence("", text)]
    if few:
        sentences.append(Sentence("", _too_few(few)))
    return Answer(question, short, tone, tuple(sentences))


def _too_few(few: Sequence[Judged]) -> str:
    comparisons = plural(len(few), "comparison")
    if max(judged.row.seeds for judged in few) == 1:
        return (
            f"In {comparisons} there is one seed, which says nothing about the "
            "frameworks: another seed of the same framework would differ as well. A verdict takes "
            f"{MINIMUM_SEEDS} seeds."
        )
    return (
        f"In {comparisons} there are fewer than {MINIMUM_SEEDS} seeds: no "
        "interval and no claim beyond these runs."
    )


def _learnt(findings: GridFindings) -> Answer:
    """Compared with untranslated images (docs/evaluation.md)."""
    question = "Which cells have learnt anything?"
    if not findings.metrics:
        why = "The translations have not been scored."
        return open_answer(question, "Not scored yet", why)
    sentences, results = [], []
    for metric in findings.metrics:
        beats, total, where = 0, 0, []
        for cell in findings.cells:
            for name in findings.study.backends:
                better = [
                    score.better_than(level, metric.better)
                    for direction in findings.directions
                    for row in cell.of_metric(metric.name, direction)[:1]
                    if (score := cell.score(metric.name, direction, name))
                    and (level := _baseline(row)) is not None
                    and score.interval.value is not None
                ]
                total += len(better)
                beats += better.count(True)
                if better and all(better):
                    where.append(f"{cell.name} ({findings.titles[name]})")
        if total:
            ways = " both ways" if len(findings.directions) > 1 else ""
            everywhere = (
                f" Certainly{ways}: {listed(where)}." if where else f" Nowhere certainly{ways}."
            )
            text = f"better than {_BASELINE[bool(ways)]} in {beats} of {total} scores.{everywhere}"
            sentences.append(Sentence(metric.title, text))
            results.append((beats, total))
    if not results:
        why = "None of the metrics shown has a baseline to judge by."
        return open_answer(question, "Cannot tell by these metrics", why)
    if all(beats == 0 for beats, _ in results):
        short, tone = "None surely", "no"
    elif all(beats == total for beats, total in results):
        short, tone = "All", "yes"
    else:
        short, tone = "Some", "open"
    return Answer(question, short, tone, tuple(sentences))


def _baseline(row: MetricRow) -> float | None:
    """Of untranslated images; of samples, which were none before, of the mean image."""
    if row.identity_baseline is not None:
        return row.identity_baseline
    return row.baselines.get("mean_baseline") if len(row.baselines) == 1 else None


# By whether images are translated both ways.
_BASELINE = {True: "the untranslated images", False: "the mean image"}


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
