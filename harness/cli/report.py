"""`cyclebench report`: score and report anew."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.cli import options as shared


def add(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "report",
        help="score and report anew what is in an experiment folder; or a study's page",
        epilog="example: cyclebench report results/seasons-quick-0123456789",
    )
    command.set_defaults(command=run)
    command.add_argument("experiment", type=Path, help="a folder that `compare` or `study` made")


def run(options: argparse.Namespace) -> int:
    from harness.metrics.evaluate import evaluate
    from harness.report import write_report
    from harness.studies.page.write import write_page
    from harness.studies.record import is_study

    if is_study(options.experiment):
        print(f"Report: {write_page(options.experiment)}")
        return 0
    with shared.display() as display:
        evaluate(options.experiment, display.stage)
    print(f"Report: {write_report(options.experiment)}")
    return 0
