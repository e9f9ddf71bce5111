"""What a bench found: on the screen, and as JSON that other machines' records stand beside."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from harness import provenance
from harness.bench.blocks import Drift, drift, more_starts, outliers, over_starts, width
from harness.compare import Machine
from harness.config import Experiment
from harness.records import write_json
from harness.statistics import Interval


@dataclass(frozen=True)
class Side:
    """One backend. `begin`: what its process said of itself; `blocks`: seconds a step, in order."""

    backend: str
    begin: dict[str, Any]
    first_step: float  # seconds, with tracing and compiling
    blocks: tuple[float, ...]
    memory: dict[str, Any]


@dataclass(frozen=True)
class Start:
    """Both backends in processes of their own. `number` from 0; `cold`: pairs that are warm-up.

    In pairs of an even number, `number` added, the first backend came first.
    """

    number: int
    steps_per_block: int
    cold: int
    first: Side
    second: Side

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.first, self.second

    def warm(self, side: int) -> np.ndarray:
        """Seconds a step, (pairs,), of the first or second."""
        return np.array(self.sides[side].blocks[self.cold :])

    @property
    def ratios(self) -> np.ndarray:
        """How many times as long the second takes, pair by pair."""
        return self.warm(1) / self.warm(0)

    @property
    def ratio(self) -> float:
        return float(np.median(self.ratios))

    @property
    def led(self) -> np.ndarray:
        """Of which pairs the first backend came first, bool (pairs,)."""
        return (np.arange(len(self.ratios)) + self.cold + self.number) % 2 == 0


@dataclass(frozen=True)
class Record:
    """`starts`: in the order they were made."""

    experiment: Experiment
    machine: Machine
    starts: tuple[Start, ...]

    @property
    def names(self) -> tuple[str, str]:
        """Of the frameworks."""
        first, second = (side.begin["environment"]["framework"] for side in self.starts[0].sides)
        return first, second

    @property
    def same(self) -> bool:
        first, second = self.starts[0].sides
        return first.backend == second.backend

    def warm(self, side: int) -> np.ndarray:
        """Seconds a step of all blocks of the first or second, in order."""
        return np.concatenate([start.warm(side) for start in self.starts])

    @property
    def ratio(self) -> Interval:
        """How many times as long the second takes, for other starts of both."""
        return over_starts([start.ratio for start in self.starts])

    def by_order(self) -> tuple[float | None, float | None]:
        """The median ratio of pairs that the first began, and of those that the second did."""
        ratios = np.concatenate([start.ratios for start in self.starts])
        led = np.concatenate([start.led for start in self.starts])
        return _median(ratios[led]), _median(ratios[~led])

    @property
    def peak(self) -> float:
        """FLOP/s of a matrix product, by whichever framework makes it fastest."""
        return max(side.begin["matrix_peak"] for start in self.starts for side in start.sides)


def _median(values: np.ndarray) -> float | None:
    return float(np.median(values)) if len(values) else None


def print_record(record: Record, wanted: float, console: Console) -> None:
    """`wanted`: width beyond which no ratio is shown."""
    experiment, cold = record.experiment, sum(start.cold for start in record.starts)
    pairs = len(record.warm(0))
    console.print(
        f"Preset {experiment.preset}, {experiment.data.crop_size} px, batch"
        f" {experiment.training.batch_size}, {experiment.runtime.precision}, on"
        f" {record.machine.device_name}: {len(record.starts)} starts, {pairs} pairs of blocks in"
        f" all, {cold} more left out as warm-up",
        highlight=False,
        soft_wrap=True,
    )
    console.print(_table(record))
    for line in sentences(record, wanted):
        console.print(line, highlight=False, soft_wrap=True)


def _table(record: Record) -> Table:
    table = Table()
    table.add_column("")
    for name in record.names:
        table.add_column(name, justify="right")
    columns = [_column(record, side) for side in (0, 1)]
    for row in columns[0]:
        table.add_row(row, *(column[row] for column in columns))
    return table


def _column(record: Record, side: int) -> dict[str, str]:
    """What there is to say of the first or second, by row."""
    warm, starts = record.warm(side), [start.sides[side] for start in record.starts]
    step, batch = float(np.median(warm)), 2 * record.experiment.training.batch_size
    speed = starts[0].begin["flops_per_step"] / step
    memory = max(start.memory["bytes"] for start in starts)
    slow = sum(outliers(start.warm(side)) for start in record.starts)
    first, peak = float(np.median([start.first_step for start in starts])), record.peak
    return {
        "step, median": f"{1000 * step:,.1f} ms",
        "step, 95th percentile of blocks": f"{1000 * np.quantile(warm, 0.95):,.1f} ms",
        "images a second": f"{batch / step:,.1f}",
        "first step, with compiling": f"{first:.2f} s",
        "GFLOP a second": f"{speed / 1e9:,.0f}",
        f"of the matrix peak, {peak / 1e9:,.0f} GFLOP/s": f"{100 * speed / peak:.0f} %",
        "peak memory": f"{memory / 2**20:,.0f} MiB {starts[0].memory['kind']}",
        "drift from first to last block": _drifted(drift(warm)),
        "slow outliers": f"{slow} of {len(warm)}",
    }


def _drifted(found: Drift) -> str:
    change = found.change
    if change.value is None or change.low is None or change.high is None:
        return "too few blocks"
    text = f"{100 * change.value:+.1f} % [{100 * change.low:+.1f}, {100 * change.high:+.1f}]"
    return text if found.certain else f"none seen: {text}"


def sentences(record: Record, wanted: float) -> list[str]:
    """The answer, or what is missing for one."""
    ratio, (first, second) = record.ratio, record.names
    if width(ratio) > wanted:
        more = more_starts(ratio, len(record.starts), wanted)
        return [
            f"No ratio: its 95 % interval is wider than {100 * wanted:g} %. About {more} more"
            " starts would do on a machine as restless as this one was."
        ]
    interval = f"{ratio.value:.3f} (95 % interval over starts {ratio.low:.3f} to {ratio.high:.3f})"
    led, followed = (f"{each:.3f}" if each else "none" for each in record.by_order())
    order = f"Pairs that the first began: {led}; that the second began: {followed}."
    if not record.same:
        return [f"{second} takes {interval} times as long as {first}.", order]
    if agrees_with_itself(record):
        return [f"A/A: {first} against itself, {interval}: covers 1, as it should.", order]
    return [
        f"A/A: {first} against itself, {interval}: does not cover 1. By chance that happens once in"
        " twenty times; if it happens again, ratios from this machine are not to be believed.",
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
            "ratio": {"value": ratio.value, "low": ratio.low, "high": ratio.high},
            "starts": [
                {
                    "steps_per_block": start.steps_per_block,
                    "cold_pairs": start.cold,
                    "sides": [
                        {
                            "backend": side.backend,
                            **side.begin,
                            "first_step_seconds": side.first_step,
                            "seconds_per_step": list(side.blocks),
                            "memory": side.memory,
                        }
                        for side in start.sides
                    ],
                }
                for start in record.starts
            ],
        },
    )
