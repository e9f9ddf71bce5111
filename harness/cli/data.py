"""`cyclebench datasets`, `fetch-weights`: what is downloaded, or taken from this machine."""

from __future__ import annotations

import argparse

from harness.cli import options as shared


def add_datasets(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "datasets",
        help="list, fetch or audit data sets",
        epilog="example: cyclebench datasets audit --dataset summer2winter --data-dir ~/photos",
    )
    command.set_defaults(command=run_datasets)
    command.add_argument("action", choices=("list", "fetch", "audit"))
    shared.add(command, "--dataset", "--data-dir")
    command.add_argument(
        "--hold-out",
        choices=("test", "validation"),
        default="test",
        help="validation: its own validation images, or a tenth of the training images, in place of"
        " the test images",
    )
    shared.add_progress(command)
    shared.add(command, "--json")


def run_datasets(options: argparse.Namespace) -> int:
    from harness.config.load import load_experiment
    from harness.data import prepare
    from harness.data.listing import as_json, catalogue_lines, finding_lines

    if options.action == "list":
        if options.json:
            shared.print_json(as_json(options.data_dir))
        else:
            print("\n".join(catalogue_lines(options.data_dir)))
        return 0
    with shared.display(options) as display:
        experiment = load_experiment(options.dataset, "quick", [])
        data = experiment.data
        prepared = prepare(
            experiment.dataset,
            options.data_dir,
            size=data.load_size,
            counts=(data.train, data.test),
            hold_out=options.hold_out,
            report=display.say,
            progress=display.stage,
        )
    name, folder = prepared.manifest.name, str(prepared.located.folder)
    if options.json:
        audit = prepared.audit.to_json() if options.action == "audit" else {}
        shared.print_json({"name": name, "folder": folder, **audit})
        return 0
    print(f"{name}: {folder}")
    if options.action == "audit":
        print("\n".join(finding_lines(prepared.audit)))
    return 0


def add_fetch_weights(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "fetch-weights",
        help="download the Inception weights that FID needs, or take them from a file",
        epilog="example: cyclebench fetch-weights ~/pt_inception-2015-12-05-6726825d.pth",
    )
    command.set_defaults(command=run_fetch_weights)
    command.add_argument(
        "file",
        nargs="?",
        type=shared.path_or_none,
        help="take them from there, on a machine without internet (default: download)",
    )
    shared.add_progress(command)
    shared.add(command, "--json")


def run_fetch_weights(options: argparse.Namespace) -> int:
    from harness.metrics.weights import fetch_weights

    with shared.display(options) as display:
        path = fetch_weights(options.file, display.say, display.stage)
    if options.json:
        shared.print_json({"weights": str(path)})
    else:
        print(f"Weights: {path}")
    return 0
