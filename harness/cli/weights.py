"""`cyclebench fetch-weights`: the network that FID is defined by."""

from __future__ import annotations

import argparse

from harness.cli import options as shared


def add(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "fetch-weights",
        help="download the Inception weights that FID needs, or take them from a file",
        epilog="example: cyclebench fetch-weights ~/pt_inception-2015-12-05-6726825d.pth",
    )
    command.set_defaults(command=run)
    command.add_argument(
        "file",
        nargs="?",
        type=shared.path_or_none,
        help="take them from there, on a machine without internet (default: download)",
    )
    shared.add_progress(command)
    shared.add_json(command)


def run(options: argparse.Namespace) -> int:
    from harness.metrics.weights import fetch_weights

    with shared.display(options) as display:
        path = fetch_weights(options.file, display.say, display.stage)
    if options.json:
        shared.print_json({"weights": str(path)})
    else:
        print(f"Weights: {path}")
    return 0
