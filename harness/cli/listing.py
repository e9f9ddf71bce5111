"""`cyclebench list`: what is there, and how far is it?"""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.cli import options as shared


def add(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "list",
        help="experiments, studies and benches in a results folder, and the state of every run",
        epilog="example: cyclebench list results. A run that says it is running, while no process"
        " writes there, was killed: the command that made it goes on from its checkpoint.",
    )
    command.set_defaults(command=run)
    command.add_argument(
        "results",
        nargs="?",
        type=shared.results_folder,
        default=Path("results"),
        help="a results folder, or one of those in it (default: results)",
    )
    shared.add_json(command)


def run(options: argparse.Namespace) -> int:
    from harness.system.dates import now
    from harness.tools.list_runs import as_json, overview, print_folders

    folders = overview(options.results)
    if options.json:
        shared.print_json(as_json(folders))
    elif folders:
        print_folders(folders, now(), shared.table_console(options))
    else:
        print(f"{options.results}: nothing there yet")
    return 0
