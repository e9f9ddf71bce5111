"""`cyclebench datasets`: what there is, fetched or audited."""

from __future__ import annotations

import argparse

from harness.cli import options as shared


def add(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "datasets",
        help="list, fetch or audit data sets",
        epilog="example: cyclebench datasets audit --dataset summer2winter --data-dir ~/photos",
    )
    command.set_defaults(command=run)
    command.add_argument("action", choices=("list", "fetch", "audit"))
    shared.add_data(command)
    command.add_argument(
        "--hold-out",
        choices=("test", "validation"),
        default="test",
        help="validation: a tenth of the training images in place of the test images",
    )


def run(options: argparse.Namespace) -> int:
    from harness.config import load_experiment
    from harness.datasets import prepare
    from harness.datasets.listing import catalogue_lines, finding_lines

    if options.action == "list":
        print("\n".join(catalogue_lines(options.data_dir)))
        return 0
    with shared.display() as display:
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
    print(f"{prepared.manifest.name}: {prepared.located.folder}")
    if options.action == "audit":
        print("\n".join(finding_lines(prepared.audit)))
    return 0
