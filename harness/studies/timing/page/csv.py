"""table.csv: a row a record and backend, for other programs (schema: results/README.md)."""

from __future__ import annotations

from typing import Any

import pandas as pd

from backends.interface import PHASES, Peaks
from harness.studies.timing.page.entries import Entries, Entry
from harness.studies.timing.quantities import peaks, roof, whole


def csv_table(entries: Entries) -> pd.DataFrame:
    """Seconds, bytes, FLOPs, joules; empty where there is none."""
    return pd.DataFrame([_row(entry, side) for entry in entries.all for side in (0, 1)])


def _row(entry: Entry, side: int) -> dict[str, Any]:
    record, found = entry.record, entry.sides[side]
    ratio, change, cost, best = record.ratio, found.drift.change, whole(record), peaks(record)
    limit = roof(cost, best)
    return {
        "file": entry.file,
        "device": record.device,
        "threads": record.threads,
        "configuration": record.setting,
        "backend": record.backends[side],
        "side": "AB"[side],
        "check": record.same,
        "verdict": entry.verdict.kind,
        "ratio": ratio.value,
        "ratio_low": ratio.low,
        "ratio_high": ratio.high,
        "starts": len(record.starts),
        "blocks": found.blocks,
        "cold_blocks": sum(start.cold for start in record.starts),
        "step_seconds": found.step,
        "step_seconds_p95": found.slow_step,
        "first_step_seconds": found.first_step,
        "images_per_second": found.images_per_second,
        "peak_memory_bytes": found.memory.bytes,
        "peak_memory_kind": found.memory.kind,
        "joules_per_image": found.joules_per_image,
        "flops_per_step": cost and cost.flops,
        "bytes_per_step": cost and cost.bytes,
        **{f"peak_{name}": best and getattr(best, name) for name in Peaks.__dataclass_fields__},
        "roof_flops_per_second": limit and limit.limit,
        "roof_binds": limit and limit.binds,
        **{f"{phase}_seconds": found.phases.get(phase) for phase in PHASES},
        "pieces_excess": found.excess,
        "drift": change.value,
        "drift_low": change.low,
        "drift_high": change.high,
        "slow_outliers": found.outliers,
    }
