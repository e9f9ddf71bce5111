"""Speed and memory by device, from blocks that the backends ran in turns (docs/evaluation.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.records.experiment import ExperimentFolder
from harness.records.run import RunRecord
from harness.statistics.intervals import Interval, ratio_interval
from harness.training.clocks import NAMES

CLOCKS = (*NAMES, "wall")


@dataclass(frozen=True)
class TimingRow:
    """A quantity of one backend or a pair; `ratio` is the second backend over the first."""

    device: str
    quantity: str
    values: Mapping[str, float | None]
    ratio: Interval
    pairs: int  # block pairs behind the ratio's interval; 0 where it has none


def step_seconds(run: RunRecord) -> pd.Series:
    """Seconds a step of each timed block, indexed by (seed, start_step, steps); no warm-up."""
    return _per_step(run, "train_seconds")


def step_joules(run: RunRecord) -> pd.Series:
    """Joules a step, as `step_seconds`; without the blocks in which they could not be read."""
    return _per_step(run, "joules")


# What is measured block by block, a step.
Measure = Callable[[RunRecord], pd.Series]
BLOCKWISE: dict[str, Measure] = {"step_ms_median": step_seconds, "joules_per_image": step_joules}


def _per_step(run: RunRecord, column: str) -> pd.Series:
    blocks = run.blocks
    if column not in blocks:  # a run of before it was recorded
        return pd.Series(dtype=np.float64)
    blocks = blocks[(blocks["warmup"] == 0) & (blocks["steps"] > 0)]
    values = (blocks[column] / blocks["steps"]).to_numpy(np.float64)
    keys = [blocks["start_step"].to_numpy(), blocks["steps"].to_numpy()]
    index = pd.MultiIndex.from_arrays([np.full(len(blocks), run.seed), *keys])
    series = pd.Series(values, index)
    return series[np.isfinite(values) & (values > 0)]


def block_times(runs: Sequence[RunRecord], measure: Measure = step_seconds) -> pd.Series:
    """`measure` of several runs, one below the other."""
    blocks = [series for series in map(measure, runs) if len(series)]
    return pd.concat(blocks) if blocks else pd.Series(dtype=np.float64)


def paired_times(
    first: Sequence[RunRecord], second: Sequence[RunRecord], measure: Measure = step_seconds
) -> pd.DataFrame:
    """Blocks of the same seed, start step and length: columns `first`, `second`, by `measure`."""
    columns = {"first": block_times(first, measure), "second": block_times(second, measure)}
    if any(column.empty for column in columns.values()):
        return pd.DataFrame({name: np.empty(0) for name in columns})
    return pd.concat(columns, axis=1, join="inner").sort_index()


def timing_rows(experiment: ExperimentFolder) -> list[TimingRow]:
    """By device, pair of backends and quantity; energy only where a backend's could be read."""
    batch = experiment.setting("training.batch_size")
    quantities: dict[str, Callable[[Sequence[RunRecord]], float | None]] = {
        "step_ms_median": lambda runs: _scaled(block_times(runs).median(), 1000),
        "step_ms_p95": lambda runs: _scaled(float(block_times(runs).quantile(0.95)), 1000),
        "images_per_second": lambda runs: _scaled(_steps_per_second(runs), 2 * batch),
        "warmup_seconds": lambda runs: _clock(runs, "warmup"),
        "peak_memory_bytes": lambda runs: max(
            (b for run in runs if (b := run.resources["peak_memory"]["bytes"]) is not None),
            default=None,
        ),
        "flops_per_second": flops_per_second,
        "joules_per_image": lambda runs: _scaled(
            block_times(runs, step_joules).median(), 1 / (2 * batch)
        ),
    }
    rows = []
    for device in experiment.devices:
        for pair in experiment.pairs(device):
            runs = {name: experiment.of(name, device) for name in pair}
            for quantity, measure in quantities.items():
                values = {name: measure(runs[name]) for name in pair}
                if quantity == "joules_per_image" and not any(values.values()):
                    continue
                ratio, pairs = _ratio(quantity, list(runs.values()), list(values.values()))
                rows.append(TimingRow(device, quantity, values, ratio, pairs))
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


def _ratio(
    quantity: str, runs: list[tuple[RunRecord, ...]], values: list[float | None]
) -> tuple[Interval, int]:
    if len(runs) < 2 or values[0] is None or values[1] is None:
        return Interval(None), 0
    if quantity in BLOCKWISE:
        paired = paired_times(runs[0], runs[1], BLOCKWISE[quantity])
        if paired.empty:
            return Interval(None), 0
        first, second = (paired[name].to_numpy() for name in ("first", "second"))
        return ratio_interval(second, first), len(paired)
    return (Interval.of(values[1] / values[0]) if values[0] else Interval(None)), 0


def _steps_per_second(runs: Sequence[RunRecord]) -> float:
    times = block_times(runs)
    if times.empty:
        return np.nan
    steps = times.index.get_level_values(2).to_numpy()
    return float(steps.sum() / (times.to_numpy() * steps).sum())


def flops_per_second(runs: Sequence[RunRecord]) -> float | None:
    """Convolutions of timed blocks; None where none was timed or none were counted."""
    flops = _average(runs, lambda run: run.resources.get("flops_per_step"))
    return None if flops is None else _scaled(_steps_per_second(runs), flops)


def _average(runs: Sequence[RunRecord], value: Callable[[RunRecord], float | None]) -> float | None:
    numbers = [number for number in map(value, runs) if number is not None]
    return float(np.mean(numbers)) if numbers else None


def _scaled(value: float, factor: float) -> float | None:
    return float(value) * factor if np.isfinite(value) else None
