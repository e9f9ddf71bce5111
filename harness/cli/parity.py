"""`cyclebench parity`: do all backends compute the same?"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from harness.cli import options as shared
from harness.errors import UserError


def add(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "parity",
        help="check that all backends compute the same",
        epilog="example: cyclebench parity --preset quick --json parity.json",
    )
    command.set_defaults(command=run)
    command.add_argument(
        "--preset", type=shared.text_or_none, default="quick", help="whose networks (quick)"
    )
    shared.add_backends(command)
    command.add_argument("--json", type=Path, metavar="FILE", help="write the rows there as well")


def run(options: argparse.Namespace) -> int:
    # TensorFlow's graph optimiser reports what it then leaves alone, hundreds of times in float64.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from harness.config import check_backends
    from harness.consistency.parity import check_parity, print_rows, write_rows

    check_backends(list(options.backends))
    if len(options.backends) < 2:
        raise UserError("parity: needs two backends at least, such as --backends torch,tf")
    rows = check_parity(options.preset or "quick", options.backends)
    print_rows(rows, shared.table_console())
    if options.json:
        write_rows(rows, options.json)
    return 0 if all(row.passed for row in rows) else 1
