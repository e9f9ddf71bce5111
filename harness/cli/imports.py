"""`cyclebench import`, `export-authors`: losses and networks from and for other CycleGAN code."""

from __future__ import annotations

import argparse

from harness.cli import options as shared


def add_import(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "import",
        help="take in losses or a checkpoint of other CycleGAN code",
        epilog="example: cyclebench import losses loss_log.txt --as authors"
        " --to results/EXPERIMENT",
    )
    kinds = command.add_subparsers(required=True, metavar="KIND")
    losses = kinds.add_parser(
        "losses",
        help="curves for the report of an experiment",
        epilog="example: cyclebench import losses events --as tensorboard --to results/EXPERIMENT"
        " --term cycle_a=loss/cycle_x,weighted --set lambda_a=5",
    )
    losses.set_defaults(command=run_losses)
    losses.add_argument("files", nargs="+", type=shared.path, metavar="FILE")
    losses.add_argument(
        "--as",
        dest="source",
        required=True,
        choices=("authors", "lynnho", "tf-tutorial", "tensorboard", "tensorboard-csv"),
        help="authors: loss_log.txt; tensorboard-csv: as TensorBoard downloads it, a file a curve;"
        " else event files, or the folder of a run",
    )
    losses.add_argument("--to", type=shared.path, required=True, help="an experiment's folder")
    losses.add_argument("--name", type=shared.text_or_none, help="of the import (the file's)")
    losses.add_argument("--title", type=shared.text_or_none, help="of the curves in the report")
    losses.add_argument(
        "--term",
        action="append",
        default=[],
        metavar="TERM=NAME[,WORD]",
        help="which curve is which term, and what its code did: weighted, halved, summed (over both"
        " directions), unit_range (images in [0, 1]); repeatable",
    )
    losses.add_argument(
        "--set",
        action="append",
        default=[],
        dest="weights",
        metavar="WEIGHT=VALUE",
        help="of that code: lambda_a (10), lambda_b (10), identity (0.5, relative to lambda)",
    )
    losses.add_argument("--swap", action="store_true", help="its domain A is B here")
    losses.add_argument("--batch-size", type=shared.count, help="for authors (1)")
    losses.add_argument(
        "--images-per-epoch",
        type=shared.count,
        help="for authors: images of the larger training split (as the log tells)",
    )
    shared.add(losses, "--json")
    checkpoint = kinds.add_parser(
        "checkpoint",
        help="the CycleGAN authors' four .pth files as a model that every backend loads",
        epilog="example: cyclebench import checkpoint checkpoints/horse2zebra --preset paper"
        " --to models/horse2zebra",
    )
    checkpoint.set_defaults(command=run_checkpoint)
    checkpoint.add_argument("folder", type=shared.path, metavar="FOLDER")
    checkpoint.add_argument("--preset", required=True, help="whose networks they are: paper")
    shared.add(checkpoint, "--set")
    checkpoint.add_argument("--to", type=shared.path, required=True, help="a new folder")
    checkpoint.add_argument("--epoch", default="latest", help="files begin with it (latest)")
    checkpoint.add_argument("--swap", action="store_true", help="its domain A is B here")
    shared.add(checkpoint, "--json")


def run_losses(options: argparse.Namespace) -> int:
    from harness.tools.imports.losses import ImportRequest, import_losses
    from harness.tools.imports.sources import parse_weights

    request = ImportRequest(
        files=options.files,
        source=options.source,
        to=options.to,
        name=options.name,
        title=options.title,
        terms=options.term,
        weights=parse_weights(options.weights),
        swap=options.swap,
        batch_size=options.batch_size,
        images_per_epoch=options.images_per_epoch,
    )
    path, imported = import_losses(request)
    if options.json:
        shared.print_json({"table": str(path), "declared": list(imported.declared)})
        return 0
    print("\n".join(imported.declared))
    print(f"Imported: {len(imported.table):,} steps in {path}")
    return 0


def run_checkpoint(options: argparse.Namespace) -> int:
    from harness.config.experiment import load_experiment
    from harness.tools.imports.checkpoint import import_checkpoint

    name = options.folder.resolve().name
    experiment = load_experiment(name, options.preset, options.overrides)
    folder = import_checkpoint(
        options.folder, experiment, options.to, options.epoch, swap=options.swap
    )
    if options.json:
        shared.print_json({"folder": str(folder)})
    else:
        print(f"Model: {folder}")
    return 0


def add_export_authors(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "export-authors",
        help="write a run's networks as the CycleGAN authors' code loads them",
        epilog="example: cyclebench export-authors results/EXPERIMENT/runs/DEVICE/tf-seed0"
        " --to checkpoints/mine",
    )
    command.set_defaults(command=run_export_authors)
    command.add_argument("run", type=shared.path, metavar="RUN", help="a run's or model's folder")
    command.add_argument("--to", type=shared.path, required=True, help="a new folder")
    shared.add(command, "--json")


def run_export_authors(options: argparse.Namespace) -> int:
    from harness.tools.imports.checkpoint import export_authors

    files = [str(file) for file in export_authors(options.run, options.to)]
    if options.json:
        shared.print_json({"files": files})
    else:
        print("\n".join(files))
    return 0
