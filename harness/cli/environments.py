"""`cyclebench env`: environments for versions of frameworks."""

from __future__ import annotations

import argparse
import sys

from harness.cli import options as shared


def add_env(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "env",
        help="environments for versions of frameworks, such as tf@2.20.0",
        epilog="example: cyclebench env add tf@2.20.0; then cyclebench compare --backends"
        " tf,tf@2.20.0. `make` adds what BACKENDS names by itself.",
    )
    actions = command.add_subparsers(required=True, metavar="ACTION")
    for name, run, text in (
        ("add", run_add, "make it, from pinned packages where this version has been tried"),
        ("remove", run_remove, "delete it; results stay"),
    ):
        one = actions.add_parser(name, help=text)
        one.set_defaults(command=run)
        one.add_argument("names", nargs="+", metavar="BACKEND@VERSION")
    pinned = actions.add_parser(
        "pin", help="for developers: write down what one has, with checksums, for others to install"
    )
    pinned.set_defaults(command=run_pin)
    pinned.add_argument("name", metavar="BACKEND@VERSION")
    listed = actions.add_parser("list", help="what there is")
    listed.set_defaults(command=run_list)
    shared.add(listed, "--json")


def run_add(options: argparse.Namespace) -> int:
    from harness.tools.environments.versions import add

    for folder in add(options.names, lambda line: print(line, file=sys.stderr, flush=True)):
        print(folder)
    return 0


def run_pin(options: argparse.Namespace) -> int:
    from harness.tools.environments.versions import pin

    print(pin(options.name))
    return 0


def run_list(options: argparse.Namespace) -> int:
    from harness.report.page import text_table
    from harness.report.terminal import print_table
    from harness.tools.environments.versions import found

    environments = found()
    if options.json:
        shared.print_json(
            {"environments": [{**vars(one), "folder": str(one.folder)} for one in environments]}
        )
    elif environments:
        rows = [
            (one.backend, f"Python {one.python}", one.build, one.state, f"{one.size / 1e9:.1f} GB")
            for one in environments
        ]
        names = ("backend", "made with", "build", "state", "on disk")
        print_table(text_table(names, rows), shared.table_console(options))
    else:
        print("No environments for versions; cyclebench env add tf@2.20.0 makes one")
    return 0


def run_remove(options: argparse.Namespace) -> int:
    from harness.tools.environments.versions import remove

    remove(options.names)
    print(f"Removed: {', '.join(options.names)}")
    return 0
