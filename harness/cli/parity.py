"""`cyclebench parity`: do all backends compute the same?"""

from __future__ import annotations

import argparse
import os
from typing import Literal

from harness.cli import options as shared
from harness.system.errors import UserError


def add(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "parity",
        help="check that all backends compute the same",
        epilog="example: cyclebench parity --preset quick --to parity.json",
    )
    command.set_defaults(command=run)
    command.add_argument(
        "--preset", type=shared.text_or_none, default="quick", help="whose networks (quick)"
    )
    shared.add_backends(command)
    command.add_argument(
        "--device",
        type=shared.text_or_none,
        default="cpu",
        help="where they compute (cpu); cuda: each there, against the first one on the CPU",
    )
    command.add_argument(
        "--to", type=shared.path_or_none, metavar="FILE", help="write the rows there as well"
    )
    shared.add_json(command)


def run(options: argparse.Namespace) -> int:
    # TensorFlow's graph optimiser reports what it then leaves alone, hundreds of times in float64.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from harness.config.experiment import check_backends
    from harness.studies.parity import as_json, check_parity, print_rows, write_rows
    from harness.studies.parity.backend_cache import Precision
    from harness.system.gpu import find_gpu
    from harness.system.machine import find_machine

    check_backends(list(options.backends))
    device: Literal["cpu", "cuda"] = options.device or "cpu"
    find_machine(device)  # refuses one that is unknown or not there
    if device == "cpu" and len(options.backends) < 2:
        raise UserError("parity: needs two backends at least, such as --backends torch,tf")
    precisions: tuple[Precision, ...] = ()
    if device != "cpu":
        gpu = find_gpu()
        precisions = ("bfloat16", "tf32") if gpu and gpu.has_bfloat16 else ()
    rows = check_parity(options.preset or "quick", options.backends, device, precisions)
    if options.to:
        write_rows(rows, options.to)
    passed = sum(row.passed for row in rows)
    if options.json:
        shared.print_json(as_json(rows))
    else:
        print_rows(rows, shared.table_console(options))
        print(f"Parity: {passed} of {len(rows)} rows pass")
    return 0 if passed == len(rows) else 1
