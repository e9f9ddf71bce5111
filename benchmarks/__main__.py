"""`python -m benchmarks`: time and memory of the harness's own hot paths."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.hot_paths import Sizes
from benchmarks.measure import Row, write_rows
from benchmarks.suite import run_benchmarks
from harness import cli
from harness.cli import options as shared
from harness.system import provenance
from harness.system.terminal_tables import show

SCALES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = cli.Parser(
        prog="python -m benchmarks",
        description="time and memory of planning, caching, recording, scoring and reporting",
        epilog="example: python -m benchmarks --only report --to bench.json",
    )
    parser.set_defaults(command=run)
    parser.add_argument(
        "--only", type=shared.text_or_none, metavar="TEXT", help="those whose name contains it"
    )
    parser.add_argument(
        "--to", type=shared.path_or_none, metavar="FILE", help="write the rows there as JSON"
    )
    shared.add_progress(parser)
    shared.add(parser, "--json")
    return cli.main(arguments, parser)


def run(options: argparse.Namespace) -> int:
    with shared.display(options) as display:
        rows = run_benchmarks(Sizes(), options.only, display.stage)
    machine = {"cpu": provenance.cpu_name(), "threads": provenance.default_threads()}
    document: dict[str, Any] = {"machine": machine, "rows": [asdict(row) for row in rows]}
    if options.to:
        write_rows(document, options.to)
    if options.json:
        shared.print_json(document)
        return 0
    print_rows(rows, shared.table_console(options))
    if options.quiet:
        print(f"Benchmarks: {len(rows)} done")
    return 0


def print_rows(rows: Sequence[Row], console: Console) -> None:
    table = Table("what", "size", title="The harness's own hot paths", title_justify="left")
    for column in ("best", "of", "per item", "peak extra memory"):
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(
            row.what,
            row.size,
            readable(row.seconds),
            str(row.repeats),
            f"{readable(row.per_item)} / {row.unit}",
            f"{row.peak_mb:,.0f} MB",
        )
    show(table, console)


def readable(seconds: float) -> str:
    """Three digits: 1.23 s, 45.6 ms, 789 ns."""
    scale, unit = next((pair for pair in SCALES if seconds >= pair[0]), SCALES[-1])
    value = seconds / scale
    return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2}f} {unit}"


if __name__ == "__main__":
    raise SystemExit(main())
