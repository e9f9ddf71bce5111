"""Which timed blocks other programs disturbed, and what is said of it.

A ratio that changes with what else the machine does is not about the frameworks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.records.run import RunRecord
from harness.report.formatting import percent, plural, significant
from harness.statistics.intervals import MINIMUM_PAIRS
from harness.statistics.timed_blocks import load_limit, under_load

# In blocks.csv, of the CPU time there was; older runs have none of them.
SHARES = ("others_share", "steal_share", "throttled_share")
REMEDY = "Close other programs and train anew, or use `make bench` on an idle machine."


@dataclass(frozen=True)
class PairLoad:
    """What others took while two backends ran blocks in turns on one device.

    `pairs`: of blocks, and `marked`: how many of them others disturbed. `others`, `steal`,
    `throttled`: medians over the blocks of both, shares of the CPU time; None where not recorded.
    `limit`: from where on a block is marked. `matters`: not on a GPU, where load is only recorded.
    """

    pairs: int
    marked: int
    limit: float
    others: float | None = None
    steal: float | None = None
    throttled: float | None = None
    matters: bool = True

    @property
    def refused(self) -> bool:
        """Whether so few pairs were left alone that there is no ratio."""
        return self.marked > 0 and self.pairs - self.marked < MINIMUM_PAIRS

    @property
    def reason(self) -> str:
        """Why there is no ratio; empty where there is no such reason."""
        if not self.refused:
            return ""
        left = self.pairs - self.marked
        return (
            f"The machine was busy: {self.seen}. In {self.marked} of"
            f" {plural(self.pairs, 'pair')} of blocks that is more than"
            f" {significant(100 * self.limit, 2)} %, and {left} are too few for a ratio. It would"
            " depend on the load, not on the frameworks."
        )

    @property
    def note(self) -> str:
        """What the page says beside a ratio; empty where nothing disturbed it."""
        if self.refused or not self.matters:
            return ""
        if self.others is None:
            return "Whether other programs ran at the same time was not recorded."
        if not self.marked:
            return ""
        pairs = plural(self.marked, "more pair")
        were = "was" if self.marked == 1 else "were"
        return f"{pairs} of blocks under load from other programs {were} left out."

    @property
    def seen(self) -> str:
        parts = [f"other programs used {percent(self.others)} of the CPU time (median of blocks)"]
        if self.steal:
            parts.append(f"the hypervisor took {percent(self.steal)}")
        if self.throttled:
            parts.append(f"a limit on CPU time cost {percent(self.throttled)}")
        return ", ".join(parts)


def cpus_of(run: RunRecord) -> int:
    """Threads of a run, which are as many as the CPUs that it may use."""
    threads = run.environment.get("threads")
    return threads if isinstance(threads, int) and threads > 0 else 1


def is_marked(run: RunRecord) -> np.ndarray:
    """Which blocks of a run others disturbed, bool (blocks,); none on a GPU, none if unknown."""
    blocks = run.blocks
    if run.environment.get("device_kind") == "cuda" or not set(SHARES) <= set(blocks):
        return np.zeros(len(blocks), bool)
    load = blocks[list(SHARES)].sum(axis=1, min_count=1).to_numpy(np.float64)
    return under_load(load, blocks["train_seconds"].to_numpy(np.float64), cpus_of(run))


def pair_load(
    first: Sequence[RunRecord], second: Sequence[RunRecord], pairs: int, clean: int
) -> PairLoad:
    """`pairs` of blocks that both ran, of which `clean` were disturbed in neither."""
    runs = [*first, *second]
    parts = [
        run.blocks.loc[run.timed, list(SHARES)].to_numpy(np.float64)
        for run in runs
        if set(SHARES) <= set(run.blocks)
    ]
    shares = np.concatenate(parts) if parts else np.empty((0, len(SHARES)))
    others, steal, throttled = map(_median, shares.T)
    limit = load_limit(max((cpus_of(run) for run in runs), default=1))
    matters = not any(run.environment.get("device_kind") == "cuda" for run in runs)
    return PairLoad(pairs, pairs - clean, limit, others, steal, throttled, matters)


def _median(values: np.ndarray) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else None
