"""What a bench found, on the screen and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from backends.interface import Peaks
from harness.report.page import Table, text_table
from harness.statistics.timed_blocks import Drift
from harness.studies.study import Result
from harness.studies.timing.page.notes import PHASE_TITLES
from harness.studies.timing.quantities import Performance, peaks, performance, roof, whole
from harness.studies.timing.record import TimingRecord
from harness.studies.timing.verdict import orders, verdict


def result(record: TimingRecord, file: Path, page: Path) -> Result:
    cold, pairs = sum(start.cold for start in record.starts), len(record.warm(0))
    return Result(
        page=page,
        record=file,
        numbers=as_json(record),
        head=f"{record.setting}, on {record.device}: {len(record.starts)} starts, {pairs} pairs of"
        f" blocks in all, {cold} more left out as warm-up",
        tables=(_table(record),),
        sentences=tuple(sentences(record)),
        ok=not record.same or record.agrees_with_itself,
    )


def sentences(record: TimingRecord) -> list[str]:
    """The answer, or what is missing for one."""
    return [verdict(record).text, *([orders(record)] if record.settled else [])]


def as_json(record: TimingRecord) -> dict[str, Any]:
    """What `result` says; of the ratio what is known, `settled` or not."""
    return {
        "preset": record.preset,
        "changes": dict(record.changes),
        "device": record.device,
        "threads": record.threads,
        "starts": len(record.starts),
        "pairs": len(record.warm(0)),
        "ratio": asdict(record.ratio),
        "settled": record.settled,
        "sides": [_side(record, side) for side in (0, 1)],
        "answer": sentences(record),
    }


def _side(record: TimingRecord, side: int) -> dict[str, Any]:
    found = performance(record, side)
    return {
        "backend": record.backends[side],
        "framework": record.names[side],
        "step_seconds": found.step,
        "step_seconds_p95": found.slow_step,
        "first_step_seconds": found.first_step,
        "images_per_second": found.images_per_second,
        "joules_per_image": found.joules_per_image,
        "peak_memory_bytes": found.memory.bytes,
        "peak_memory_kind": found.memory.kind,
        "flops_per_second": found.flops,
        "slow_outliers": found.outliers,
    }


def _table(record: TimingRecord) -> Table:
    columns = [_column(record, side) for side in (0, 1)]
    names = dict.fromkeys([*columns[0], *columns[1]])
    rows = [(name, *(column.get(name, "") for column in columns)) for name in names]
    return text_table(("", *record.names), rows, numeric=True)


def _column(record: TimingRecord, side: int) -> dict[str, str]:
    """What there is to say of the first or second, by row."""
    found = performance(record, side)
    rows = {
        "step, median": f"{1000 * found.step:,.1f} ms",
        "step, 95th percentile of blocks": f"{1000 * found.slow_step:,.1f} ms",
        "images a second": f"{found.images_per_second:,.1f}",
        "first step, with tracing and compiling": f"{found.first_step:.2f} s",
        **_phases(found),
        **_limits(record, found),
    }
    if found.joules_per_image is not None:
        rows[f"energy an image ({record.energy_source})"] = f"{found.joules_per_image:,.2f} J"
    rows["peak memory"] = f"{found.memory.bytes / 2**20:,.0f} MiB {found.memory.kind}"
    rows["drift from first to last block"] = drifted(found.drift)
    rows["slow outliers"] = f"{found.outliers} of {found.blocks}"
    return rows


def _phases(found: Performance) -> dict[str, str]:
    if not found.phases or found.excess is None:
        return {}
    total = sum(found.phases.values())
    rows = {
        f"  {PHASE_TITLES[phase]}": f"{1000 * seconds:,.1f} ms, {100 * seconds / total:3.0f} %"
        for phase, seconds in found.phases.items()
    }
    return {**rows, "  these pieces over a step left alone": f"{100 * found.excess:+.1f} %"}


def _limits(record: TimingRecord, found: Performance) -> dict[str, str]:
    best, cost = peaks(record), whole(record)
    if found.flops is None or found.traffic is None or cost is None:
        return {}
    rows = {"GFLOP a second": f"{found.flops / 1e9:,.0f}"}
    if best is not None:
        rows |= _shares(found.flops, best)
    rows["GB a second, least traffic"] = f"{found.traffic / 1e9:,.1f}"
    limit = roof(cost, best)
    if best is not None and limit is not None:
        bandwidth = f"of the bandwidth, {best.bandwidth / 1e9:,.0f} GB/s"
        rows[bandwidth] = f"{100 * found.traffic / best.bandwidth:.0f} %"
        bound = f"of the roof, {limit.limit / 1e9:,.0f} GFLOP/s ({limit.binds} binds)"
        rows[bound] = f"{100 * found.flops / limit.limit:.0f} %"
    return rows


def _shares(flops: float, best: Peaks) -> dict[str, str]:
    return {
        f"of the {name} peak, {peak / 1e9:,.0f} GFLOP/s": f"{100 * flops / peak:.0f} %"
        for name, peak in (("matrix", best.matrix), ("convolution", best.convolution))
    }


def drifted(found: Drift) -> str:
    change = found.change
    if change.value is None or change.low is None or change.high is None:
        return "too few blocks"
    bounds = np.array([change.value, change.low, change.high]) * 100
    text = "{:+.1f} % [{:+.1f}, {:+.1f}]".format(*bounds)
    return text if found.certain else f"none seen: {text}"
