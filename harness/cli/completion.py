"""`cyclebench completion`: a script by which a shell completes commands, options and values."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

from harness.cli import options as shared

SHELLS = ("bash", "zsh")
Complete = Mapping[str, Any]  # by shell, what completes a value


def add(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "completion",
        help="print what makes a shell complete commands, options, presets and data sets",
        epilog="example: cyclebench completion bash > ~/.cyclebench-completion; then, in ~/.bashrc:"
        " source ~/.cyclebench-completion. For zsh: a file _cyclebench in a folder of its fpath.",
    )
    command.set_defaults(command=run)
    command.add_argument("shell", choices=SHELLS)


def run(options: argparse.Namespace) -> int:
    import shtab

    from harness.cli import make_parser

    parser = make_parser()
    completed = _completed()
    for action in _actions(parser):
        if action.dest in completed:
            action.complete = completed[action.dest]  # type: ignore[attr-defined]
    print(shtab.complete(parser, options.shell, preamble=_functions(options.shell)))
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Of every subcommand; one action may be met twice."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield from _actions(each)
        else:
            yield action


def _completed() -> dict[str, Complete]:
    """What completes an option or argument, by its name."""
    import shtab

    folders = ("data_dir", "results", "run", "experiment", "check")
    files = ("file", "to")
    words = {name: dict.fromkeys(SHELLS, f"_cyclebench_{name}") for name in WORDS}
    return {
        **dict.fromkeys(folders, shtab.DIRECTORY),
        **dict.fromkeys(files, shtab.FILE),
        **words,
    }


# Values by option: which files or folders would do as well, for `compgen` and in zsh.
WORDS = {
    "preset": ("", ""),
    "dataset": ("-d", "_files -/"),
    "study": ("-f", "_files"),
    "backends": ("", ""),
    "aa": ("", ""),
    "device": ("", ""),
    "axes": ("", ""),
}


def _values(name: str) -> list[str]:
    import backends
    from harness.config.presets import preset_names
    from harness.data.catalogue import CATALOGUE
    from harness.studies.grid.file import shipped

    known = backends.available()
    values = {
        "preset": preset_names(),
        "dataset": [name for each in CATALOGUE for name in (each.name, *each.aliases)],
        "study": shipped(),
        "backends": [*known, ",".join(known)],
        "aa": list(known),
        "device": ["cpu", "cuda"],
        "axes": ["size", "batch", "filters", "blocks", "depth"],
    }
    return list(values[name])


def _functions(shell: str) -> str:
    """One for each of WORDS, under one name in both shells."""
    lines = []
    for name, paths in WORDS.items():
        words = " ".join(_values(name))
        if shell == "bash":
            body = f'compgen -W "{words}" -- "$1"'
            more = f'; compgen {paths[0]} -- "$1"' if paths[0] else ""
        else:
            body, more = f"compadd -- {words}", f"; {paths[1]}" if paths[1] else ""
        lines.append(f"_cyclebench_{name}() {{ {body}{more}; }}")
    return "\n".join(lines)
