"""Trainings to be killed, and what they come to undisturbed. KILLS: how many of each kind."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from command_line import command, done
from frameworks import EACH

# Long enough to be killed in the middle of; evaluated, and checkpoints written, all the time.
SETTINGS = (
    "training.steps_per_epoch=40",
    "evaluation.evaluate_every=2",
    "timing.block_seconds=0.1",
    "timing.checkpoint_steps=10",
    "timing.restarts=1000",
    "data.test=4",
)


@dataclass(frozen=True)
class Undisturbed:
    backend: str
    results: Path
    seconds: float

    def program(self, results: Path, *arguments: str) -> list[str]:
        return program(self.backend, results, *arguments)


def program(backend: str, results: Path, *arguments: str) -> list[str]:
    settings = [part for setting in SETTINGS for part in ("--set", setting)]
    return command(results, "--backends", backend, *settings, *arguments)


@pytest.fixture(scope="session", params=EACH)
def undisturbed(request, tmp_path_factory) -> Undisturbed:
    results = tmp_path_factory.mktemp(f"undisturbed-{request.param}")
    began = time.monotonic()
    finished = done(program(request.param, results))
    assert finished.returncode == 0, finished.stderr
    return Undisturbed(request.param, results, time.monotonic() - began)


@pytest.fixture(scope="session")
def note(notes: dict[str, str]) -> Callable[[str], None]:
    """A line of what is shown at the end."""
    notes.setdefault("Survived", "")

    def add(line: str) -> None:
        notes["Survived"] += f"{line}\n"

    return add


@pytest.fixture(scope="session")
def kills() -> int:
    return int(os.environ.get("KILLS", "25"))
