"""`cyclebench gpu-check`: the first minutes on a new GPU machine."""

from __future__ import annotations

import argparse

from harness.cli import options as shared
from harness.system.errors import UserError


def add(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "gpu-check",
        help="does everything run on this GPU, is it right, how fast is it? minutes; one page",
        epilog="example: cyclebench gpu-check --backends torch --minutes 7",
    )
    command.set_defaults(command=run)
    command.add_argument(
        "--backends",
        type=shared.names_or_none,
        help="as torch,tf (default: those that are installed)",
    )
    command.add_argument(
        "--device",
        type=shared.text_or_none,
        default="cuda",
        help="cuda, or cpu to try the check itself (cuda)",
    )
    command.add_argument(
        "--presets",
        type=shared.names_or_none,
        default=("quick", "paper"),
        help="whose steps are timed; all settings with the last one (quick,paper)",
    )
    command.add_argument(
        "--minutes", type=shared.positive, default=7.0, help="of all together, about (7)"
    )
    shared.add_results(command)
    shared.add_progress(command)
    shared.add_json(command)


def run(options: argparse.Namespace) -> int:
    from harness.config.experiment import check_backends, load_experiment
    from harness.report.render import write_page
    from harness.studies.gpu_check.measure import GpuCheck, check
    from harness.studies.gpu_check.page import make_page, result
    from harness.studies.gpu_check.record import to_json
    from harness.system.files import write_json
    from harness.system.interpreters import installed
    from harness.system.lock import locked
    from harness.system.machine import find_machine
    from harness.system.provenance import slug

    names = options.backends or installed()
    if not names:
        raise UserError("gpu-check: no backend is installed; run `make setup`")
    check_backends(list(names))
    machine = find_machine(options.device or "cuda")
    presets = options.presets or ("quick", "paper")
    for preset in presets:
        load_experiment(None, preset, [])
    folder = options.results / "gpu-check" / slug(machine.device_name)
    with locked(folder):
        with shared.display(options) as display:
            seconds, logs = 60 * options.minutes, folder / "logs"
            record = check(GpuCheck(tuple(names), machine, logs, display, presets, seconds=seconds))
        file = folder / "record.json"
        write_json(file, to_json(record))
        page = write_page(folder, make_page(record), {})
    return shared.print_result(options, result(record, file, page))
