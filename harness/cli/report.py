"""`cyclebench report`: score and report anew."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.cli import options as shared


def add(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "report",
        help="score and report anew an experiment folder, or several as one; or a study's or"
        " bench's page",
        epilog="example: cyclebench report results/seasons-quick-0123456789. Folders of one"
        " experiment from several machines, days or seeds become one, and stay as they are:"
        " cyclebench report here/seasons-quick-0123456789 there/seasons-quick-0123456789"
        " --to results/merged",
    )
    command.set_defaults(command=run)
    command.add_argument(
        "experiment",
        type=Path,
        nargs="+",
        help="a folder that `compare`, `study` or `bench` made, or several of one experiment",
    )
    command.add_argument(
        "--to",
        type=shared.path_or_none,
        help="where several folders are merged (default: merged/<experiment> beside the first)",
    )
    shared.add_progress(command)
    shared.add_json(command)


def run(options: argparse.Namespace) -> int:
    from harness.report.comparison.check import check_records
    from harness.studies.grid.page import write_page
    from harness.studies.grid.record import is_study
    from harness.studies.timing.page import write_page as write_bench_page
    from harness.studies.timing.record import is_bench

    folder, *others = options.experiment
    if others or options.to:
        return _report(options, _merged(options))
    if is_study(folder):
        shared.print_page(options, write_page(folder), "table.csv")
        return 0
    if is_bench(folder):
        shared.print_page(options, write_bench_page(folder), "table.csv")
        return 0
    check_records(folder)
    return _report(options, folder)


def _merged(options: argparse.Namespace) -> Path:
    """Nothing is written before every record of every folder has been looked at."""
    from harness.report.comparison.check import check_records
    from harness.tools.merge import check_target, default_folder, merge, read_sources

    sources = read_sources(options.experiment)
    target = options.to or default_folder(sources)
    check_target(target, sources)
    for source in sources:
        check_records(source.folder)
    placed = merge(sources, target)
    complete = sum(one.run.complete for one in placed)
    with shared.display(options) as display:
        display.say(f"Merged: {target} ({complete} complete of {len(placed)} runs)")
    return target


def _report(options: argparse.Namespace, folder: Path) -> int:
    from harness.metrics.evaluate import evaluate
    from harness.report.comparison import write_report

    with shared.display(options) as display:
        evaluate(folder, display.stage)
    shared.print_page(options, write_report(folder), "summary.json")
    return 0
