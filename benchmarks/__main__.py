"""`python -m benchmarks`: time and memory of the harness's own hot paths."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from benchmarks import as_json, print_rows, run_benchmarks, write_rows
from benchmarks.sizes import Sizes
from harness import cli
from harness.cli import options as shared


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
    if options.to:
        write_rows(rows, options.to)
    if options.json:
        shared.print_json(as_json(rows))
        return 0
    print_rows(rows, shared.table_console(options))
    if options.quiet:
        print(f"Benchmarks: {len(rows)} done")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
