"""`cyclebench estimate`: how long will a comparison take here, and what will that cost?"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from harness.cli import options as shared
from harness.system.errors import UserError

if TYPE_CHECKING:
    from harness.studies.estimate.work import Work
    from harness.system.machine import Machine


def add(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "estimate",
        help="how long a comparison takes on this machine, and what that costs, before it is run",
        epilog="example: cyclebench estimate --preset paper --seeds 0,1,2 --price 2.50",
    )
    command.set_defaults(command=run)
    shared.add_data(command)
    shared.add_preset(command)
    command.add_argument(
        "--seeds", type=shared.seeds, default=(0,), help="as 0 or 0,1,2 (default: 0)"
    )
    shared.add_backends(command)
    shared.add_device(command)
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
    shared.add_results(command)
    shared.add_overrides(command)
    shared.add_progress(command)
    shared.add_json(command)


def run(options: argparse.Namespace) -> int:
    from harness.studies.estimate.check import check_json, print_check, read_recorded
    from harness.studies.estimate.measure import estimate
    from harness.studies.estimate.show import as_json, print_estimate, read_price, total_line
    from harness.system.machine import find_machine

    price = read_price(options.price) if options.price else None
    machine, overrides = find_machine(options.device), shared.overrides(options)
    if options.check and (options.preset or options.dataset or options.images or overrides):
        raise UserError(
            "--check: the folder says what was trained; leave out preset, data and --set"
        )
    recorded = read_recorded(options.check, machine) if options.check else None
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
    from harness.config.experiment import check_backends, load_experiment
    from harness.config.presets import DEFAULT
    from harness.studies.estimate.work import Work, count_images, given_images
    from harness.training.jobs import check_precision

    check_backends(list(options.backends))
    preset = options.preset or DEFAULT
    experiment = load_experiment(options.dataset, preset, list(shared.overrides(options)))
    check_precision(experiment, machine)
    counts = (
        given_images(options.images)
        if options.images
        else count_images(experiment, options.data_dir)
    )
    return Work(experiment, counts, options.backends, len(options.seeds))
