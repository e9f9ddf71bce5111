"""Speed and memory by device, from blocks that the backends ran in turns (docs/evaluation.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.records.experiment import ExperimentFolder
from harness.records.run import RunRecord
from harness.report.comparison.busy import PairLoad, is_marked, pair_load
from harness.statistics.intervals import Interval, joint_confidence, ratio_interval
from harness.training.clocks import NAMES

CLOCKS = (*NAMES, "wall")
# Quantities that are measured block by block, and their columns in blocks.csv.
BLOCKWISE = {"step_ms_median": "train_seconds", "joules_per_image": "joules"}
UNTIMED = {"peak_memory_bytes"}  # which load does not change


@dataclass(frozen=True)
class TimingRow:
    """A quantity of one backend or a pair; `ratio` is the second backend over the first.

    `comparisons`: with the first backend on this device; the intervals of their ratios hold
    together at 95 % (Bonferroni). `load`: of the blocks of a pair. Values are of blocks that others
    did not disturb, where there are enough of them; else of all, and there is no ratio of anything
    that is timed.
    """

    device: str
    quantity: str
    values: Mapping[str, float | None]
    ratio: Interval
    pairs: int  # block pairs behind the ratio's interval; 0 where it has none
    load: PairLoad | None = None
    comparisons: int = 1


def block_times(
    runs: Sequence[RunRecord], column: str = "train_seconds", clean: bool = False
) -> pd.Series:
    """Of each timed block of several runs: `column` divided by its steps.

    Indexed by (seed, start_step, steps). Blocks in which nothing was read, as joules may be, are
    left out; with `clean` also those that others disturbed.
    """
    parts = []
    for run in runs:
        if column not in run.blocks:  # older runs have no joules
            continue
        names = ("start_step", "steps", column)
        starts, steps, values = (run.blocks[name].to_numpy() for name in names)
        timed = run.timed
        if clean:
            timed = timed & ~is_marked(run)
        starts, steps = starts[timed], steps[timed]
        values = (values[timed] / steps).astype(np.float64)
        kept = np.isfinite(values) & (values > 0)
        if kept.any():
            seeds = np.full(kept.sum(), run.seed)
            parts.append((seeds, starts[kept], steps[kept], values[kept]))
    if not parts:
        return pd.Series(dtype=np.float64)
    *keys, values = map(np.concatenate, zip(*parts, strict=True))
    return pd.Series(values, pd.MultiIndex.from_arrays(keys))


def paired_times(
    first: Sequence[RunRecord],
    second: Sequence[RunRecord],
    column: str = "train_seconds",
    clean: bool = False,
) -> pd.DataFrame:
    """`block_times` of the same seed, start step and length: columns `first`, `second`."""
    columns = {
        "first": block_times(first, column, clean),
        "second": block_times(second, column, clean),
    }
    if any(times.empty for times in columns.values()):
        return pd.DataFrame({name: np.empty(0) for name in columns})
    return pd.concat(columns, axis=1, join="inner").sort_index()


def timing_rows(experiment: ExperimentFolder) -> list[TimingRow]:
    """By device, pair of backends and quantity; energy only where a backend's could be read."""
    # Of every domain that the models make images of.
    images = len(experiment.directions) * experiment.setting("training.batch_size")
    quantities: dict[str, Callable[[Sequence[RunRecord], bool], float | None]] = {
        "step_ms_median": lambda runs, clean: _scaled(
            block_times(runs, clean=clean).median(), 1000
        ),
        "step_ms_p95": lambda runs, clean: _scaled(
            float(block_times(runs, clean=clean).quantile(0.95)), 1000
        ),
        "images_per_second": lambda runs, clean: _scaled(_steps_per_second(runs, clean), images),
        "warmup_seconds": lambda runs, _: _clock(runs, "warmup"),
        "peak_memory_bytes": lambda runs, _: max(
            (b for run in runs if (b := run.resources["peak_memory"]["bytes"]) is not None),
            default=None,
        ),
        "flops_per_second": flops_per_second,
        "joules_per_image": lambda runs, clean: _scaled(
            block_times(runs, "joules", clean).median(), 1 / images
        ),
    }
    rows = []
    for device in experiment.devices:
        compared = experiment.pairs(device)
        sure = joint_confidence(len(compared))
        for pair in compared:
            runs = {name: experiment.of(name, device) for name in pair}
            load = _load(list(runs.values()))
            clean = load is None or not load.refused
            for quantity, measure in quantities.items():
                values = {name: measure(runs[name], clean) for name in pair}
                if quantity == "joules_per_image" and not any(values.values()):
                    continue
                if clean or quantity in UNTIMED:
                    ratio, pairs = _ratio(
                        quantity, list(runs.values()), list(values.values()), sure
                    )
                else:
                    ratio, pairs = Interval(None), 0
                rows.append(TimingRow(device, quantity, values, ratio, pairs, load, len(compared)))
    return rows


def clock_table(experiment: ExperimentFolder, device: str) -> dict[str, dict[str, float | None]]:
    """Mean seconds over a backend's runs, by clock and backend; clocks nobody has are left out."""
    table = {
        clock: {name: _clock(experiment.of(name, device), clock) for name in experiment.on(device)}
        for clock in CLOCKS
    }
    return {clock: row for clock, row in table.items() if any(v is not None for v in row.values())}


def _clock(runs: Sequence[RunRecord], clock: str) -> float | None:
    return _average(runs, lambda run: run.resources["clocks"].get(clock))


def _load(runs: list[tuple[RunRecord, ...]]) -> PairLoad | None:
    """None where there are no two backends, or no pair of blocks."""
    if len(runs) < 2:
        return None
    first, second = runs
    pairs, clean = (len(paired_times(first, second, clean=clean)) for clean in (False, True))
    return pair_load(first, second, pairs, clean) if pairs else None


def _ratio(
    quantity: str, runs: list[tuple[RunRecord, ...]], values: list[float | None], sure: float
) -> tuple[Interval, int]:
    if len(runs) < 2 or values[0] is None or values[1] is None:
        return Interval(None), 0
    if quantity in BLOCKWISE:
        paired = paired_times(runs[0], runs[1], BLOCKWISE[quantity], clean=True)
        if paired.empty:
            return Interval(None), 0
        first, second = (paired[name].to_numpy() for name in ("first", "second"))
        return ratio_interval(second, first, sure), len(paired)
    return (Interval.of(values[1] / values[0]) if values[0] else Interval(None)), 0


def _steps_per_second(runs: Sequence[RunRecord], clean: bool = False) -> float:
    times = block_times(runs, clean=clean)
    if times.empty:
        return np.nan
    steps = times.index.get_level_values(2).to_numpy()
    return float(steps.sum() / (times.to_numpy() * steps).sum())


def flops_per_second(runs: Sequence[RunRecord], clean: bool = False) -> float | None:
    """Convolutions of timed blocks; None where none was timed or none were counted."""
    flops = _average(runs, lambda run: run.resources.get("flops_per_step"))
    return None if flops is None else _scaled(_steps_per_second(runs, clean), flops)


def _average(runs: Sequence[RunRecord], value: Callable[[RunRecord], float | None]) -> float | None:
    numbers = [number for number in map(value, runs) if number is not None]
    return float(np.mean(numbers)) if numbers else None


def _scaled(value: float, factor: float) -> float | None:
    return float(value) * factor if np.isfinite(value) else None
