"""`cyclebench doctor`: is this machine ready, and what helps if it is not?"""

from __future__ import annotations

import argparse
import sys

from harness.cli import options as shared


def add(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "doctor",
        help="look at packages, GPU, threads, disk, data sets, weights; say what helps",
        epilog="example: cyclebench doctor. It trains a step with every backend, asks no network,"
        " and writes nothing but logs of what fails. The exit status is 1 if there is a problem;"
        " warnings are worth knowing before numbers are believed.",
    )
    command.set_defaults(command=run)
    command.add_argument("--data-dir", type=shared.path_or_none, help="folder that holds data sets")
    shared.add_results(command)
    shared.add_json(command)


def run(options: argparse.Namespace) -> int:
    from harness.tools.doctor.examine import DoctorRequest, examine
    from harness.tools.doctor.show import answer, as_json, print_checks

    def say(line: str) -> None:
        print(line, file=sys.stderr)

    checks = list(examine(DoctorRequest(options.results, options.data_dir), say))
    if options.json:
        shared.print_json(as_json(checks))
    else:
        print_checks(checks, shared.table_console(options))
        print(f"Doctor: {answer(checks)}")
    return 1 if any(each.state == "problem" for each in checks) else 0
