"""What a study's page says, worked out once from study.json and the experiment folders."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.config.metric_table import BY_NAME, GAN_METRICS, Metric
from harness.records.experiment import DIRECTIONS, ExperimentFolder, load
from harness.records.run import RunRecord
from harness.report.comparison.judging import judge_row
from harness.report.comparison.scores import HEADLINE, BackendScore, MetricRow, metric_rows
from harness.report.comparison.timing import TimingRow, block_times, timing_rows
from harness.report.figures import backend_colour
from harness.report.formatting import MISSING
from harness.statistics.equivalence import Verdict
from harness.statistics.intervals import MINIMUM_SEEDS, Interval, seed_interval
from harness.studies.grid.record import CellRecord, StudyRecord, asked_runs

ALPHA = 0.05
# Shown where the file names no metrics and the data set allows them.
DEFAULT_METRICS = (HEADLINE, "judge_accuracy", *(metric.name for metric in GAN_METRICS))


@dataclass(frozen=True)
class RunState:
    """One training the study asks for."""

    backend: str
    seed: int
    state: str  # complete, diverged, failed, interrupted, running, not begun
    step: int
    steps: int | None


@dataclass(frozen=True)
class CellFindings:
    """`experiment` holds the study's runs only; None where the cell has not been begun."""

    record: CellRecord
    experiment: ExperimentFolder | None
    rows: tuple[MetricRow, ...]
    timing: tuple[TimingRow, ...]
    runs: tuple[RunState, ...]

    @property
    def name(self) -> str:
        return self.record.name

    def of(self, backend: str) -> tuple[RunRecord, ...]:
        """Complete runs."""
        return self.experiment.of(backend) if self.experiment else ()

    def states(self, backend: str) -> list[RunState]:
        return [run for run in self.runs if run.backend == backend]

    def score(self, metric: str, direction: str, backend: str) -> BackendScore | None:
        return next((r.scores[backend] for r in self.of_metric(metric, direction)
                     if backend in r.scores), None)  # fmt: skip

    def of_metric(self, metric: str, direction: str) -> list[MetricRow]:
        return [row for row in self.rows if (row.metric.name, row.direction) == (metric, direction)]


@dataclass(frozen=True)
class Judged:
    """A difference between two backends in one cell: by itself, and as one of the study's many.

    `alone`: the verdict at 5 %. `joint`: the verdict at 5 % over the number of verdicts
    (Bonferroni), so that all of them hold together.
    """

    cell: CellFindings
    row: MetricRow
    alone: Verdict | None
    joint: Verdict | None

    @property
    def label(self) -> str | None:
        return self.alone.label if self.alone else None

    @property
    def stands(self) -> bool:
        """Whether the verdict holds together with all others."""
        return self.joint is not None and self.joint.label == self.label


@dataclass(frozen=True)
class GridFindings:
    study: StudyRecord
    cells: tuple[CellFindings, ...]
    metrics: tuple[Metric, ...]
    judged: tuple[Judged, ...]
    titles: dict[str, str]  # of backends

    @property
    def directions(self) -> tuple[str, ...]:
        """Of the models of all cells."""
        known = [cell.experiment.directions for cell in self.cells if cell.experiment]
        return known[0] if known else DIRECTIONS

    @property
    def verdicts(self) -> int:
        """How many differences got a verdict from enough seeds."""
        return sum(judged.row.seeds >= MINIMUM_SEEDS for judged in self.judged)

    @property
    def baseline(self) -> CellFindings:
        return next(cell for cell in self.cells if cell.name == self.study.report.baseline)

    @property
    def most_seeds(self) -> int:
        return max((score.runs for cell in self.cells for row in cell.rows
                    for score in row.scores.values()), default=0)  # fmt: skip

    def judgement(self, row: MetricRow) -> Judged | None:
        return next((judged for judged in self.judged if judged.row is row), None)

    def colour(self, backend: str) -> str:
        return backend_colour(backend, self.study.backends)

    def path(self, cell: CellFindings, direction: str) -> str:
        if cell.experiment:
            return cell.experiment.path(direction)
        return direction if len(self.directions) > 1 else MISSING


