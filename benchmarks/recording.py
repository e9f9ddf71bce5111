"""Records: kept while a run goes on, written and read."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from backends.objective import LOSS_TERMS, RECORDED
from benchmarks.measure import Benchmark, Work
from benchmarks.sizes import Sizes
from harness.system.files import read_arrays, read_table, write_arrays, write_table
from harness.training.loss_history import History

PER_EPOCH = 1000  # steps


def benchmarks(sizes: Sizes) -> list[Benchmark]:
    steps, weights, block = sizes.logged_steps, sizes.weights, sizes.block_steps
    blocks = f"{steps:,} steps, {block} a block"
    table, arrays = f"losses.csv, {steps:,} steps", f"state, {4 * weights / 1e6:,.0f} MB"
    return [
        Benchmark("run: losses kept", blocks, steps // block, "block",
                  partial(_kept, steps, block)),
        Benchmark("record: table written", table, steps, "step", partial(_table_written, steps)),
        Benchmark("record: table read", table, steps, "step", partial(_table_read, steps)),
        Benchmark("record: arrays written", arrays, weights, "weight",
                  partial(_arrays_written, weights)),
        Benchmark("record: arrays read", arrays, weights, "weight", partial(_arrays_read, weights)),
    ]  # fmt: skip


def losses(steps: int, seed: int = 0) -> pd.DataFrame:
    """What losses.csv holds of a run: noise about a falling level, float32 as backends give it."""
    draw = np.random.default_rng(seed)
    step = np.arange(steps)
    level = 0.1 + 0.7 * np.exp(-5 * step / steps)
    terms = {
        name: np.clip(0.6 + 0.1 * draw.standard_normal(steps), 0, 1)
        if name.startswith("accuracy")
        else level * draw.lognormal(0, 0.25, steps)
        for name in RECORDED
    }
    table = pd.DataFrame(terms).astype(np.float32)
    table.insert(0, "step", step)
    table.insert(1, "epoch", step // PER_EPOCH)
    table.insert(2, "learning_rate", 2e-4)
    return table


def _kept(steps: int, block: int, folder: Path) -> Work:
    new = losses(block)[list(RECORDED)].to_numpy()
    weights = dict.fromkeys(LOSS_TERMS, 1.0)

    def keep() -> None:
        history = History(steps, PER_EPOCH, weights)
        for _ in range(steps // block):
            history.add(new)

    return keep


def _table_written(steps: int, folder: Path) -> Work:
    return partial(write_table, folder / "losses.csv", losses(steps))


def _table_read(steps: int, folder: Path) -> Work:
    write_table(folder / "losses.csv", losses(steps))
    return partial(read_table, folder / "losses.csv")


def _arrays(weights: int) -> dict[str, np.ndarray]:
    draw, layers = np.random.default_rng(0), 100
    sizes = [len(part) for part in np.array_split(np.empty(weights, bool), layers)]
    return {f"{i:03d}": draw.standard_normal(size, np.float32) for i, size in enumerate(sizes)}


def _arrays_written(weights: int, folder: Path) -> Work:
    return partial(write_arrays, folder / "state.safetensors", _arrays(weights))


def _arrays_read(weights: int, folder: Path) -> Work:
    write_arrays(folder / "state.safetensors", _arrays(weights))
    return partial(read_arrays, folder / "state.safetensors")
