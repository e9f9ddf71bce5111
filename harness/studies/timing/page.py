"""The page over all records of a folder, and what one bench says on the screen and as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from harness.report.formatting import listed, plural
from harness.report.page import Block, Figure, Note, Page, Section, text_table
from harness.report.render import write_page as write
from harness.studies.study import Result
from harness.studies.timing import tables
from harness.studies.timing.answers import answers
from harness.studies.timing.findings import (
    PHASE_TITLES,
    Entries,
    find,
    peaks,
    performance,
    roof,
    whole,
)
from harness.studies.timing.matrix import matrices
from harness.studies.timing.plots import figures
from harness.studies.timing.record import TimingRecord
from harness.studies.timing.record_files import ratios_json, read_records
from harness.studies.timing.verdicts import verdict

RESULTS = (
    "A step trains all four networks on one batch. {Both} backends were built on images of noise "
    "in processes of their own and timed in turns, block by block; the ratio is formed pair by "
    "pair, and its interval is a t interval of its logarithm over starts of {both} processes, "
    "since two processes of one program differ for as long as they live. Each interval stands for"
    " itself (95 %): of twenty, one or two may miss, since starts end once it is narrow. Steps "
    "here do not wait for data, which those of a training may. First and second: in the order in "
    "which the backends were named; of two numbers in a cell, the upper one is the first's. 95th "
    "pct.: the 95th percentile of blocks."
)
SEVERAL = (
    " Of more than two backends every ratio is to the first, lines of a cell are in the order of"
    " the backends, and the intervals of all pairs hold together instead (Bonferroni)."
)
DEVICES = (
    "Left: medians, and the span from the 5th to the 95th percentile of blocks. Right: 95 % "
    "intervals over starts, in the colour of who is faster; grey where they cover 1."
)
MATRIX = (
    "Each against each: how many times as long a step of the row's backend takes as one of the "
    "column's. The intervals of all pairs of a table hold together at 95 % (Bonferroni)."
)
PHASES = (
    "Pieces were timed after the blocks, with a wait for the device behind each, which a step left "
    "alone (black line) does not have: work that could overlap does not, and a compiled step is "
    "cut up. So the pieces together take longer or shorter than it, by what the last row but one "
    "says, and the shares are those of the cut-up step. Host: what Python does around it, handing "
    "over the batch included. Differences have intervals over starts, which hold together at 95 % "
    "(Bonferroni)."
)
LIMITS = (
    "Counted from the architecture, not measured: operations (of convolutions only; a "
    "multiply-add is two) and the least traffic, as if every operation read its inputs and wrote "
    "its output once and no cache kept anything in between. Measured on the device, with each "
    "backend, at the end of the first two starts, in the precision of the run: a large matrix "
    "product, a 3x3 convolution of 256 channels, and (bytes, in float32) adding one large array to "
    "another; the roofs are the best of them, the least stands beside it. They are of large "
    "operations: layers with few channels need not be able to reach them. Real traffic is larger "
    "where an operation reads twice, smaller where a cache holds what is passed on: a share of the "
    "bandwidth is a scale, not a measurement."
)
ROOFLINE = (
    "Solid: what the device allows at an intensity (Williams et al. 2009); dashed: both peaks of "
    "arithmetic. Below the slope memory is the nearer limit, below the flat part arithmetic. "
    "Places along the axis are counted, heights are measured times over counted operations."
)
PIECES = "{Both} backends' pieces of a step; black: a step left alone."
BLOCKS = (
    "Every block in the order it was timed; dotted: {both} processes started anew; grey: warm-up, "
    "left out. Slow outliers are counted and never left out. Of a backend against itself, the "
    "second is hollow."
)


def write_page(folder: Path) -> Path:
    """Write report.html, report.md, figures and table.csv; return the page's path.

    Reads nothing but the records. Raises UserError naming a damaged one.
    """
    entries = find(read_records(folder))
    return write(folder, make_page(entries), figures(entries), tables.csv_table(entries))


def make_page(entries: Entries) -> Page:
    results: tuple[Block, ...] = (Note("No two backends were compared yet.", "notice"),)
    if entries.results:
        devices = Figure("devices.png", DEVICES)
        each = [matrix for entry in entries.results for matrix in matrices(entry.record)]
        more: tuple[Block, ...] = (Note(MATRIX), *each) if each else ()
        table = tables.result_table(entries)
        results = (devices, table, *more, Note(energy(entries), "soft"))
    phases: tuple[Block, ...] = (Note("No step was timed in pieces.", "notice"),)
    numbers = tuple(tables.phase_table(entry) for entry in entries.results if entry.in_pieces)
    if numbers:
        several = (Section("The pieces in numbers", numbers, folded=True),)
        shown = numbers if len(numbers) == 1 else several
        phases = (Note(PHASES), Figure("phases.png", spoken(PIECES, entries)), *shown)
    limits: tuple[Block, ...] = (Note("No record has counted operations.", "notice"),)
    shares = tables.limit_table(entries)
    if shares.rows:
        limits = (Note(LIMITS), Figure("roofline.png", ROOFLINE), shares)
    steadiness = (Figure("blocks.png", spoken(BLOCKS, entries)), tables.steadiness_table(entries))
    about_results = spoken(RESULTS, entries) + SEVERAL * (entries.most > 2)
    sections = (
        Section("Step times", (Note(about_results), *results)),
        Section("Where a step's time goes", phases),
        Section("What the device could do", limits),
        Section("How steady the times were", steadiness),
        Section("Environment", (tables.environment_table(entries),)),
    )
    about = (
        plural(len({entry.record.device for entry in entries.all}), "device"),
        plural(len(entries.results), "result"),
        plural(len(entries.checks), "check") + " of a backend against itself",
    )
    return Page("Speed", about, tuple(answers(entries)), sections)


def spoken(text: str, entries: Entries) -> str:
    """Of two backends "both", of more "all"."""
    word = "all" if entries.most > 2 else "both"
    return text.format(Both=word.capitalize(), both=word)


def energy(entries: Entries) -> str:
    sources = dict.fromkeys(
        f"{entry.record.energy_source} ({entry.record.device})"
        for entry in entries.results
        if entry.record.energy_source
        and any(side.joules_per_image is not None for side in entry.sides)
    )
    if not sources:
        return "Energy could be read on none of these devices."
    lag = (
        " NVML's counter lags by up to a tenth of a second, so a block's first tenth may be the "
        "other backend's: longer blocks (`--block-seconds`) blur it less."
        if any(source.startswith("NVML") for source in sources)
        else ""
    )
    return (
        f"Energy is what {listed(list(sources))} counted while a backend's blocks ran, for the "
        f"whole device, idling included; a dash: nothing to read.{lag}"
    )


# ------------------------------------------------------------------------------------- one bench


def result(record: TimingRecord, file: Path, page: Path) -> Result:
    cold, pairs = sum(start.cold for start in record.starts), len(record.warm(0))
    starts = plural(len(record.starts), "start")
    columns = [_column(record, side) for side in range(len(record.backends))]
    names = dict.fromkeys(name for column in columns for name in column)
    rows = [(name, *(column.get(name, "") for column in columns)) for name in names]
    return Result(
        page=page,
        record=file,
        numbers=as_json(record),
        head=f"{record.setting}, on {record.device}: {starts}, {pairs} pairs of"
        f" blocks in all, {cold} more left out as warm-up",
        tables=(text_table(("", *record.names), rows, numeric=True), *matrices(record)),
        sentences=tuple(sentences(record)),
        ok=not record.same or record.agrees_with_itself,
    )


def sentences(record: TimingRecord) -> list[str]:
    """The answer and what the order in a pair does, or what is missing for an answer."""
    lines = [verdict(record).text]
    if left_out := sum(start.left_out for start in record.counted):
        text = f"{plural(left_out, 'pair')} of blocks under load from other programs left out."
        lines.append(text)
    if record.settled:
        several = len(record.backends) > 2
        for other in range(1, len(record.backends)):
            ratios = record.by_order(0, other)
            first, second = (f"{ratio:.3f}" if ratio else "none" for ratio in ratios)
            of = f"{record.names[other]}: p" if several else "P"
            last = "last" if several else "second"
            lines.append(
                f"{of}airs that the first began: {first}; that the {last} began: {second}."
            )
    return lines


def as_json(record: TimingRecord) -> dict[str, Any]:
    """What `result` says; of the ratio what is known, `settled` or not."""
    return {
        "preset": record.preset,
        "changes": dict(record.changes),
        "device": record.device,
        "threads": record.threads,
        "starts": len(record.starts),
        "pairs": len(record.warm(0)),
        "load": record.load,
        "starts_under_load": len(record.starts) - len(record.counted),
        "pairs_under_load": sum(start.left_out for start in record.starts),
        **ratios_json(record),
        "settled": record.settled,
        "sides": [
            {
                "backend": side.backend,
                "framework": side.framework,
                "step_seconds": side.step,
                "step_seconds_p95": side.slow_step,
                "first_step_seconds": side.first_step,
                "images_per_second": side.images_per_second,
                "joules_per_image": side.joules_per_image,
                "peak_memory_bytes": side.memory.bytes,
                "peak_memory_kind": side.memory.kind,
                "flops_per_second": side.flops,
                "slow_outliers": side.outliers,
            }
            for side in (performance(record, place) for place in range(len(record.backends)))
        ],
        "answer": sentences(record),
    }


def _column(record: TimingRecord, number: int) -> dict[str, str]:
    """What there is to say of a backend, by row."""
    side = performance(record, number)
    rows = {
        "step, median": f"{1000 * side.step:,.1f} ms",
        "step, 95th percentile of blocks": f"{1000 * side.slow_step:,.1f} ms",
        "images a second": f"{side.images_per_second:,.1f}",
        "first step, with tracing and compiling": f"{side.first_step:.2f} s",
    }
    if side.excess is not None:
        total = sum(side.phases.values())
        for phase, seconds in side.phases.items():
            share = f"{100 * seconds / total:3.0f} %"
            rows[f"  {PHASE_TITLES[phase]}"] = f"{1000 * seconds:,.1f} ms, {share}"
        rows["  these pieces over a step left alone"] = f"{100 * side.excess:+.1f} %"
    if side.flops is not None and side.traffic is not None:
        best = peaks(record)
        limit = roof(whole(record), best)
        rows["GFLOP a second"] = f"{side.flops / 1e9:,.0f}"
        if best:
            for name, peak in (("matrix", best.matrix), ("convolution", best.convolution)):
                share = f"{100 * side.flops / peak:.0f} %"
                rows[f"of the {name} peak, {peak / 1e9:,.0f} GFLOP/s"] = share
        rows["GB a second, least traffic"] = f"{side.traffic / 1e9:,.1f}"
        if best and limit:
            bandwidth = f"of the bandwidth, {best.bandwidth / 1e9:,.0f} GB/s"
            rows[bandwidth] = f"{100 * side.traffic / best.bandwidth:.0f} %"
            bound = f"of the roof, {limit.limit / 1e9:,.0f} GFLOP/s ({limit.binds} binds)"
            rows[bound] = f"{100 * side.flops / limit.limit:.0f} %"
    if side.joules_per_image is not None:
        rows[f"energy an image ({record.energy_source})"] = f"{side.joules_per_image:,.2f} J"
    rows["peak memory"] = f"{side.memory.bytes / 2**20:,.0f} MiB {side.memory.kind}"
    change, drift = side.drift.change, "too few blocks"
    if change.value is not None and change.low is not None and change.high is not None:
        percents = np.array([change.value, change.low, change.high]) * 100
        drift = "{:+.1f} % [{:+.1f}, {:+.1f}]".format(*percents)
        drift = drift if side.drift.certain else f"none seen: {drift}"
    rows["drift from first to last block"] = drift
    rows["slow outliers"] = f"{side.outliers} of {side.blocks}"
    return rows
