"""What a bench found: on the screen, and as JSON that other machines' records stand beside."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from harness import provenance
from harness.bench.blocks import Drift, drift, more_pairs, outliers, width
from harness.compare import Machine
from harness.config import Experiment
from harness.records import write_json
from harness.statistics import Interval, ratio_interval


@dataclass(frozen=True)
class Side:
    """One backend. `begin`: what its process said of itself; `blocks`: seconds a step, in order."""

    backend: str
    begin: dict[str, Any]
    first_step: float  # seconds, with tracing and compiling
    blocks: tuple[float, ...]
    memory: dict[str, Any]


@dataclass(frozen=True)
class Record:
    """`cold`: pairs of blocks at the beginning that are warm-up."""

    experiment: Experiment
    machine: Machine
    steps_per_block: int
    cold: int
    first: Side
    second: Side

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.first, self.second

    @property
    def same(self) -> bool:
        return self.first.backend == self.second.backend

    @property
    def pairs(self) -> int:
        return len(self.first.blocks) - self.cold

    def warm(self, side: Side) -> np.ndarray:
        """Seconds a step, (pairs,)."""
        return np.array(side.blocks[self.cold :])

    @property
    def ratio(self) -> Interval:
        """How many times as long the second takes."""
        return ratio_interval(self.warm(self.second), self.warm(self.first))

    def by_order(self) -> tuple[float | None, float | None]:
        """The median ratio of pairs that the first began, and of those that the second did."""
        ratios = self.warm(self.second) / self.warm(self.first)
        led = (np.arange(len(ratios)) + self.cold) % 2 == 0
        return _median(ratios[led]), _median(ratios[~led])

    @property
    def peak(self) -> float:
        """FLOP/s of a matrix product, by whichever framework makes it fastest."""
        return max(side.begin["matrix_peak"] for side in self.sides)


def _median(values: np.ndarray) -> float | None:
    return float(np.median(values)) if len(values) else None


def print_record(record: Record, wanted: float, console: Console) -> None:
    """`wanted`: width beyond which no ratio is shown."""
    experiment = record.experiment
    console.print(
        f"Preset {experiment.preset}, {experiment.data.crop_size} px, batch"
        f" {experiment.training.batch_size}, {experiment.runtime.precision}, on"
        f" {record.machine.device_name}: {record.pairs} pairs of blocks of"
        f" {record.steps_per_block} steps, {record.cold} before them left out as warm-up",
        highlight=False,
    )
    console.print(_table(record))
    for line in sentences(record, wanted):
        console.print(line, highlight=False, soft_wrap=True)


def _table(record: Record) -> Table:
    table = Table()
    table.add_column("")
    for side in record.sides:
        table.add_column(side.begin["environment"]["framework"], justify="right")
    batch = 2 * record.experiment.training.batch_size
    warm = [record.warm(side) for side in record.sides]
    speed = [
        side.begin["flops_per_step"] / np.median(seconds)
        for side, seconds in zip(record.sides, warm, strict=True)
    ]
    rows: dict[str, list[str]] = {
        "step, median": [f"{1000 * np.median(each):,.1f} ms" for each in warm],
        "step, 95th percentile of blocks": [
            f"{1000 * np.quantile(each, 0.95):,.1f} ms" for each in warm
        ],
        "images a second": [f"{batch / np.median(each):,.1f}" for each in warm],
        "first step, with compiling": [f"{side.first_step:.2f} s" for side in record.sides],
        "GFLOP a second": [f"{each / 1e9:,.0f}" for each in speed],
        f"of the matrix peak, {record.peak / 1e9:,.0f} GFLOP/s": [
            f"{100 * each / record.peak:.0f} %" for each in speed
        ],
        "peak memory": [
            f"{side.memory['bytes'] / 2**20:,.0f} MiB {side.memory['kind']}"
            for side in record.sides
        ],
        "drift from first to last block": [_drifted(drift(each)) for each in warm],
        "slow outliers": [f"{outliers(each)} of {len(each)}" for each in warm],
    }
    for name, values in rows.items():
        table.add_row(name, *values)
    return table


def _drifted(found: Drift) -> str:
    change = found.change
    if change.value is None or change.low is None or change.high is None:
        return "too few blocks"
    text = f"{100 * change.value:+.1f} % [{100 * change.low:+.1f}, {100 * change.high:+.1f}]"
    return text if found.certain else f"none seen: {text}"


def sentences(record: Record, wanted: float) -> list[str]:
    """The answer, or what is missing for one."""
    ratio = record.ratio
    names = [side.begin["environment"]["framework"] for side in record.sides]
    if width(ratio) > wanted:
        more = more_pairs(ratio, record.pairs, wanted)
        return [
            f"No ratio: its 95 % interval is wider than {100 * wanted:g} %. About {more} more pairs"
            " of blocks would do on a machine as restless as this one was."
        ]
    interval = f"{ratio.value:.3f} (95 % interval {ratio.low:.3f} to {ratio.high:.3f})"
    led, followed = record.by_order()
    order = f"Pairs that the first began: {led:.3f}; that the second began: {followed:.3f}."
    if not record.same:
        return [f"{names[1]} takes {interval} times as long as {names[0]}.", order]
    if agrees_with_itself(record):
        return [f"A/A: {names[0]} against itself, {interval}: covers 1, as it should.", order]
    return [
        f"A/A: {names[0]} against itself, {interval}: does not cover 1. By chance that happens once"
        " in twenty times; if it happens again, ratios from this machine are not to be believed.",
        order,
    ]


def agrees_with_itself(record: Record) -> bool:
    """Of an A/A record: whether the interval covers 1."""
    low, high = record.ratio.low, record.ratio.high
    return low is not None and high is not None and low <= 1 <= high


def write_record(record: Record, path: Path) -> None:
    """As JSON. Raises OSError."""
    ratio = record.ratio
    write_json(
        path,
        {
            "preset": record.experiment.preset,
            "configuration": record.experiment.model_dump(mode="json"),
            "device": record.machine.device_name,
            "threads": record.machine.threads,
            "machine": provenance.describe(),
            "steps_per_block": record.steps_per_block,
            "cold_pairs": record.cold,
            "ratio": {"value": ratio.value, "low": ratio.low, "high": ratio.high},
            "sides": [
                {
                    "backend": side.backend,
                    **side.begin,
                    "first_step_seconds": side.first_step,
                    "seconds_per_step": list(side.blocks),
                    "memory": side.memory,
                }
                for side in record.sides
            ],
        },
    )
