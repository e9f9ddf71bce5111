"""`cyclebench verify`: are the runs what they say, and does training them again give the same?"""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.cli import options as shared


def add(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "verify",
        help="check hashes, data and records of runs, and replay their first steps",
        epilog="example: cyclebench verify results/seasons-quick-0123456789 --steps 20."
        " The exit status is 1 if anything differs.",
    )
    command.set_defaults(command=run)
    command.add_argument(
        "run", type=Path, metavar="RUN", help="an experiment's folder, or that of one of its runs"
    )
    command.add_argument(
        "--steps", type=shared.count, default=20, help="to train again of each run (default: 20)"
    )
    command.add_argument(
        "--dataset",
        type=shared.text_or_none,
        help="name or folder of the images now (default: the name they had)",
    )
    command.add_argument("--data-dir", type=shared.path_or_none, help="folder that holds data sets")
    shared.add_progress(command)
    shared.add_json(command)


def run(options: argparse.Namespace) -> int:
    from harness.tools.verify import VerifyRequest, as_json, print_rows, verify

    request = VerifyRequest(options.run, options.steps, options.dataset, options.data_dir)
    with shared.display(options) as display:
        verified = verify(request, display)
    if options.json:
        shared.print_json(as_json(verified))
    else:
        print_rows(verified, shared.table_console(options))
        print(f"Verified: {verified.answer}")
    return 0 if verified.ok else 1
