"""`cyclebench study`: a grid of experiments and one page about all of them."""

from __future__ import annotations

import argparse

from harness.cli import options as shared


def add(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "study",
        help="train a grid of settings, several seeds, all backends; one report",
        epilog="example: cyclebench study pool --seeds 0,1,2 --set training.epochs_constant=5",
    )
    command.set_defaults(command=run)
    command.add_argument("study", help="name of a shipped study, or a YAML file")
    command.add_argument(
        "--dataset", type=shared.text_or_none, help="name or folder (default: as the study says)"
    )
    command.add_argument("--data-dir", type=shared.path_or_none, help="folder that holds data sets")
    command.add_argument(
        "--seeds", type=shared.seeds_or_none, help="as 0 or 0,1,2 (default: as the study says)"
    )
    command.add_argument(
        "--backends",
        type=shared.names_or_none,
        help="as torch,tf (default: as the study says)",
    )
    shared.add_device(command)
    shared.add_results(command)
    shared.add_overrides(command)
    command.add_argument(
        "--report-only", action="store_true", help="train nothing; the page of what is there"
    )
    shared.add_progress(command)
    shared.add_json(command)


def run(options: argparse.Namespace) -> int:
    from harness.studies.grid.run import GridOptions, study

    asked = GridOptions(
        study=options.study,
        dataset=options.dataset,
        seeds=options.seeds,
        backends=options.backends,
        device=options.device,
        data_dir=options.data_dir,
        results=options.results,
        overrides=shared.overrides(options),
        report_only=options.report_only,
    )
    with shared.display(options) as display:
        page = study(asked, display)
    shared.print_page(options, page, "table.csv")
    return 0
