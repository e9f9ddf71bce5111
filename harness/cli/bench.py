"""`cyclebench bench`: is one backend faster, and how surely?"""

from __future__ import annotations

import argparse

from harness.cli import options as shared
from harness.system.errors import UserError


def add(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "bench",
        help="time training steps of two backends in turns, until their ratio is known; one page",
        epilog="example: cyclebench bench --preset quick --set runtime.precision=bfloat16."
        " Copy the JSON files of other machines into results/bench, then: cyclebench report"
        " results/bench",
    )
    command.set_defaults(command=run)
    shared.add_preset(command)
    shared.add_backends(command)
    shared.add_device(command)
    command.add_argument(
        "--aa",
        type=shared.text_or_none,
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
        "--starts", type=shared.count, default=24, help="of both processes, at most (default: 24)"
    )
    command.add_argument(
        "--pairs", type=shared.count, default=24, help="of blocks a start (default: 24)"
    )
    command.add_argument(
        "--block-seconds", type=shared.positive, default=0.5, help="of a block, about (0.5)"
    )
    shared.add_results(command)
    shared.add_overrides(command)
    shared.add_progress(command)
    shared.add_json(command)


def run(options: argparse.Namespace) -> int:
    from harness.config.experiment import check_backends, load_experiment
    from harness.config.presets import DEFAULT
    from harness.studies.timing.page import result, write_page
    from harness.studies.timing.record import file_name, read_records, write_record
    from harness.studies.timing.run import TimingRequest, bench
    from harness.system.lock import locked
    from harness.system.machine import find_machine
    from harness.training.jobs import check_precision, tell

    names = (options.aa, options.aa) if options.aa else options.backends
    check_backends(list(dict.fromkeys(names)))
    if len(names) != 2:
        raise UserError(
            "bench: two backends are timed against each other; give --backends torch,tf"
        )
    machine = find_machine(options.device)
    preset = options.preset or DEFAULT
    experiment = load_experiment(None, preset, list(shared.overrides(options)))
    check_precision(experiment, machine)
    folder = options.results / "bench"
    label = experiment.digest(*names)
    # Another one at the same time would spoil both.
    with locked(folder):
        # The page is about all of them: a damaged one is to be known before minutes are spent.
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
        with shared.display(options) as display:
            tell(display, machine, folder, request.logs)
            record = bench(request, display)
        file = folder / file_name(record, label)
        write_record(record, file)
        page = write_page(folder)
    return shared.print_result(options, result(record, file, page))
