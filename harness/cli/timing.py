"""`cyclebench estimate`, `bench`, `scaling`: how long do trainings and their steps take?"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from harness.cli import options as shared
from harness.config.presets import DEFAULT
from harness.system.errors import UserError

if TYPE_CHECKING:
    from harness.studies.estimate.work import Work
    from harness.system.machine import Machine


def add_estimate(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "estimate",
        help="how long a comparison takes on this machine, and what that costs, before it is run",
        epilog="example: cyclebench estimate --preset paper --seeds 0,1,2 --price 2.50",
    )
    command.set_defaults(command=run_estimate)
    shared.add(command, "--dataset", "--data-dir", "--preset", "--seeds", "--backends", "--device")
    command.add_argument(
        "--price",
        type=shared.text_or_none,
        help="of an hour of this machine, as 2.50 or $2.50: shows the cost, too",
    )
    command.add_argument(
        "--images",
        type=shared.text_or_none,
        metavar="A,B,testA,testB",
        help="how many images there will be, where the data set is not here",
    )
    command.add_argument(
        "--seconds",
        type=shared.positive,
        default=60.0,
        help="of timed training at most, all backends together (default: 60)",
    )
    command.add_argument(
        "--check",
        type=shared.path_or_none,
        metavar="FOLDER",
        help="estimate results/<experiment> and compare with what its runs recorded here",
    )
    shared.add(command, "--results", "--set")
    shared.add_progress(command)
    shared.add(command, "--json")


def run_estimate(options: argparse.Namespace) -> int:
    from harness.studies.estimate.check import check_json, print_check, read_recorded
    from harness.studies.estimate.measure import estimate
    from harness.studies.estimate.show import as_json, print_estimate, read_price, total_line
    from harness.system.machine import find_machine

    price = read_price(options.price) if options.price else None
    machine = find_machine(options.device)
    work_given = options.preset or options.dataset or options.images or options.overrides
    if options.check and work_given:
        raise UserError(
            "--check: the folder says what was trained; leave out preset, data and --set"
        )
    recorded = None
    if options.check:
        recorded = read_recorded(options.check, machine, options.backends)
    work = recorded.work if recorded else _work(options, machine)
    with shared.display(options) as display:
        predicted = estimate(
            work,
            machine,
            options.results,
            display,
            seconds=options.seconds,
            data_dir=options.data_dir,
            scored=options.check,
        )
    if options.json:
        document = as_json(predicted, machine, price)
        if recorded:
            document["check"] = check_json(predicted, recorded)
        shared.print_json(document)
        return 0
    if options.quiet:
        print(total_line(predicted))
    console = shared.table_console(options)
    print_estimate(predicted, machine, price, console)
    if recorded:
        print_check(predicted, recorded, console)
    return 0


def _work(options: argparse.Namespace, machine: Machine) -> Work:
    """What `make compare` with these options would do. Raises UserError as it does."""
    from harness.config.backend_names import check_backends
    from harness.config.load import load_experiment
    from harness.studies.estimate.work import Work, count_images, given_images
    from harness.training.jobs import check_precision

    check_backends(list(options.backends))
    experiment = load_experiment(options.dataset, options.preset or DEFAULT, options.overrides)
    check_precision(experiment, machine)
    counts = (
        given_images(options.images)
        if options.images
        else count_images(experiment, options.data_dir)
    )
    return Work(experiment, counts, options.backends, len(options.seeds))


def add_bench(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "bench",
        help="time training steps of backends in turns, until their ratios are known; one page",
        epilog="example: cyclebench bench --preset quick --set runtime.precision=bfloat16."
        " Copy the JSON files of other machines into results/bench, then: cyclebench report"
        " results/bench",
    )
    command.set_defaults(command=run_bench)
    shared.add(command, "--preset", "--backends", "--device")
    command.add_argument(
        "--aa",
        type=shared.name_or_none,
        metavar="BACKEND",
        help="this one against itself: the interval must cover 1, or the exit status is 1",
    )
    command.add_argument(
        "--width",
        type=shared.positive,
        default=0.05,
        help="no ratio is shown while its 95 %% interval is wider than this share of it (0.05)",
    )
    command.add_argument(
        "--starts", type=shared.count, default=24, help="of all processes, at most (default: 24)"
    )
    command.add_argument(
        "--pairs", type=shared.count, default=24, help="of blocks a start (default: 24)"
    )
    command.add_argument(
        "--block-seconds", type=shared.positive, default=0.5, help="of a block, about (0.5)"
    )
    shared.add(command, "--results", "--set")
    shared.add_progress(command)
    shared.add(command, "--json")


def run_bench(options: argparse.Namespace) -> int:
    from harness.config.backend_names import check_backends
    from harness.config.load import load_experiment
    from harness.studies.timing.page import result, write_page
    from harness.studies.timing.record_files import (
        file_name,
        read_record,
        read_records,
        write_record,
    )
    from harness.studies.timing.run import TimingRequest, bench
    from harness.system import provenance
    from harness.system.lock import locked
    from harness.system.machine import find_machine
    from harness.training.jobs import check_precision, tell

    names = (options.aa, options.aa) if options.aa else options.backends
    check_backends(list(dict.fromkeys(names)))
    if len(names) < 2:
        raise UserError(
            "bench: two backends at least are timed against each other; give --backends torch,tf"
        )
    machine = find_machine(options.device)
    experiment = load_experiment(None, options.preset or DEFAULT, options.overrides)
    check_precision(experiment, machine)
    folder = options.results / "bench"
    label = experiment.digest(*names)
    # Another one at the same time would spoil both.
    with locked(folder):
        # The page is about all records: a damaged one must be reported before minutes are spent.
        read_records(folder)
        request = TimingRequest(
            experiment=experiment,
            machine=machine,
            backends=names,
            logs=folder / "logs" / label,
            block_seconds=options.block_seconds,
            width=options.width,
            pairs=options.pairs,
            most_starts=options.starts,
        )
        name = (experiment.preset, names, machine.device_name)
        file = folder / file_name(*name, label)
        # Starts are added only to others of the same code, packages and way of timing.
        method = (str(options.pairs), str(options.block_seconds), provenance.source_digest())
        packages = provenance.in_one_line(provenance.deciding_packages(names))
        same = experiment.digest(*names, *method, packages)
        unfinished = folder / "unfinished" / file_name(*name, same)
        earlier = read_record(unfinished).starts if unfinished.exists() else ()
        with shared.display(options) as display:
            tell(display, machine, folder, request.logs)
            record = bench(
                request, display, earlier, lambda record: write_record(record, unfinished)
            )
        write_record(record, file)
        unfinished.unlink(missing_ok=True)
        page = write_page(folder)
    return shared.print_result(options, result(record, file, page))


def add_scaling(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "scaling",
        help="time and memory of a step against image size, batch, filters and blocks",
        epilog="example: cyclebench scaling --preset quick --axes size,batch"
        " --values size=32,64,96",
    )
    command.set_defaults(command=run_scaling)
    shared.add(command, "--preset")
    command.add_argument(
        "--axes",
        type=shared.names_or_none,
        metavar="NAMES",
        help="of size, batch, filters and blocks (a U-Net: depth); default: all",
    )
    command.add_argument(
        "--values",
        action="extend",
        type=shared.settings,
        default=[],
        metavar="AXIS=N,N",
        help="in place of an axis's own, as size=32,64,96; the base is always measured; repeatable,"
        " several may share one option",
    )
    shared.add(command, "--backends", "--device")
    command.add_argument(
        "--pairs", type=shared.count, default=6, help="of timed blocks a point (default: 6)"
    )
    command.add_argument(
        "--block-seconds", type=shared.positive, default=0.5, help="of a block, about (0.5)"
    )
    command.add_argument(
        "--report-only",
        action="store_true",
        help="measure nothing; the page of the records that are there",
    )
    shared.add(command, "--results", "--set")
    shared.add_progress(command)
    shared.add(command, "--json")


def run_scaling(options: argparse.Namespace) -> int:
    from harness.studies.scaling.page import result, write_page
    from harness.studies.scaling.points import parse_values
    from harness.studies.scaling.run import Method, ScalingRequest, scale
    from harness.system.machine import find_machine

    if options.report_only:
        return shared.print_page(options, write_page(options.results / "scaling"), "table.csv")
    values = parse_values(options.values)
    request = ScalingRequest(
        preset=options.preset or DEFAULT,
        machine=find_machine(options.device),
        backends=options.backends,
        results=options.results,
        overrides=tuple(options.overrides),
        axes=options.axes,
        values=values,
        method=Method(options.pairs, options.block_seconds),
    )
    with shared.display(options) as display:
        record, file = scale(request, display)
    return shared.print_result(options, result(record, file, write_page(request.folder)))
