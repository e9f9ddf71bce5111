"""`cyclebench calibrate`: do the intervals that reports print cover the truth?"""

from __future__ import annotations

import argparse

from harness.cli import options as shared


def add(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "calibrate",
        help="simulate how often the printed intervals cover a known truth",
        epilog="example: cyclebench calibrate metrics --to calibration.json",
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
    command.add_argument(
        "--to", type=shared.path_or_none, metavar="FILE", help="write the rows there as well"
    )
    shared.add_progress(command)
    shared.add_json(command)


def run(options: argparse.Namespace) -> int:
    from harness.metrics.calibration import as_json, calibrate, print_rows, write_rows
    from harness.provenance import default_threads

    with shared.display(options) as display:
        processes = default_threads() if options.processes is None else options.processes
        rows = calibrate(options.repeats, processes, display.stage)
    if options.to:
        write_rows(rows, options.to)
    passed = sum(row.passed for row in rows)
    if options.json:
        shared.print_json(as_json(rows))
    else:
        print_rows(rows, shared.table_console(options))
        print(f"Calibration: {passed} of {len(rows)} rows pass")
    return 0 if passed == len(rows) else 1
