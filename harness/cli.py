"""The command line: one subcommand a page. `cyclebench COMMAND --help` shows an example."""

from __future__ import annotations

import argparse
import re
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

import backends
from harness.config import check_backends, load_experiment, preset_names
from harness.errors import UserError
from harness.progress import Display
from harness.workers import WorkerFailed

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0, 1 (parity breach or unexpected failure), 2 (bad input), 130 (interrupted)."""
    options = _parser().parse_args(arguments)
    # `kill` and a closing terminal are to leave checkpoints, as Ctrl-C does.
    for each in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.default_int_handler)
    try:
        return options.command(options)
    except UserError as error:
        return _fail(2, str(error))
    except WorkerFailed as error:
        return _fail(1, str(error))
    except KeyboardInterrupt:
        return _fail(INTERRUPTED, "interrupted; the same command goes on from here")
    except BrokenPipeError:
        return 1
    except Exception as error:
        log = _write_traceback(getattr(options, "results", None) or Path())
        summary = f"{type(error).__name__}: {error}".splitlines()[0]
        return _fail(1, f"unexpected failure: {summary}; the traceback is in {log}")


# ---------------------------------------------------------------------------------- compare


def _add_compare(commands) -> None:
    command = commands.add_parser(
        "compare",
        help="train in every backend on the same plan, score, and write a report",
        epilog="example: cyclebench compare --dataset summer2winter --data-dir ~/photos "
        "--seeds 0,1,2 --set model.blocks=6",
    )
    command.set_defaults(command=_compare)
    _add_data_options(command)
    command.add_argument(
        "--preset", type=_or_none, help=f"{', '.join(preset_names())} (default: by device)"
    )
    command.add_argument("--seeds", type=_seeds, default=(0,), help="as 0 or 0,1,2 (default: 0)")
    _add_backends_option(command)
    command.add_argument("--device", type=_or_none, help="cpu or cuda (default: a GPU if found)")
    _add_results_option(command)
    _add_set_option(command)


def _compare(options: argparse.Namespace) -> int:
    from harness.compare import Request, compare

    request = Request(
        dataset=options.dataset,
        preset=options.preset,
        seeds=options.seeds,
        backends=options.backends,
        device=options.device,
        data_dir=options.data_dir,
        results=options.results,
        overrides=_overrides(options),
    )
    with Display(Console(stderr=True)) as display:
        report = compare(request, display)
    print(f"Report: {report}")
    return 0


# ----------------------------------------------------------------------------------- report


def _add_report(commands) -> None:
    command = commands.add_parser(
        "report",
        help="score and report anew what is in an experiment folder",
        epilog="example: cyclebench report results/seasons-quick-0123456789",
    )
    command.set_defaults(command=_report)
    command.add_argument("experiment", type=Path, help="a folder that `compare` made")


def _report(options: argparse.Namespace) -> int:
    from harness.metrics.evaluate import evaluate
    from harness.report import write_report

    with Display(Console(stderr=True)) as display:
        evaluate(options.experiment, display.stage)
    print(f"Report: {write_report(options.experiment)}")
    return 0


# --------------------------------------------------------------------------------- datasets


def _add_datasets(commands) -> None:
    command = commands.add_parser(
        "datasets",
        help="list, fetch or audit data sets",
        epilog="example: cyclebench datasets audit --dataset summer2winter --data-dir ~/photos",
    )
    command.set_defaults(command=_datasets)
    command.add_argument("action", choices=("list", "fetch", "audit"))
    _add_data_options(command)


def _datasets(options: argparse.Namespace) -> int:
    from harness.datasets import prepare
    from harness.datasets.listing import catalogue_lines, finding_lines

    if options.action == "list":
        print("\n".join(catalogue_lines(options.data_dir)))
        return 0
    with Display(Console(stderr=True)) as display:
        data = load_experiment(options.dataset, "quick", []).data
        prepared = prepare(
            options.dataset,
            options.data_dir,
            size=data.load_size,
            counts=(data.train, data.test),
            report=display.say,
            progress=display.stage,
        )
    print(f"{prepared.manifest.name}: {prepared.located.folder}")
    if options.action == "audit":
        print("\n".join(finding_lines(prepared.audit)))
    return 0


# ----------------------------------------------------------------------------------- parity


def _add_parity(commands) -> None:
    command = commands.add_parser(
        "parity",
        help="check that all backends compute the same",
        epilog="example: cyclebench parity --preset quick --json parity.json",
    )
    command.set_defaults(command=_parity)
    command.add_argument("--preset", type=_or_none, default="quick", help="whose networks (quick)")
    _add_backends_option(command)
    command.add_argument("--json", type=Path, metavar="FILE", help="write the rows there as well")


def _parity(options: argparse.Namespace) -> int:
    from harness.consistency.parity import check_parity, print_rows, write_rows

    check_backends(list(options.backends))
    if len(options.backends) < 2:
        raise UserError("parity: needs two backends at least, such as --backends torch,tf")
    rows = check_parity(options.preset or "quick", options.backends)
    print_rows(rows, Console())
    if options.json:
        write_rows(rows, options.json)
    return 0 if all(row.passed for row in rows) else 1


# ------------------------------------------------------------------------------ consistency


def _add_consistency(commands) -> None:
    command = commands.add_parser(
        "consistency",
        help="divergence against noise, cost of framework defaults, calibration of the verdict",
        epilog="example: cyclebench consistency --dataset summer2winter --data-dir ~/photos",
    )
    command.set_defaults(command=_consistency)
    _add_data_options(command)
    _add_backends_option(command)
    _add_results_option(command)
    _add_set_option(command)
    command.add_argument(
        "--steps", type=int, default=200, help="steps followed one by one (default: 200)"
    )
    command.add_argument(
        "--seeds", type=int, default=5, metavar="K", help="runs of each backend (default: 5)"
    )
    command.add_argument(
        "--pairs", type=int, default=20, help="pairs of runs in the calibration (default: 20)"
    )


def _consistency(options: argparse.Namespace) -> int:
    from harness.consistency.study import Options, study

    asked = Options(
        dataset=options.dataset,
        backends=options.backends,
        data_dir=options.data_dir,
        results=options.results,
        overrides=_overrides(options),
        steps=options.steps,
        seeds=options.seeds,
        pairs=options.pairs,
    )
    with Display(Console(stderr=True)) as display:
        page = study(asked, display)
    print(f"Report: {page}")
    return 0


# ------------------------------------------------------------------------------------ shared


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cyclebench",
        description="Do a PyTorch CycleGAN and a TensorFlow CycleGAN learn the same, equally fast?",
        epilog="example: cyclebench compare --dataset seasons",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (_add_compare, _add_report, _add_datasets, _add_parity, _add_consistency):
        add(commands)
    return parser


def _add_data_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--dataset",
        default="seasons",
        help="name or folder with trainA trainB testA testB (default: seasons, built in)",
    )
    command.add_argument("--data-dir", type=_path_or_none, help="folder that holds data sets")


def _add_backends_option(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--backends", type=_names, default=backends.available(), help="as torch,tf (default: all)"
    )


def _add_results_option(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--results", type=_results, default=Path("results"), help="where records go (results)"
    )


def _add_set_option(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--set",
        action="append",
        default=[],
        dest="overrides",
        metavar="KEY=VALUE",
        help="override a preset, as model.blocks=3; repeatable, several may share one option",
    )


def _overrides(options: argparse.Namespace) -> tuple[str, ...]:
    return tuple(each for text in options.overrides for each in _settings(text))


def _or_none(text: str) -> str | None:
    """The Makefile passes empty variables on."""
    return text or None


def _path_or_none(text: str) -> Path | None:
    return Path(text).expanduser() if text else None


def _results(text: str) -> Path:
    return Path(text or "results").expanduser()


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip()) or backends.available()


def _settings(text: str) -> list[str]:
    """`a.b=1 c.d=[2, 3]` holds two: a new one starts where a key and `=` follow a space."""
    return [each for each in re.split(r"\s+(?=[\w.]+=)", text.strip()) if each]


def _seeds(text: str) -> tuple[int, ...]:
    try:
        seeds = tuple(int(part) for part in (text or "0").split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: write whole numbers as 0,1,2") from None
    if len(set(seeds)) != len(seeds) or min(seeds) < 0:
        raise argparse.ArgumentTypeError(f"{text!r}: each seed once, none below 0")
    return seeds


def _fail(status: int, message: str) -> int:
    line = " ".join(message.split())
    print(f"cyclebench: {line}", file=sys.stderr)
    return status


def _write_traceback(folder: Path) -> str:
    """Where the traceback of the current exception went."""
    log = folder / "cyclebench.log"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            traceback.print_exc(file=file)
    except OSError as error:
        return f"no log ({log}: {error.strerror})"
    return str(log)


if __name__ == "__main__":
    sys.exit(main())
