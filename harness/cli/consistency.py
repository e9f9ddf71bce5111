"""`cyclebench consistency`: is the gap between frameworks more than noise?"""

from __future__ import annotations

import argparse

from harness.cli import options as shared


def add(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "consistency",
        help="divergence against noise, cost of framework defaults, calibration of the verdict",
        epilog="example: cyclebench consistency --dataset summer2winter --data-dir ~/photos",
    )
    command.set_defaults(command=run)
    shared.add_data(command)
    shared.add_backends(command)
    shared.add_results(command)
    shared.add_overrides(command)
    command.add_argument(
        "--steps", type=shared.count, default=200, help="steps followed one by one (default: 200)"
    )
    command.add_argument(
        "--seeds",
        type=shared.count,
        default=5,
        metavar="K",
        help="runs of each backend (default: 5)",
    )
    command.add_argument(
        "--pairs",
        type=shared.count,
        default=20,
        help="pairs of runs in the calibration (default: 20)",
    )
    shared.add_progress(command)
    shared.add_json(command)


def run(options: argparse.Namespace) -> int:
    from harness.studies.consistency.study import ConsistencyOptions, study

    asked = ConsistencyOptions(
        dataset=options.dataset or "seasons",
        backends=options.backends,
        data_dir=options.data_dir,
        results=options.results,
        overrides=shared.overrides(options),
        steps=options.steps,
        seeds=options.seeds,
        pairs=options.pairs,
    )
    with shared.display(options) as display:
        page = study(asked, display)
    shared.print_page(options, page, "consistency.json")
    return 0
