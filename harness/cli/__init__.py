"""The command line: one subcommand a page. `cyclebench COMMAND --help` shows an example."""

from __future__ import annotations

import argparse
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from harness.cli import (
    checks,
    completion,
    data,
    environments,
    history,
    imports,
    models,
    publishing,
    results,
    timing,
    training,
)
from harness.cli import options as shared
from harness.processes.faults import MORE_SPACE, disk_full
from harness.system.errors import UserError, WorkerFailed, as_typed
from harness.system.lock import open_own
from harness.system.start import begin
from harness.system.untrusted import printable

INTERRUPTED = 130
# Each adds the parser of a command, in the order of `cyclebench --help`.
COMMANDS = (
    training.add_compare,
    training.add_train,
    timing.add_estimate,
    timing.add_bench,
    timing.add_scaling,
    training.add_study,
    results.add_report,
    history.add_track,
    results.add_regress,
    results.add_variance,
    results.add_list,
    results.add_verify,
    publishing.add_publish,
    checks.add_doctor,
    models.add_translate,
    models.add_score,
    models.add_export,
    data.add_datasets,
    models.add_models,
    data.add_fetch_weights,
    imports.add_import,
    imports.add_export_authors,
    checks.add_gpu_check,
    checks.add_parity,
    training.add_consistency,
    environments.add_env,
    completion.add_completion,
)


def main(
    arguments: Sequence[str] | None = None, parser: argparse.ArgumentParser | None = None
) -> int:
    """Exit status: 0, 1 (a check failed, or unexpectedly), 2 (bad input), 130 (interrupted).

    `parser`: of another program, which sets `command` as those of this one do.
    """
    if arguments is None:
        begin()
    options = (parser or make_parser()).parse_args(arguments)
    # `kill` and a closing terminal must leave checkpoints, as Ctrl-C does.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        shared.ready(shared.backends_to_run(options), options)
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
        if disk_full(error):
            return _fail(1, f"{error}; {MORE_SPACE}")
        log = _write_traceback(getattr(options, "results", None) or Path())
        summary = f"{type(error).__name__}: {error}".splitlines()[0]
        return _fail(1, f"unexpected failure: {summary}; the traceback is in {log}")


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as all of the program does; subcommands' parsers, too."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """No argument is unknown to a command and known to the program: here it can be said which
        command has too many, and of what."""
        options, left = super().parse_known_args(args, namespace)
        if left:
            of_it = [action for action in self._actions if not action.option_strings]
            last = of_it[-1] if of_it else None
            given = " ".join(left)
            if last is None or given.startswith("-"):
                self.error(f"unrecognized arguments: {given}")
            self.error(f"{given}: too many; there is one {last.metavar or last.dest} ({last.help})")
        return options, left

    def error(self, message: str) -> NoReturn:
        raise SystemExit(_fail(2, f"{message}; see {self.prog} --help"))


def make_parser() -> argparse.ArgumentParser:
    """Of all commands; nothing is imported for it."""
    parser = Parser(
        prog="cyclebench",
        description="Do CycleGANs in different frameworks learn the same, equally fast?",
        epilog="example: cyclebench compare --dataset seasons",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in COMMANDS:
        add(commands)
    return parser


def _fail(status: int, message: str) -> int:
    line = printable(" ".join(as_typed(message).split()))
    print(f"cyclebench: {line}", file=sys.stderr)
    return status


def _write_traceback(folder: Path) -> str:
    """Where the traceback of the current exception went."""
    log = folder / "cyclebench.log"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open_own(log) as file:
            file.write(traceback.format_exc().encode(errors="replace"))
    except OSError as error:
        return f"no log ({log}: {error.strerror})"
    except UserError as error:
        return f"no log ({error})"
    return str(log)
