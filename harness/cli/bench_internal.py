"""`cyclebench bench-internal`: time and memory of the harness's own hot paths."""

from __future__ import annotations

import argparse

from harness.cli import options as shared


def add(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "bench-internal",
        help="time and memory of planning, caching, recording, scoring and reporting",
        epilog="example: cyclebench bench-internal --only report --to bench.json",
    )
    command.set_defaults(command=run)
    command.add_argument(
        "--only", type=shared.text_or_none, metavar="TEXT", help="those whose name contains it"
    )
    command.add_argument(
        "--to", type=shared.path_or_none, metavar="FILE", help="write the rows there as JSON"
    )
    shared.add_progress(command)
    shared.add_json(command)


def run(options: argparse.Namespace) -> int:
    from harness.bench_internal import as_json, print_rows, run_benchmarks, write_rows
    from harness.bench_internal.sizes import Sizes

    with shared.display(options) as display:
        rows = run_benchmarks(Sizes(), options.only, display.stage)
    if options.to:
        write_rows(rows, options.to)
    if options.json:
        shared.print_json(as_json(rows))
        return 0
    print_rows(rows, shared.table_console(options))
    if options.quiet:
        print(f"Benchmarks: {len(rows)} done")
    return 0