def find(study: StudyRecord) -> GridFindings:
    cells = tuple(_cell(study, record) for record in study.cells)
    scored: dict[str, set[Metric]] = {}
    for row in (row for cell in cells for row in cell.rows):
        scored.setdefault(row.metric.name, set()).add(row.metric)
    wanted = study.report.metrics or DEFAULT_METRICS
    # Cells that compare with different real images say so in the settings they differ by.
    metrics = tuple(
        next(iter(scored[name])) if len(scored[name]) == 1 else BY_NAME[name]
        for name in wanted
        if name in scored
    )
    titles = {name: name for name in study.backends}
    for cell in cells:
        if cell.experiment is not None:
            titles |= {name: cell.experiment.title(name) for name in cell.experiment.present}
    return GridFindings(study, cells, metrics, _judge(cells, metrics), titles)


def ends(runs: Sequence[RunState]) -> list[str]:
    """What trainings that are not complete came to, those that ended alike in one line."""
    alike: dict[str, list[int]] = {}
    for run in runs:
        if run.state == "not begun":
            alike.setdefault("not begun", []).append(run.seed)
        elif run.state != "complete":
            text = f"{run.state} at step {run.step:,} of {run.steps:,}"
            alike.setdefault(text, []).append(run.seed)
    return [
        f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}: {text}"
        for text, seeds in alike.items()
    ]


def relative_time(cell: CellFindings, baseline: CellFindings, backend: str) -> Interval:
    """Training time over that of the baseline cell, same backend and seed.

    Geometric mean with a t interval of the logarithms over seeds: a ratio is never below zero.
    Time of a run: its median step times its steps, so that neither set-up nor warm-up nor a pause
    is in it. The cells were trained one after the other, not in turns.
    """

    def train_seconds(run: RunRecord) -> float:
        times = block_times([run])
        return float(times.median()) * run.status["steps"] if len(times) else math.nan

    ours = {run.seed: train_seconds(run) for run in cell.of(backend)}
    theirs = {run.seed: train_seconds(run) for run in baseline.of(backend)}
    ratios = [ours[seed] / theirs[seed] for seed in sorted(ours.keys() & theirs.keys())]
    return seed_interval([math.log(ratio) for ratio in ratios if np.isfinite(ratio)]).exp()


def _cell(study: StudyRecord, record: CellRecord) -> CellFindings:
    asked = asked_runs(record.folder, study.device_name, study.backends, study.seeds)
    states = []
    for run in asked:
        backend, _, seed = run.folder.name.rpartition("-seed")
        if run.begun:
            status = run.status
            state = "diverged" if run.diverged else status["state"]
            states.append(RunState(backend, int(seed), state, status["step"], status["steps"]))
        else:
            states.append(RunState(backend, int(seed), "not begun", 0, None))
    if not (record.folder / "experiment.json").exists():
        return CellFindings(record, None, (), (), tuple(states))
    folders = {run.folder for run in asked}
    whole = load(record.folder)
    experiment = replace(
        whole,
        runs=tuple(run for run in whole.runs if run.folder in folders),
        unfinished=tuple(run for run in whole.unfinished if run.folder in folders),
    )
    rows, timing = tuple(metric_rows(experiment)), tuple(timing_rows(experiment))
    return CellFindings(record, experiment, rows, timing, tuple(states))


def _judge(cells: tuple[CellFindings, ...], metrics: tuple[Metric, ...]) -> tuple[Judged, ...]:
    names = {metric.name for metric in metrics}
    rows = [
        (cell, row)
        for cell in cells
        for row in cell.rows
        if row.metric.name in names and len(row.scores) == 2 and row.gaps
    ]
    count = sum(row.verdict is not None and row.seeds >= MINIMUM_SEEDS for _, row in rows)
    judged = []
    for cell, row in rows:
        alone, joint = judge_row(row, ALPHA, row.maximum), None
        if row.verdict and row.seeds >= MINIMUM_SEEDS:
            joint = judge_row(row, ALPHA / count, row.maximum)
        judged.append(Judged(cell, row, alone, joint))
    return tuple(judged)
