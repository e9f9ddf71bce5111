"""Options that several commands share, and how their texts become values.

Nothing here or in a command's module imports a library before the command runs: `--help` and shell
completion answer at once.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import backends
from harness.config.presets import DEFAULT, preset_names
from harness.system.errors import UserError
from harness.system.untrusted import expanded, shown

if TYPE_CHECKING:
    from rich.console import Console

    from harness.launch.launch import LaunchRequest
    from harness.studies.study import Result
    from harness.system.progress import Display

MOST_SEEDS = 1000
LAUNCHERS = ("local", "ray", "slurm")
Commands = Any  # argparse does not name the type that `add_subparsers` returns


def text_or_none(text: str) -> str | None:
    """The Makefile passes empty variables on."""
    return text or None


def path(text: str) -> Path:
    try:
        return expanded(text)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def path_or_none(text: str) -> Path | None:
    return path(text) if text else None


def results_folder(text: str) -> Path:
    return path(text or "results")


def seeds_or_none(text: str) -> tuple[int, ...] | None:
    """0,1,2 or 0-2, or both."""
    if not text:
        return None
    try:
        ranges = [[int(end) for end in part.split("-", 1)] for part in text.split(",")]
        counts = [ends[-1] - ends[0] + 1 for ends in ranges]
        if min(counts) < 1 or sum(counts) > MOST_SEEDS:
            raise ValueError
        seeds = tuple(seed for ends in ranges for seed in range(ends[0], ends[-1] + 1))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{shown(text)}: write whole numbers as 0,1,2 or 0-2, at most {MOST_SEEDS}"
        ) from None
    if len(set(seeds)) != len(seeds) or not all(0 <= seed < 2**63 for seed in seeds):
        raise argparse.ArgumentTypeError(f"{shown(text)}: each seed once, from 0 to below 2**63")
    return seeds


def seeds_or_auto(text: str) -> tuple[int, ...] | Literal["auto"]:
    """`auto`, or seeds; the default for an empty variable of the Makefile."""
    return "auto" if text.strip() == "auto" else seeds_or_none(text) or (0,)


def most_seeds(text: str) -> int | None:
    if not text:
        return None
    if not re.fullmatch("[0-9]{1,3}", text) or not 3 <= int(text) <= 100:
        raise argparse.ArgumentTypeError(f"{shown(text)}: give a whole number from 3 to 100")
    return int(text)


def positive_or_none(text: str) -> float | None:
    return positive(text) if text else None


def positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}: give a number above zero")
    return value


def replicas_or_none(text: str) -> int | None:
    """The Makefile passes empty variables on."""
    found = count(text) if text else None
    if found == 1:
        raise argparse.ArgumentTypeError("1: give two devices at least")
    return found


def count(text: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", text) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{shown(text)}: give a whole number above zero")
    return int(text)


def count_or_none(text: str) -> int | None:
    return count(text) if text else None


def seed(text: str) -> int:
    seeds = seeds_or_none(text)
    if seeds is None or len(seeds) != 1:
        raise argparse.ArgumentTypeError(f"{shown(text)}: give one whole number")
    return seeds[0]


def launcher(text: str) -> str:
    name = text.strip() or "local"
    if name not in LAUNCHERS:
        raise argparse.ArgumentTypeError(f"{shown(text)}: one of {', '.join(LAUNCHERS)}")
    return name


def names_or_none(text: str) -> tuple[str, ...] | None:
    return tuple(_name(name.strip()) for name in text.split(",") if name.strip()) or None


def name_or_none(text: str) -> str | None:
    """Of one backend."""
    return _name(text.strip()) if text.strip() else None


def backends_to_run(options: argparse.Namespace) -> tuple[str, ...]:
    """Those that the user has named and that a command will run.

    None for a unit that a launcher has started: what it needs is there since then, and many of them
    begin at once, on nodes that may have no network.
    """
    given = vars(options)
    if given.get("report_only") or given.get("until_input_ends"):
        return ()
    one = given.get("aa") or given.get("backend")
    return (one,) if one else tuple(given.get("backends") or ())


def ready(names: Iterable[str], options: argparse.Namespace) -> None:
    """Make the environments of versions that are not there yet. Raises UserError."""
    names = tuple(names)
    if not any("@" in name for name in names):
        return
    from harness.tools.environments.versions import ready

    def say(line: str) -> None:
        if not getattr(options, "quiet", False):
            print(f"cyclebench: {line}", file=sys.stderr, flush=True)

    ready(names, say)


def _name(text: str) -> str:
    """Of a backend; the Python in one, as `tf@~/env`, by its absolute path."""
    known, _, asked = text.partition("@")
    return f"{known}@{path(asked).absolute()}" if "/" in asked else text


def settings(text: str) -> list[str]:
    """`a.b=1 c.d=[2, 3]` holds two: a new one starts where a key and `=` follow a space."""
    return [setting for setting in re.split(r"\s+(?=[\w.]+=)", text.strip()) if setting]


# Option -> arguments of `add_argument`.
SHARED: Mapping[str, Mapping[str, Any]] = {
    "--dataset": {
        "type": text_or_none,
        "help": "name or folder with trainA trainB testA testB (default: the preset's, or seasons)",
    },
    "--data-dir": {"type": path_or_none, "help": "folder that holds data sets"},
    "--preset": {
        "type": text_or_none,
        "help": f"{', '.join(preset_names())} (default: {DEFAULT})",
    },
    "--seeds": {
        "type": lambda text: seeds_or_none(text) or (0,),
        "default": (0,),
        "help": "as 0 or 0,1,2 (default: 0)",
    },
    "--backends": {
        "type": lambda text: names_or_none(text) or backends.USUAL,
        "default": backends.USUAL,
        "help": f"as torch,tf (default: these; any of {', '.join(backends.available())}, or of a"
        " version, as tf@2.20.0, or of a Python, as tf@/path/to/python)",
    },
    "--device": {"type": text_or_none, "help": "cpu or cuda (default: a GPU if found)"},
    "--results": {
        "type": results_folder,
        "default": Path("results"),
        "help": "where records go (results)",
    },
    # Its value is a list of settings, of all places where the option is given.
    "--set": {
        "action": "extend",
        "type": settings,
        "default": [],
        "dest": "overrides",
        "metavar": "KEY=VALUE",
        "help": "override a preset, as model.blocks=3; repeatable, several may share one option",
    },
    "--json": {
        "action": "store_true",
        "help": "print one JSON document and nothing else (keys: results/README.md)",
    },
}


def add(command: argparse.ArgumentParser, *flags: str) -> None:
    """Add options of SHARED to a command, in this order."""
    for flag in flags:
        command.add_argument(flag, **SHARED[flag])


def add_progress(command: argparse.ArgumentParser) -> None:
    """For every command that says how far it is: see `display`."""
    how_much = command.add_mutually_exclusive_group()
    how_much.add_argument(
        "-q", "--quiet", action="store_true", help="errors and the last line of the result only"
    )
    how_much.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="also what is decided and why, and where logs are",
    )


def add_launcher(command: argparse.ArgumentParser) -> None:
    """Where trainings run: see `launch_request`."""
    group = command.add_argument_group("where trainings run")
    group.add_argument(
        "--launcher",
        type=launcher,
        default="local",
        help="local, ray or slurm (default: local; ray and slurm are extras)",
    )
    group.add_argument(
        "--at-once",
        type=count_or_none,
        metavar="N",
        help="with local: seeds trained at once (default: one a GPU; on CPUs, as many as leave"
        " each backend a core)",
    )
    group.add_argument(
        "--ray-address", type=text_or_none, help="of a Ray cluster (default: one on this machine)"
    )
    group.add_argument("--partition", type=text_or_none, help="of Slurm")
    group.add_argument(
        "--minutes",
        type=count_or_none,
        help="of a job of Slurm, after which it is queued again (default: a day)",
    )
    group.add_argument(
        "--cpus",
        type=count_or_none,
        help="of a job of Slurm (default: 8), or of a task of Ray (default: one a backend)",
    )
    group.add_argument(
        "--leave", action="store_true", help="with slurm: Ctrl-C leaves submitted jobs running"
    )


def launch_request(options: argparse.Namespace) -> LaunchRequest:
    """Raises UserError for options that do not belong together."""
    from harness.launch.launch import LaunchRequest

    given = {"minutes": options.minutes} if options.minutes else {}
    return LaunchRequest(
        launcher=options.launcher,
        at_once=options.at_once,
        ray_address=options.ray_address,
        partition=options.partition,
        cpus=options.cpus,
        leave=options.leave,
        **given,
    )


def display(options: argparse.Namespace) -> Display:
    """Bars and lines on stderr, as much as `add_progress` was asked for."""
    from rich.console import Console

    from harness.system.progress import Display

    return Display(Console(stderr=True), options.quiet, options.verbose)


def table_console(options: argparse.Namespace) -> Console:
    """For tables on stdout, which --quiet leaves out."""
    from harness.system.terminal_tables import screen

    return screen(getattr(options, "quiet", False))


def print_json(document: Mapping[str, Any]) -> None:
    """One document for scripts, the schema version in front. Raises ValueError on NaN, infinity."""
    from harness.system.files import SCHEMA_VERSION

    whole = {"schema_version": SCHEMA_VERSION, **document}
    print(json.dumps(whole, indent=2, allow_nan=False))


def print_more(options: argparse.Namespace, line: str) -> None:
    """A line of a result that is not its last."""
    if not options.quiet:
        print(line)


def print_page(options: argparse.Namespace, page: Path, summary: str) -> int:
    """Where a page is, and the answers that its numbers have; with --json only where these numbers
    are, in the file called `summary`. Returns 0."""
    if options.json:
        folder = page.parent
        paths = {"report": page, "folder": folder, "summary": folder / summary}
        print_json({name: str(path) for name, path in paths.items()})
    else:
        print(f"Report: {page}")
        if summary == "summary.json":
            _print_answers(options, page.parent / summary)
    return 0


def _print_answers(options: argparse.Namespace, summary: Path) -> None:
    from harness.report.terminal import print_lines
    from harness.system.files import read_json

    answers = read_json(summary).get("answers", ()) if summary.is_file() else ()
    lines = [f"{answer['question']} {answer['short']}" for answer in answers]
    print_lines(lines, table_console(options))


def print_result(options: argparse.Namespace, result: Result) -> int:
    """What a study has found, and where it is; returns the exit status."""
    from harness.studies.study import print_result

    if options.json:
        print_json(result.document)
    else:
        print_result(result, table_console(options))
        print_more(options, f"Record: {result.record}")
        print(f"Report: {result.page}")
    return 0 if result.ok else 1
