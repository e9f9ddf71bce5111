"""`python -m benchmarks.coverage`: do the intervals that reports print cover the truth?"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict

from benchmarks.coverage.real_runs import print_design, print_real, real_rows
from benchmarks.coverage.rows import as_json, print_rows
from benchmarks.coverage.sequential_studies import design_rows
from benchmarks.coverage.shapes import print_shapes, shape_rows
from benchmarks.coverage.simulate import calibrate
from benchmarks.coverage.step_studies import power_rows, print_power
from benchmarks.measure import write_rows
from harness import cli
from harness.cli import options as shared
from harness.system.errors import UserError
from harness.system.provenance import default_threads

DESIGN_REPEATS = 4000
STEP_REPEATS = 200


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
    parser.add_argument(
        "--run",
        type=shared.path_or_none,
        metavar="FOLDER",
        help="in place of simulations: --seeds auto on the scored runs of an experiment, A/A",
    )
    parser.add_argument(
        "--run-b",
        type=shared.path_or_none,
        metavar="FOLDER",
        help="the same experiment with a difference planted in it, A/B",
    )
    shared.add_progress(parser)
    shared.add(parser, "--json")
    return cli.main(arguments, parser)


def run(options: argparse.Namespace) -> int:
    if options.run:
        real = real_rows(options.run, options.run_b)
        if options.json:
            shared.print_json({"rows": [asdict(row) for row in real]})
        else:
            print_real(real, shared.table_console(options))
        return 0
    if options.run_b:
        raise UserError("--run-b: it is compared with --run; give that as well")
    with shared.display(options) as display:
        processes = default_threads() if options.processes is None else options.processes
        rows = calibrate(options.repeats, processes, display.stage)
        design = design_rows(options.repeats or DESIGN_REPEATS, display.stage)
        shapes = shape_rows(options.repeats or DESIGN_REPEATS, display.stage)
        steps = power_rows(options.repeats or STEP_REPEATS, display.stage)
    document = {
        **as_json(rows),
        "sequential": [asdict(row) for row in design],
        "shapes": [asdict(row) for row in shapes],
        "steps": [asdict(row) for row in steps],
    }
    if options.to:
        write_rows(document, options.to)
    passed = sum(row.passed for row in rows)
    if options.json:
        shared.print_json(document)
    else:
        console = shared.table_console(options)
        print_rows(rows, console)
        print_design(design, console)
        print_shapes(shapes, console)
        print_power(steps, console)
        print(f"Coverage: {passed} of {len(rows)} rows pass")
    return 0 if passed == len(rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
