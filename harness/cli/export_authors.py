"""`cyclebench export-authors`: trained networks as files that the CycleGAN authors' code loads."""

from __future__ import annotations

import argparse

from harness.cli import options as shared


def add(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "export-authors",
        help="write a run's networks as the CycleGAN authors' code loads them",
        epilog="example: cyclebench export-authors results/EXPERIMENT/runs/DEVICE/tf-seed0"
        " --to checkpoints/mine",
    )
    command.set_defaults(command=run)
    command.add_argument("run", type=shared.path, metavar="RUN", help="a run's or model's folder")
    command.add_argument("--to", type=shared.path, required=True, help="a new folder")
    shared.add_json(command)


def run(options: argparse.Namespace) -> int:
    from harness.tools.imports.checkpoint import export_authors

    files = [str(file) for file in export_authors(options.run, options.to)]
    if options.json:
        shared.print_json({"files": files})
    else:
        print("\n".join(files))
    return 0
