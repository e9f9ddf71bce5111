"""`python -m benchmarks.coverage`: do the intervals that reports print cover the truth?"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from benchmarks.coverage.rows import as_json, print_rows
from benchmarks.coverage.simulate import calibrate
from benchmarks.measure import write_rows
from harness import cli
from harness.cli import options as shared
from harness.system.provenance import default_threads


def main(arguments: Sequence[str] | None = None) -> int:
    parser = cli.Parser(
        prog="python -m benchmarks.coverage",
        description="simulate how often the printed intervals cover a known truth",
        epilog="example: python -m benchmarks.coverage --to coverage.json",
    )
    parser.set_defaults(command=run)
    parser.add_argument(
        "--repeats",
        type=shared.count,
        metavar="N",
        help="simulated test sets a row (default: by row)",
    )
    parser.add_argument(
        "--processes", type=shared.count, metavar="N", help="at once (default: one a core)"
    )
    parser.add_argument(
        "--to", type=shared.path_or_none, metavar="FILE", help="write the rows there as well"
    )
    shared.add_progress(parser)
    shared.add(parser, "--json")
    return cli.main(arguments, parser)


def run(options: argparse.Namespace) -> int:
    with shared.display(options) as display:
        processes = default_threads() if options.processes is None else options.processes
        rows = calibrate(options.repeats, processes, display.stage)
    if options.to:
        write_rows(as_json(rows), options.to)
    passed = sum(row.passed for row in rows)
    if options.json:
        shared.print_json(as_json(rows))
    else:
        print_rows(rows, shared.table_console(options))
        print(f"Coverage: {passed} of {len(rows)} rows pass")
    return 0 if passed == len(rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
