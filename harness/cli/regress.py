"""`cyclebench regress`: is it slower, or worse, than a baseline?"""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.cli import options as shared
from harness.system.untrusted import shown

REGRESSION, OPEN = 1, 3


def add(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "regress",
        help="hold an experiment or bench record against an older one; for CI",
        epilog="example: cyclebench regress results/seasons-quick-0123456789 release/seasons-quick"
        "-0123456789 --time 5%%. The exit status is 1 where a regression beyond a limit is shown,"
        " by the whole interval; else 0, or with --strict 3 where a check cannot tell.",
    )
    command.set_defaults(command=run)
    command.add_argument("new", type=Path, metavar="NEW", help="experiment folder or bench record")
    command.add_argument("baseline", type=Path, metavar="BASELINE", help="what it was before")
    command.add_argument(
        "earlier",
        type=Path,
        nargs="*",
        metavar="EARLIER",
        help="the baseline on other days, two at least: then intervals of times are over days",
    )
    command.add_argument(
        "--time", type=_share, default=0.05, help="by which a step may get longer (default: 5%%)"
    )
    command.add_argument(
        "--memory", type=_share, help="by which peak memory may grow (default: not judged)"
    )
    command.add_argument(
        "--scores",
        type=_metrics,
        help="metrics judged, each against its margin in the configuration, as"
        " kid_efflite0,cycle_psnr; or none (default: kid_efflite0)",
    )
    command.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="KEY",
        help="of the configuration, that may differ: before and after of it; repeatable",
    )
    command.add_argument(
        "--strict", action="store_true", help="exit status 3 where a check cannot tell"
    )
    shared.add_json(command)


def run(options: argparse.Namespace) -> int:
    from harness.studies.regression import Limits, as_json, compare, print_comparison, read_measured

    limits = Limits(options.time, options.memory, options.scores)
    new, baseline, *earlier = (
        read_measured(path) for path in (options.new, options.baseline, *options.earlier)
    )
    found = compare(new, baseline, limits, options.allow, earlier)
    if options.json:
        shared.print_json(as_json(found))
    else:
        print_comparison(found, shared.table_console(options))
    if found.regressed:
        return REGRESSION
    return OPEN if options.strict and found.unsettled else 0


def _share(text: str) -> float:
    """ "5%" or "0.05"; "5" could be either."""
    try:
        value = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{shown(text)}: give a share as 5% or 0.05")
    return value


def _metrics(text: str) -> tuple[str, ...] | None:
    return () if text == "none" else shared.names_or_none(text)
