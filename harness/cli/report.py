"""`cyclebench report`: score and report anew."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.cli import options as shared


def add(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "report",
        help="score and report anew what is in an experiment folder; or a study's or bench's page",
        epilog="example: cyclebench report results/seasons-quick-0123456789",
    )
    command.set_defaults(command=run)
    command.add_argument(
        "experiment", type=Path, help="a folder that `compare`, `study` or `bench` made"
    )
    shared.add_progress(command)
    shared.add_json(command)


def run(options: argparse.Namespace) -> int:
    from harness.bench.disk import is_bench
    from harness.bench.page.write import write_page as write_bench_page
    from harness.metrics.evaluate import evaluate
    from harness.report import write_report
    from harness.report.check import check_records
    from harness.studies.page.write import write_page
    from harness.studies.record import is_study

    if is_study(options.experiment):
        shared.print_page(options, write_page(options.experiment), "table.csv")
        return 0
    if is_bench(options.experiment):
        shared.print_page(options, write_bench_page(options.experiment), "table.csv")
        return 0
    check_records(options.experiment)
    with shared.display(options) as display:
        evaluate(options.experiment, display.stage)
    shared.print_page(options, write_report(options.experiment), "summary.json")
    return 0
