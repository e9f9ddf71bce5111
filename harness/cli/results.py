"""`cyclebench report`, `regress`, `list`, `verify`: what is done with results that are there."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.cli import options as shared
from harness.system.errors import UserError
from harness.system.untrusted import shown

REGRESSION, OPEN = 1, 3  # exit statuses of `regress`


def add_report(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "report",
        help="score and report anew an experiment folder, or several as one; or a study's or"
        " bench's page",
        epilog="example: cyclebench report results/seasons-quick-0123456789. Folders of one"
        " experiment from several machines, days or seeds become one, and stay as they are:"
        " cyclebench report here/seasons-quick-0123456789 there/seasons-quick-0123456789"
        " --to results/merged",
    )
    command.set_defaults(command=run_report)
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
    shared.add(command, "--json")


def run_report(options: argparse.Namespace) -> int:
    from harness.metrics.any_model import evaluate_any
    from harness.report.comparison import write_report
    from harness.report.comparison.check import check_records
    from harness.studies.grid.page import write_page
    from harness.studies.grid.record import is_study
    from harness.studies.timing.page import write_page as write_bench_page
    from harness.studies.timing.record_files import is_bench

    folder, *others = options.experiment
    if others or options.to:
        return _report_merged(options)
    if is_study(folder):
        return shared.print_page(options, write_page(folder), "table.csv")
    if is_bench(folder):
        return shared.print_page(options, write_bench_page(folder), "table.csv")
    check_records(folder)
    with shared.display(options) as display:
        evaluate_any(folder, display.stage)
    return shared.print_page(options, write_report(folder), "summary.json")


def _report_merged(options: argparse.Namespace) -> int:
    """Of all runs in one folder, which appears, or replaces an earlier one, with its report.

    Nothing is written before every record of every folder is checked.
    """
    from harness.metrics.any_model import evaluate_any
    from harness.report.comparison import write_report
    from harness.report.comparison.check import check_records
    from harness.tools.merge import check_target, default_folder, merge, read_sources

    sources = read_sources(options.experiment)
    target = options.to or default_folder(sources)
    check_target(target, sources)
    for source in sources:
        check_records(source.folder)
    with merge(sources, target) as (folder, placed):
        complete = sum(one.run.complete for one in placed)
        with shared.display(options) as display:
            display.say(f"Merged: {target} ({complete} complete of {len(placed)} runs)")
            evaluate_any(folder, display.stage)
        page = write_report(folder)
    return shared.print_page(options, target / page.name, "summary.json")


def add_regress(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "regress",
        help="hold an experiment or bench record against an older one; for CI",
        epilog="example: cyclebench regress results/seasons-quick-0123456789 release/seasons-quick"
        "-0123456789 --time 5%. The exit status is 1 where a regression beyond a limit is shown,"
        " by the whole interval; else 0, or with --strict 3 where a check cannot tell.",
    )
    command.set_defaults(command=run_regress)
    command.add_argument("new", type=Path, metavar="NEW", help="experiment folder or bench record")
    command.add_argument(
        "baseline",
        type=Path,
        metavar="BASELINE",
        help="what it was before; or a history of `track`, whose latest days are the baseline",
    )
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
        type=lambda text: () if text == "none" else shared.names_or_none(text),
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
    shared.add(command, "--json")


def _share(text: str) -> float:
    """ "5%" or "0.05"; "5" could be either."""
    try:
        value = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{shown(text)}: give a share as 5% or 0.05")
    return value


def run_regress(options: argparse.Namespace) -> int:
    from harness.studies.history.file import is_history
    from harness.studies.regression import (
        Limits,
        against_history,
        as_json,
        compare,
        print_comparison,
        read_measured,
    )

    limits = Limits(options.time, options.memory, options.scores)
    if histories := [path for path in (options.new, *options.earlier) if is_history(path)]:
        raise UserError(f"{histories[0]}: a history can only be the BASELINE, and alone")
    if is_history(options.baseline):
        if options.earlier or options.allow:
            raise UserError(
                f"{options.baseline}: a history has all days, of one configuration; leave out"
                " EARLIER and --allow"
            )
        comparison = against_history(options.new, options.baseline, limits)
    else:
        new, baseline, *earlier = (
            read_measured(path) for path in (options.new, options.baseline, *options.earlier)
        )
        comparison = compare(new, baseline, limits, options.allow, earlier)
    if options.json:
        shared.print_json(as_json(comparison))
    else:
        print_comparison(comparison, shared.table_console(options))
    if comparison.regressed:
        return REGRESSION
    return OPEN if options.strict and comparison.unsettled else 0


def add_variance(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "variance",
        help="how scores vary between seeds, within a run and with test images; seeds needed",
        epilog="example: cyclebench variance results/seasons-quick-0123456789 --csv variance.csv",
    )
    command.set_defaults(command=run_variance)
    command.add_argument("run", type=Path, metavar="RUN", help="a scored experiment folder")
    command.add_argument(
        "--last",
        type=shared.count,
        default=5,
        metavar="K",
        help="evaluations at the end of a run that are taken together (default: 5)",
    )
    command.add_argument(
        "--csv", type=shared.path_or_none, metavar="FILE", help="write the table there as well"
    )
    shared.add(command, "--json")


def run_variance(options: argparse.Namespace) -> int:
    from harness.system.files import write_bytes
    from harness.tools.variance import as_json, as_table, print_rows, variance_rows

    rows = variance_rows(options.run, options.last)
    if options.csv:
        text = as_table(rows).to_csv(index=False, lineterminator="\n")
        write_bytes(options.csv, text.encode())
    if options.json:
        shared.print_json(as_json(rows))
    else:
        print_rows(rows, shared.table_console(options))
    return 0


def add_list(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "list",
        help="experiments, studies and benches in a results folder, and the state of every run",
        epilog="example: cyclebench list results. A run that says it is running, while no process"
        " writes there, was killed: the command that made it goes on from its checkpoint.",
    )
    command.set_defaults(command=run_list)
    command.add_argument(
        "results",
        nargs="?",
        type=shared.results_folder,
        default=Path("results"),
        help="a results folder, or one of those in it (default: results)",
    )
    shared.add(command, "--json")


def run_list(options: argparse.Namespace) -> int:
    from harness.system.dates import now
    from harness.tools.list_runs import as_json, overview, print_folders

    folders = overview(options.results)
    if options.json:
        shared.print_json(as_json(folders))
    elif folders:
        print_folders(folders, now(), shared.table_console(options))
    else:
        print(f"{options.results}: nothing there yet")
    return 0


def add_verify(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "verify",
        help="check hashes, data and records of runs, and replay their first steps",
        epilog="example: cyclebench verify results/seasons-quick-0123456789 --steps 20."
        " The exit status is 1 if anything differs.",
    )
    command.set_defaults(command=run_verify)
    command.add_argument(
        "run", type=Path, metavar="RUN", help="an experiment's folder, or that of one of its runs"
    )
    command.add_argument(
        "--steps", type=shared.count, default=20, help="to train again of each run (default: 20)"
    )
    command.add_argument(
        "--dataset",
        type=shared.text_or_none,
        help="name or folder of the images now (default: the name they had)",
    )
    shared.add(command, "--data-dir")
    command.add_argument(
        "--backends",
        type=lambda text: shared.names_or_none(text) or (),
        default=(),
        help="as tf@/path/to/python: a Python that runs name is only run if it is named here",
    )
    shared.add_progress(command)
    shared.add(command, "--json")


def run_verify(options: argparse.Namespace) -> int:
    from harness.tools.verify import VerifyRequest, as_json, print_rows, verify

    request = VerifyRequest(
        options.run, options.steps, options.dataset, options.data_dir, options.backends
    )
    with shared.display(options) as display:
        verified = verify(request, display)
    if options.json:
        shared.print_json(as_json(verified))
    else:
        print_rows(verified, shared.table_console(options))
        print(f"Verified: {verified.answer}")
    return 0 if verified.ok else 1
