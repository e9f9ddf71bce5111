"""`cyclebench import`, `export-authors`: losses and networks from and for other CycleGAN code."""

from __future__ import annotations

import argparse

from harness.cli import options as shared
from harness.system.untrusted import printable


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
        choices=("authors", "lynnho", "tf-tutorial", "tensorboard", "csv", "tensorboard-csv"),
        help="authors: loss_log.txt, or what was printed to a terminal; csv: tables of TensorBoard,"
        " Weights & Biases, Lightning or Keras; else event files, or the folder of a run",
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
    losses.add_argument("--batch-size", type=shared.count, help="of that code (1)")
    losses.add_argument(
        "--images-per-epoch",
        type=shared.count,
        help="of that code: images of the larger training split (as the authors' log tells)",
    )
    losses.add_argument(
        "--per",
        choices=("step", "epoch"),
        help="what curves count (steps; epochs in tables that have nothing else)",
    )
    losses.add_argument(
        "--steps-per-epoch",
        type=shared.count,
        metavar="N",
        help="with --per epoch (as --images-per-epoch and --batch-size give)",
    )
    losses.add_argument(
        "--starts",
        choices=("joined", "anew"),
        help="for authors: later starts that count from epoch 1 went on from the one before, or"
        " began anew (refused where there are any)",
    )
    shared.add(losses, "--json")
    checkpoint = kinds.add_parser(
        "checkpoint",
        help="weights of other code as a model that every backend loads: one generator, or more",
        description="Of the CycleGAN authors' code (latest_net_G_A.pth, latest_net_G.pth), of forks"
        " and of aitorzip's: one generator, two, or all four networks. Of Keras: ResNet generators"
        " as LynnHo's, in checkpoints of TensorFlow 2, .h5 and .keras files.",
        epilog="example: cyclebench import checkpoint checkpoints/horse2zebra --preset paper"
        " --to models/horse2zebra",
    )
    checkpoint.set_defaults(command=run_checkpoint)
    checkpoint.add_argument(
        "paths",
        nargs="+",
        type=shared.path,
        metavar="PATH",
        help="a folder of .pth files, or one; of two generators by themselves, A to B first",
    )
    checkpoint.add_argument("--preset", required=True, help="whose networks they are: paper")
    shared.add(checkpoint, "--set")
    checkpoint.add_argument("--to", type=shared.path, required=True, help="a new folder")
    checkpoint.add_argument("--epoch", default="latest", help="of the files' names (latest)")
    checkpoint.add_argument("--swap", action="store_true", help="its domain A is B here")
    checkpoint.add_argument(
        "--direction",
        choices=("ab", "ba"),
        help="of one generator alone (as its name says, else ab)",
    )
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
        steps_per_epoch=options.steps_per_epoch,
        per=options.per,
        starts=options.starts,
    )
    path, imported = import_losses(request)
    if options.json:
        shared.print_json({"table": str(path), "declared": list(imported.declared)})
        return 0
    print("\n".join(map(printable, imported.declared)))
    print(f"Imported: {len(imported.table):,} steps in {path}")
    return 0


def run_checkpoint(options: argparse.Namespace) -> int:
    from harness.config.load import load_experiment
    from harness.tools.imports.checkpoint import import_checkpoint

    first = options.paths[0].resolve()
    name = first.stem if first.is_file() else first.name
    experiment = load_experiment(name or "model", options.preset, options.overrides)
    imported = import_checkpoint(
        options.paths,
        experiment,
        options.to,
        options.epoch,
        swap=options.swap,
        direction=options.direction,
    )
    if options.json:
        shared.print_json(
            {
                "folder": str(imported.folder),
                "directions": list(imported.directions),
                "declared": list(imported.notes),
            }
        )
        return 0
    for note in imported.notes:
        print(printable(note))
    ways = " and ".join(" to ".join(way.upper()) for way in imported.directions)
    print(f"Model: {imported.folder} ({ways})")
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
