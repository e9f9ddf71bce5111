"""`cyclebench calibrate`: do the intervals that reports print cover the truth?"""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.cli import options as shared


def add(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "calibrate",
        help="simulate how often the printed intervals cover a known truth",
        epilog="example: cyclebench calibrate metrics --json calibration.json",
    )
    command.set_defaults(command=run)
    command.add_argument("what", choices=("metrics",))
    command.add_argument(
        "--repeats",
        type=shared.count,
        metavar="N",
        help="simulated test sets a row (default: by row)",
    )
    command.add_argument(
        "--processes", type=shared.count, metavar="N", help="at once (default: one a core)"
    )
    command.add_argument("--json", type=Path, metavar="FILE", help="write the rows there as well")


def run(options: argparse.Namespace) -> int:
    from harness.metrics.calibration import calibrate, print_rows, write_rows
    from harness.provenance import default_threads

    with shared.display() as display:
        processes = default_threads() if options.processes is None else options.processes
        rows = calibrate(options.repeats, processes, display.stage)
    print_rows(rows, shared.table_console())
    if options.json:
        write_rows(rows, options.json)
    return 0 if all(row.passed for row in rows) else 1
