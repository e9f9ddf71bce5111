"""`cyclebench env`: environments for versions of frameworks."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict

from harness.cli import options as shared


def add_env(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "env",
        help="environments for versions of frameworks, such as tf@2.20.0",
        epilog="example: cyclebench env add tf@2.20.0; then cyclebench compare --backends"
        " tf,tf@2.20.0, which would make it, too.",
    )
    actions = command.add_subparsers(required=True, metavar="ACTION")
    for name, run, text in (
        ("add", run_add, "make it, from pinned packages where this version has been tried"),
        ("list", run_list, "what there is"),
        ("remove", run_remove, "delete it; results stay"),
        ("pin", run_pin, "for developers: write down what is in it, with checksums"),
    ):
        one = actions.add_parser(name, help=text)
        one.set_defaults(command=run)
        if name != "list":
            one.add_argument("names", nargs="+", metavar="BACKEND@VERSION")
        shared.add(one, "--json")


def run_add(options: argparse.Namespace) -> int:
    from harness.tools.environments.versions import add

    folders = add(options.names, lambda line: print(line, file=sys.stderr, flush=True))
    return _show(options, "folders", [str(folder) for folder in folders])


def run_list(options: argparse.Namespace) -> int:
    from harness.report.page import text_table
    from harness.report.terminal import print_table
    from harness.tools.environments.versions import found

    environments = found()
    if options.json:
        rows = [{**asdict(one), "folder": str(one.folder)} for one in environments]
        shared.print_json({"environments": rows})
    elif environments:
        texts = [
            (one.backend, f"Python {one.python}", one.build, one.state, f"{one.size / 1e9:.1f} GB")
            for one in environments
        ]
        names = ("backend", "made with", "build", "state", "on disk")
        print_table(text_table(names, texts), shared.table_console(options))
    else:
        print("No environments for versions; cyclebench env add tf@2.20.0 makes one")
    return 0


def run_remove(options: argparse.Namespace) -> int:
    from harness.tools.environments.versions import remove

    remove(options.names)
    return _show(options, "removed", options.names)


def run_pin(options: argparse.Namespace) -> int:
    from harness.tools.environments.versions import pin

    return _show(options, "files", [str(pin(name)) for name in options.names])


def _show(options: argparse.Namespace, key: str, values: list[str]) -> int:
    if options.json:
        shared.print_json({key: values})
    else:
        print("\n".join(values))
    return 0
