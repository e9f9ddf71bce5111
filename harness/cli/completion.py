"""`cyclebench completion`: a script by which a shell completes commands, options and values."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from harness.cli import options as shared

SHELLS = ("bash", "zsh")
FOLDERS = ("data_dir", "results", "run", "experiment", "check")
FILES = ("file", "to", "tracked")
# Arguments whose values may also be folders or files: what completes these in bash and in zsh.
PATHS = {"dataset": ("compgen -d", "_files -/"), "study": ("compgen -f", "_files")}


def add_completion(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "completion",
        help="print what makes a shell complete commands, options, presets and data sets",
        epilog="example: cyclebench completion bash > ~/.cyclebench-completion; then, in ~/.bashrc:"
        " source ~/.cyclebench-completion. For zsh: a file _cyclebench in a folder of its fpath.",
    )
    command.set_defaults(command=run_completion)
    command.add_argument("shell", choices=SHELLS)


def run_completion(options: argparse.Namespace) -> int:
    import shtab

    from harness.cli import make_parser

    parser, values = make_parser(), _values()
    # What completes an option or argument, by its name: `shtab` reads it from the action.
    completions = {
        **dict.fromkeys(FOLDERS, shtab.DIRECTORY),
        **dict.fromkeys(FILES, shtab.FILE),
        **{name: dict.fromkeys(SHELLS, f"_cyclebench_{name}") for name in values},
    }
    for action in _actions(parser):
        if action.dest in completions:
            action.complete = completions[action.dest]  # type: ignore[attr-defined]
    # A function of the shell for each argument with known values; one name in both shells.
    functions = []
    for name, words in values.items():
        of_bash, of_zsh = PATHS.get(name, ("", ""))
        if options.shell == "bash":
            body = f'compgen -W "{" ".join(words)}" -- "$1"'
            body += f'; {of_bash} -- "$1"' if of_bash else ""
        else:
            body = f"compadd -- {' '.join(words)}" + (f"; {of_zsh}" if of_zsh else "")
        functions.append(f"_cyclebench_{name}() {{ {body}; }}")
    print(shtab.complete(parser, options.shell, preamble="\n".join(functions)))
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Of every subcommand; one action may be met twice."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for subparser in action.choices.values():
                yield from _actions(subparser)
        else:
            yield action


def _values() -> dict[str, list[str]]:
    """The values that an option or argument can have, by its name."""
    import backends
    from harness.config.presets import preset_names
    from harness.data.catalogue import CATALOGUE
    from harness.studies.grid.file import shipped

    names = backends.available()
    return {
        "preset": preset_names(),
        "dataset": [name for entry in CATALOGUE for name in (entry.name, *entry.aliases)],
        "study": list(shipped()),
        "backends": [*names, ",".join(backends.USUAL)],
        "aa": list(names),
        "device": ["cpu", "cuda"],
        "axes": ["size", "batch", "filters", "blocks", "depth"],
    }
