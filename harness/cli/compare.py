"""`cyclebench compare`: from a data set to a report."""

from __future__ import annotations

import argparse

from harness.cli import options as shared


def add(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "compare",
        help="train in every backend on the same plan, score, and write a report",
        epilog="example: cyclebench compare --dataset summer2winter --data-dir ~/photos "
        "--seeds 0,1,2 --set model.blocks=6",
    )
    command.set_defaults(command=run)
    shared.add_data(command)
    shared.add_preset(command)
    command.add_argument(
        "--seeds", type=shared.seeds, default=(0,), help="as 0 or 0,1,2 (default: 0)"
    )
    shared.add_backends(command)
    shared.add_device(command)
    shared.add_results(command)
    shared.add_overrides(command)
    shared.add_progress(command)
    shared.add_json(command)


def run(options: argparse.Namespace) -> int:
    from harness.studies.comparison import compare
    from harness.training.jobs import ComparisonRequest

    request = ComparisonRequest(
        dataset=options.dataset,
        preset=options.preset,
        seeds=options.seeds,
        backends=options.backends,
        device=options.device,
        data_dir=options.data_dir,
        results=options.results,
        overrides=shared.overrides(options),
    )
    with shared.display(options) as display:
        report = compare(request, display)
    shared.print_page(options, report, "summary.json")
    return 0
