"""`cyclebench scaling`: how do time and memory of a step grow?"""

from __future__ import annotations

import argparse

from harness.cli import options as shared


def add(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "scaling",
        help="time and memory of a step against image size, batch, filters and blocks",
        epilog="example: cyclebench scaling --preset quick --axes size,batch"
        " --values size=32,64,96",
    )
    command.set_defaults(command=run)
    shared.add_preset(command)
    command.add_argument(
        "--axes",
        type=shared.names_or_none,
        metavar="NAMES",
        help="of size, batch, filters and blocks (a U-Net: depth); default: all",
    )
    command.add_argument(
        "--values",
        action="append",
        default=[],
        metavar="AXIS=N,N",
        help="in place of an axis's own, as size=32,64,96; the base is always measured; repeatable,"
        " several may share one option",
    )
    shared.add_backends(command)
    shared.add_device(command)
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
    shared.add_results(command)
    shared.add_overrides(command)
    shared.add_progress(command)
    shared.add_json(command)


def run(options: argparse.Namespace) -> int:
    from harness.config.presets import DEFAULT
    from harness.studies.scaling.page import result, write_page
    from harness.studies.scaling.points import parse_values
    from harness.studies.scaling.run import Method, ScalingRequest, scale
    from harness.system.machine import find_machine

    if options.report_only:
        shared.print_page(options, write_page(options.results / "scaling"), "table.csv")
        return 0
    given = [each for text in options.values for each in shared.settings(text)]
    values = parse_values(given)
    machine = find_machine(options.device)
    request = ScalingRequest(
        preset=options.preset or DEFAULT,
        machine=machine,
        backends=options.backends,
        results=options.results,
        overrides=shared.overrides(options),
        axes=options.axes,
        values=values,
        method=Method(options.pairs, options.block_seconds),
    )
    with shared.display(options) as display:
        record, file = scale(request, display)
    return shared.print_result(options, result(record, file, write_page(request.folder)))
