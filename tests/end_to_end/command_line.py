"""Runs the command line: in a process of its own, or in this one where only the result counts."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from harness.cli import main
from harness.report import figures
from harness.system.progress import Display

PROGRAM = (sys.executable, "-m", "harness.cli")
# Networks that TensorFlow traces a second sooner than the preset's.
SMALL = ("model.blocks=0", "model.discriminator_layers=1")
# Small enough for seconds, long enough to be interrupted between warm-up and end.
SETTINGS = ("training.steps_per_epoch=16", "timing.block_seconds=0.1", "data.test=4", *SMALL)


def command(results: Path, *arguments: str) -> list[str]:
    options = ["compare", "--preset", "smoke", "--results", str(results)]
    return [*PROGRAM, *options, *given(SETTINGS), *arguments]


def given(settings: Iterable[str]) -> list[str]:
    return [part for setting in settings for part in ("--set", setting)]


def study(results: Path, file: Path, *arguments: str) -> list[str]:
    return [*PROGRAM, "study", str(file), "--results", str(results), *arguments]


def run(results: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return called(*command(results, *arguments)[len(PROGRAM) :])


def called(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The command line in this process, which has imported the libraries already.

    Trainings have processes of their own all the same.
    """
    out, error = io.StringIO(), io.StringIO()
    words = [str(argument) for argument in arguments]
    with redirect_stdout(out), redirect_stderr(error):
        status = main(words)
    return subprocess.CompletedProcess(words, status, out.getvalue(), error.getvalue())


@contextmanager
def undrawn() -> Iterator[None]:
    """Figures of pages are made up and not drawn, which takes seconds a page."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", lambda figure, file, **_: file.write(b"drawn"))
        patch.setattr(figures, "_lay_out", lambda figure: None)
        yield


def done(program: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(program, capture_output=True, text=True, env=os.environ, timeout=300)


def started(program: Sequence[str], **pipes: Any) -> subprocess.Popen[Any]:
    """As from a terminal: a shell makes background jobs deaf to Ctrl-C, and children inherit it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(program, **pipes)
    finally:
        signal.signal(signal.SIGINT, before)


def interrupt_when(
    results: Path,
    told: Callable[[str], bool],
    with_signal: signal.Signals = signal.SIGINT,
    program: list[str] | None = None,
) -> tuple[int, str]:
    """Run, send a signal when a line for which `told` holds appears; exit status and stderr."""
    process = started(
        program or command(results), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    lines = []
    assert process.stderr is not None
    for line in process.stderr:
        lines.append(line)
        if told(line):
            process.send_signal(with_signal)
            break
    lines += process.stderr.readlines()
    return process.wait(timeout=120), "".join(lines)


@contextmanager
def interrupted_at(beginning: str) -> Iterator[None]:
    """As from a terminal, when this process says a line that begins so."""
    say = Display.say

    def interrupting(display: Display, line: str) -> None:
        say(display, line)
        if line.startswith(beginning):
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Display, "say", interrupting)
        yield


def experiment_folder(results: Path) -> Path:
    [folder] = [path for path in results.iterdir() if path.is_dir()]
    return folder
