"""`cyclebench compare`, `study`, `consistency`: commands that train, and end with a page."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from harness.cli import options as shared


def add_compare(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "compare",
        help="train in every backend on the same plan, score, and write a report",
        epilog="example: cyclebench compare --dataset summer2winter --data-dir ~/photos "
        "--seeds 0,1,2 --set model.blocks=6",
    )
    command.set_defaults(command=run_compare)
    shared.add(command, "--dataset", "--data-dir", "--preset")
    command.add_argument(
        "--seeds",
        type=shared.seeds_or_auto,
        default=(0,),
        help="as 0 or 0,1,2, or auto: 0, 1, 2, and more until the primary score is equivalent or"
        " different (default: 0)",
    )
    command.add_argument(
        "--max-seeds",
        type=shared.most_seeds,
        metavar="N",
        help="with --seeds auto: seeds at most, fixed before the first look (default: 20)",
    )
    command.add_argument(
        "--max-hours",
        type=shared.positive_or_none,
        metavar="HOURS",
        help="with --seeds auto: begin no seed that would end later than this (default: no bound)",
    )
    shared.add(command, "--backends", "--device", "--results", "--set")
    shared.add_launcher(command)
    shared.add_progress(command)
    shared.add(command, "--json")


def run_compare(options: argparse.Namespace) -> int:
    from harness.statistics.sequential import DEFAULT_MAXIMUM
    from harness.studies.comparison import compare
    from harness.system.errors import UserError
    from harness.training.jobs import ComparisonRequest, SeedBounds

    automatic = None
    if options.seeds == "auto":
        automatic = SeedBounds(options.max_seeds or DEFAULT_MAXIMUM, options.max_hours)
    elif options.max_seeds is not None or options.max_hours is not None:
        raise UserError("--max-seeds, --max-hours: they bound --seeds auto; add it, or leave them")
    request = ComparisonRequest(
        dataset=options.dataset,
        preset=options.preset,
        seeds=() if automatic else options.seeds,
        automatic=automatic,
        backends=options.backends,
        device=options.device,
        data_dir=options.data_dir,
        results=options.results,
        overrides=tuple(options.overrides),
    )
    with shared.display(options) as display:
        page = compare(request, display, shared.launch_request(options))
    return shared.print_page(options, page, "summary.json")


def add_study(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "study",
        help="train a grid of settings, several seeds, all backends; one report",
        epilog="example: cyclebench study pool --seeds 0,1,2 --set training.epochs_constant=5",
    )
    command.set_defaults(command=run_study)
    command.add_argument("study", help="name of a shipped study, or a YAML file")
    command.add_argument(
        "--dataset", type=shared.text_or_none, help="name or folder (default: as the study says)"
    )
    shared.add(command, "--data-dir")
    command.add_argument(
        "--seeds", type=shared.seeds_or_none, help="as 0 or 0,1,2 (default: as the study says)"
    )
    command.add_argument(
        "--backends",
        type=shared.names_or_none,
        help="as torch,tf (default: as the study says)",
    )
    shared.add(command, "--device", "--results", "--set")
    command.add_argument(
        "--report-only", action="store_true", help="train nothing; the page of what is there"
    )
    shared.add_launcher(command)
    shared.add_progress(command)
    shared.add(command, "--json")


def run_study(options: argparse.Namespace) -> int:
    from harness.studies.grid.file import read_study
    from harness.studies.grid.run import GridOptions, study

    if options.backends is None and not options.report_only:
        shared.ready(read_study(options.study)[1].backends, options)
    asked = GridOptions(
        study=options.study,
        dataset=options.dataset,
        seeds=options.seeds,
        backends=options.backends,
        device=options.device,
        data_dir=options.data_dir,
        results=options.results,
        overrides=tuple(options.overrides),
        report_only=options.report_only,
    )
    with shared.display(options) as display:
        page = study(asked, display, shared.launch_request(options))
    return shared.print_page(options, page, "table.csv")


def add_train(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "train",
        help="train one seed of an experiment that `compare` has begun, wherever you like",
        epilog="example: cyclebench train results/seasons-quick-0123456789 --seed 3",
    )
    command.set_defaults(command=run_train)
    command.add_argument("folder", type=shared.path, help="an experiment folder")
    command.add_argument("--seed", type=shared.seed, required=True, help="a whole number, as 3")
    command.add_argument(
        "--dataset", type=shared.text_or_none, help="name or folder, if not the experiment's name"
    )
    shared.add(command, "--data-dir", "--backends", "--device")
    command.add_argument(
        "--threads", type=shared.count_or_none, help="on a CPU (default: one a logical CPU)"
    )
    command.add_argument(
        "--untimed", action="store_true", help="time no steps: other trainings run here, too"
    )
    command.add_argument(
        "--at-once",
        type=shared.count,
        default=1,
        metavar="N",
        help="seeds that share this machine, this one included (default: 1)",
    )
    command.add_argument(
        "--timed-part", action="store_true", help="stop after the steps that are timed"
    )
    command.add_argument(
        "--course", action="store_true", help="keep the weights after the first steps"
    )
    command.add_argument(
        "--until-input-ends",
        action="store_true",
        help="leave checkpoints and end when standard input is closed",
    )
    shared.add_progress(command)
    shared.add(command, "--json")


def run_train(options: argparse.Namespace) -> int:
    from rich.console import Console

    from harness.launch.unit import Unit, end_with_input, train_unit

    unit = Unit(
        folder=options.folder,
        seed=options.seed,
        backends=options.backends,
        dataset=options.dataset,
        data_dir=options.data_dir,
        device=options.device,
        threads=options.threads,
        timed=not options.untimed,
        at_once=options.at_once,
        timed_part=options.timed_part,
        course=options.course,
    )
    if options.until_input_ends:
        end_with_input()
    status = train_unit(unit, Console(stderr=True), options.quiet, options.verbose)
    if options.json:
        shared.print_json(asdict(status))
    else:
        print(f"{status.state.capitalize()}: seed {status.seed} of {options.folder}")
    return 0


def add_consistency(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "consistency",
        help="divergence against noise, cost of framework defaults, calibration of the verdict",
        epilog="example: cyclebench consistency --dataset summer2winter --data-dir ~/photos",
    )
    command.set_defaults(command=run_consistency)
    shared.add(command, "--dataset", "--data-dir", "--backends", "--results", "--set")
    shared.add_launcher(command)
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
    shared.add(command, "--json")


def run_consistency(options: argparse.Namespace) -> int:
    from harness.studies.consistency.study import ConsistencyOptions, study

    asked = ConsistencyOptions(
        dataset=options.dataset or "seasons",
        backends=options.backends,
        data_dir=options.data_dir,
        results=options.results,
        overrides=tuple(options.overrides),
        steps=options.steps,
        seeds=options.seeds,
        pairs=options.pairs,
    )
    with shared.display(options) as display:
        page = study(asked, display, shared.launch_request(options))
    return shared.print_page(options, page, "consistency.json")
