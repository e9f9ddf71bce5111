"""`cyclebench doctor`, `gpu-check`, `parity`: is this machine ready, and does it compute right?"""

from __future__ import annotations

import argparse
import os
import sys
from typing import Literal

from harness.cli import options as shared
from harness.system.errors import UserError


def add_doctor(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "doctor",
        help="look at packages, GPU, threads, disk, data sets, weights; say what helps",
        epilog="example: cyclebench doctor. It trains a step with every backend, asks no network,"
        " and writes nothing but logs of what fails. The exit status is 1 if there is a problem;"
        " warnings are worth knowing before numbers are believed.",
    )
    command.set_defaults(command=run_doctor)
    shared.add(command, "--data-dir", "--results", "--json")


def run_doctor(options: argparse.Namespace) -> int:
    from harness.tools.doctor.check import answer, as_json, print_checks
    from harness.tools.doctor.examine import examine

    checks = list(
        examine(options.results, options.data_dir, lambda line: print(line, file=sys.stderr))
    )
    document = as_json(checks)
    if options.json:
        shared.print_json(document)
    else:
        print_checks(checks, shared.table_console(options))
        print(f"Doctor: {answer(checks)}")
    return 0 if document["ok"] else 1


def add_gpu_check(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "gpu-check",
        help="does everything run on this GPU, is it right, how fast is it? minutes; one page",
        epilog="example: cyclebench gpu-check --backends torch --minutes 7",
    )
    command.set_defaults(command=run_gpu_check)
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
    shared.add(command, "--results")
    shared.add_progress(command)
    shared.add(command, "--json")


def run_gpu_check(options: argparse.Namespace) -> int:
    from harness.config.backend_names import check_backends
    from harness.config.load import load_experiment
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


def add_parity(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "parity",
        help="check that all backends compute the same",
        epilog="example: cyclebench parity --preset quick --to parity.json. Then some two dozen"
        " small experiments are checked, on the CPU alone, which together have every option.",
    )
    command.set_defaults(command=run_parity)
    command.add_argument(
        "--preset", type=shared.text_or_none, default="quick", help="whose networks (quick)"
    )
    shared.add(command, "--backends")
    command.add_argument(
        "--device",
        type=shared.text_or_none,
        default="cpu",
        help="where they compute (cpu); cuda: each there, against the first one on the CPU",
    )
    command.add_argument(
        "--to", type=shared.path_or_none, metavar="FILE", help="write the rows there as well"
    )
    command.add_argument(
        "--fast", action="store_true", help="check this experiment alone, not the small ones"
    )
    command.add_argument(
        "--replicas",
        type=shared.replicas_or_none,
        metavar="N",
        help="check that N devices that train together compute what one does, and nothing else",
    )
    shared.add(command, "--json")


def run_parity(options: argparse.Namespace) -> int:
    # TensorFlow's graph optimiser reports what it then leaves alone, hundreds of times in float64.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from harness.config.backend_names import check_backends
    from harness.studies.parity import (
        check_parity,
        climb_covering,
        climb_replicas,
        has_covering,
        print_experiments,
        print_rows,
        with_covering,
        write_document,
    )
    from harness.studies.parity.backend_cache import Precision
    from harness.system.gpu import find_gpu
    from harness.system.machine import find_machine

    check_backends(list(options.backends))
    device: Literal["cpu", "cuda"] = options.device or "cpu"
    find_machine(device)  # refuses one that is unknown or not there
    if device == "cpu" and len(options.backends) < 2 and not options.replicas:
        raise UserError("parity: needs two backends at least, such as --backends torch,tf")
    precisions: tuple[Precision, ...] = ()
    if device != "cpu":
        gpu = find_gpu()
        precisions = ("bfloat16", "tf32") if gpu and gpu.has_bfloat16 else ()
    if options.replicas:
        rows, experiments = [], climb_replicas(options.backends, options.replicas, device)
    else:
        rows = check_parity(options.preset or "quick", options.backends, device, precisions)
        covered = device == "cpu" and not options.fast and has_covering(options.preset or "quick")
        experiments = climb_covering(options.backends) if covered else {}
    document = with_covering(rows, experiments)
    if options.to:
        write_document(document, options.to)
    whole = [*rows, *(row for each in experiments.values() for row in each)]
    passed = sum(row.passed for row in whole)
    if options.json:
        shared.print_json(document)
    else:
        if rows:
            print_rows(rows, shared.table_console(options))
        if experiments:
            print_experiments(experiments, shared.table_console(options))
        print(f"Parity: {passed} of {len(whole)} rows pass")
    return 0 if passed == len(whole) else 1
