"""Entries of an experiment folder, one for each device; numbers as summary.json has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from harness.config.differences import ADDED
from harness.records.experiment import ExperimentFolder, load
from harness.records.run import RunRecord, find_runs
from harness.report.comparison.evidence import evidence_answers, find_evidence
from harness.report.comparison.gan_findings import learnt_answer
from harness.report.comparison.scores import MetricRow, metric_rows
from harness.report.comparison.timing import TimingRow, timing_rows
from harness.report.comparison.verdict import answers
from harness.statistics.intervals import Interval
from harness.studies.history.entry import (
    MOST_WORDS,
    Entry,
    EntryEstimate,
    EntryPair,
    EntryScore,
    EntryVerdict,
    NoEntry,
    Reference,
    Side,
    digest,
)
from harness.studies.history.parts import changes_of, code_of, machine_of, made, versions_of
from harness.system.checksums import sha256
from harness.system.dates import moment
from harness.system.errors import UserError
from harness.system.untrusted import is_folder

# Of a run: they contain its times, which no two runs have in common.
TELLING = ("environment.json", "blocks.csv", "resources.json")


def load_finished(folder: Path, with_scores: bool = True) -> ExperimentFolder:
    """Raises NoEntry where no run is complete, UserError where one is not scored.

    `with_scores` False: there may be no scores at all.
    """
    # One that has only begun may lack what is loaded.
    if is_folder(folder) and not any(run.complete for run in find_runs(folder)):
        raise NoEntry(f"{folder}: no complete run in it; finish one first")
    experiment = load(folder)
    rows = experiment.metrics.get("scores", [])
    scored = {(row["device"], row["backend"], row["seed"]) for row in rows}
    for run in experiment.runs:
        if (with_scores or rows) and (run.device, run.backend, run.seed) not in scored:
            raise UserError(f"{run.folder}: not scored yet; run `cyclebench report {folder}`")
    return experiment


def entries_of_experiment(experiment: ExperimentFolder) -> dict[str, Entry]:
    """By the device's slug."""
    metrics, timing = metric_rows(experiment), timing_rows(experiment)
    first, *_ = [
        *evidence_answers(experiment, find_evidence(experiment)),
        *answers(experiment, metrics, timing, learnt_answer(experiment, metrics)),
    ]
    sentence = f"{first.question} {first.short}"[:MOST_WORDS]
    return {
        device: made(
            experiment.folder, partial(_document, experiment, device, metrics, timing, sentence)
        )
        for device in experiment.devices
    }


def _document(
    experiment: ExperimentFolder,
    device: str,
    metrics: Sequence[MetricRow],
    timing: Sequence[TimingRow],
    sentence: str,
) -> dict[str, Any]:
    runs = [run for run in experiment.runs if run.device == device]
    last = max(runs, key=_finished)
    rows = [row for row in metrics if row.device == device]
    times = [row for row in timing if row.device == device]
    own = {key: value for key, value in experiment.configuration.items() if key not in ADDED}
    height, width, _ = experiment.image_shape("a")
    images = experiment.manifest.get("digest")
    precision = experiment.setting("runtime.precision", None)
    return {
        "kind": "comparison",
        "identity": digest([_contents(run) for run in runs]),
        "measured": moment(_finished(last)),
        "series": digest({"kind": "comparison", "images": images, "configuration": own}),
        "dataset": experiment.dataset,
        "preset": experiment.preset,
        "changes": changes_of(own, experiment.preset),
        "image": (height, width),
        "batch": experiment.setting("training.batch_size"),
        "precision": precision or last.environment.get("precision") or "",
        "steps": max(run.status["steps"] for run in runs),
        "seeds": tuple(sorted({run.seed for run in runs})),
        "machine": machine_of(last.environment, last.environment),
        "code": code_of(last.environment),
        "backends": tuple(
            _side(experiment, experiment.of(name, device), rows, times)
            for name in experiment.on(device)
        ),
        "pairs": tuple(
            _pair(experiment, (first, *others), device, rows, times)
            for first, *others in experiment.pairs(device)
            if others
        ),
        "references": tuple(
            Reference(
                metric=row.metric.name,
                direction=row.direction,
                floor=row.floor,
                untranslated=row.identity_baseline,
            )
            for row in {(row.metric.name, row.direction): row for row in rows}.values()
        ),
        "sentence": sentence,
    }


def _side(
    experiment: ExperimentFolder,
    runs: Sequence[RunRecord],
    metrics: Sequence[MetricRow],
    timing: Sequence[TimingRow],
) -> Side:
    name = runs[0].backend
    # In a pair that others disturbed, values are of all blocks: those of another one come first.
    rows = [row for row in timing if name in row.values]
    rows.sort(key=lambda row: row.load is not None and row.load.refused)
    values: dict[str, float | None] = {}
    for row in rows:
        values.setdefault(row.quantity, row.values[name])
    step, memory = values.get("step_ms_median"), values.get("peak_memory_bytes")
    scores = {(r.metric.name, r.direction): r.scores[name] for r in metrics if name in r.scores}
    return Side(
        backend=name,
        title=experiment.title(name),
        versions=versions_of(runs[-1].environment),
        step=None if step is None else EntryEstimate(value=step / 1000, n=len(runs)),
        memory=None if memory is None else int(memory),
        memory_kind=runs[-1].resources["peak_memory"]["kind"],
        joules=values.get("joules_per_image") or None,
        scores=tuple(
            EntryScore(metric=metric, direction=direction, estimate=estimate)
            for (metric, direction), score in scores.items()
            if (estimate := EntryEstimate.of(score.interval, score.runs))
        ),
    )


def _pair(
    experiment: ExperimentFolder,
    names: Sequence[str],
    device: str,
    metrics: Sequence[MetricRow],
    timing: Sequence[TimingRow],
) -> EntryPair:
    first, second = names
    of_both = [{run.seed for run in experiment.of(name, device)} for name in names]
    ratio = next(
        (
            row.ratio
            for row in timing
            if tuple(row.values) == tuple(names) and row.quantity == "step_ms_median"
        ),
        Interval(None),
    )
    return EntryPair(
        first=first,
        second=second,
        ratio=EntryEstimate.of(ratio, len(set.intersection(*of_both))),
        verdicts=tuple(
            EntryVerdict(
                metric=row.metric.name,
                direction=row.direction,
                difference=difference,
                margin=row.margin.value,
                margin_scale=row.margin.scale,
                primary=row.primary,
                verdict=row.verdict.label,
            )
            for row in metrics
            if tuple(row.scores) == tuple(names) and row.verdict and row.margin
            if (difference := EntryEstimate.of(row.difference, row.seeds))
        ),
    )


def _finished(run: RunRecord) -> float:
    """When its status was written, which is the last thing of a run."""
    return (run.folder / "status.json").stat().st_mtime


def _contents(run: RunRecord) -> Mapping[str, Any]:
    sums = {name: sha256(run.folder / name) for name in TELLING}
    return {"backend": run.backend, "seed": run.seed, **sums}
