"""`cyclebench track`: what was measured, followed over time."""

from __future__ import annotations

import argparse

from harness.cli import options as shared
from harness.system.errors import UserError
from harness.system.untrusted import printable


def add_track(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "track",
        help="append what was measured to a history, and say what has changed since",
        epilog="example: cyclebench track results --to history.jsonl. What is already there is not"
        " appended again; steps that are found do not change the exit status: see `regress`.",
    )
    command.set_defaults(command=run_track)
    command.add_argument(
        "tracked",
        type=shared.path,
        nargs="+",
        metavar="RESULTS",
        help="experiment folders, bench records, entries as JSON, histories (.jsonl), and folders"
        " that contain them",
    )
    command.add_argument(
        "--to",
        type=shared.path_or_none,
        required=True,
        metavar="FILE",
        help="the history: a file that ends in .jsonl, a line an entry",
    )
    shared.add_progress(command)
    shared.add(command, "--json")


def run_track(options: argparse.Namespace) -> int:
    from harness.studies.history.file import ENDING, append, is_history
    from harness.studies.history.find import find
    from harness.studies.history.over_time import follow
    from harness.studies.history.show import print_over_time, tracked_json

    if options.to is None or not is_history(options.to):
        raise UserError(f"--to: name a file that ends in {ENDING}, as history{ENDING}")
    found = find(options.tracked, without=options.to)
    added, entries = append(options.to, found.entries[::-1])
    shown = follow(entries)
    if options.json:
        shared.print_json(tracked_json(options.to, added, found, shown))
        return 0
    for line in found.passed_over:
        shared.print_more(options, printable(f"Passed over: {line}"))
    print_over_time(shown, shared.table_console(options))
    already = len(found.entries) - len(added)
    print(
        printable(
            f"Tracked: {options.to}: {len(added)} added, {already} already there,"
            f" {len(entries)} in all"
        )
    )
    return 0
