"""Runs trajectories that are not on disk yet: a process per backend and runtime, one at a time."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from backends.interface import Runtime
from harness.processes.process import QUIET
from harness.studies.consistency.steps.trajectory import Task, Trajectory
from harness.system import interpreters
from harness.system.errors import WorkerFailed
from harness.system.files import write_json

Progress = Callable[[str, int, int], None]  # what, done, total


@dataclass(frozen=True)
class Planned:
    """A trajectory and where it is to run. `process`: what is special about its runtime."""

    backend: str
    process: str
    runtime: Runtime
    trajectory: Trajectory


def pending(planned: Sequence[Planned]) -> list[Planned]:
    """What has to run for every table to be there, in the order given.

    A trajectory comes after those that it is compared with. One whose tables are all there runs
    again only if its rows are gone and another, still to run, is compared with them.
    """
    todo: list[Planned] = []
    wanted: set[str] = set()
    for each in reversed(planned):
        trajectory = each.trajectory
        against = tuple(a for a in trajectory.against if not Path(a.table).exists())
        moved = trajectory.moved
        if moved and Path(moved).exists():
            moved = None
        rows = trajectory.rows in wanted and not Path(trajectory.rows).exists()
        if against or moved or rows:
            keep = trajectory.keep or rows
            trajectory = replace(trajectory, against=against, moved=moved, keep=keep)
            todo.append(replace(each, trajectory=trajectory))
            wanted |= {a.rows for a in against}
    return todo[::-1]


def run(planned: Sequence[Planned], folder: Path, progress: Progress) -> None:
    """Run what is pending. Tables, logs and environments go below `folder`.

    Raises WorkerFailed if a process dies; what was finished before stays.
    """
    todo = pending(planned)
    processes = dict.fromkeys((each.backend, each.process) for each in todo)
    total = sum(each.trajectory.steps for each in todo)
    done = 0
    for backend, process in processes:
        own = [each for each in todo if (each.backend, each.process) == (backend, process)]
        trajectories = tuple(each.trajectory for each in own)
        task = Task(backend, process, asdict(own[0].runtime), trajectories)
        # Ended here and now, also on Ctrl-C: the process must not outlive its parent's interest.
        with closing(_events(task, folder / backend)) as events:
            for event in events:
                if "environment" in event:
                    write_json(environment_file(folder, backend, process), event["environment"])
                    continue
                progress(f"{backend}: {event['trajectory']}", done + event["step"], total)
                done += event["steps"] if event["step"] == event["steps"] else 0


def environment_file(folder: Path, backend: str, process: str) -> Path:
    return folder / backend / f"environment-{process}.json"


def _events(task: Task, folder: Path) -> Generator[dict[str, Any], None, None]:
    """Start a process, yield what it says; leaving the generator ends the process."""
    folder.mkdir(parents=True, exist_ok=True)
    log_file = folder / f"log-{task.process}.txt"
    who = f"{task.backend}, {task.process}"
    with log_file.open("a", encoding="utf-8") as log:
        process = subprocess.Popen(
            interpreters.command(task.backend, "harness.studies.consistency.steps.trajectory"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**interpreters.environment(), **QUIET},
            text=True,
            encoding="utf-8",
            # What a terminal or `kill` sends to the group is for the parent to act on.
            start_new_session=True,
        )
    try:
        assert process.stdin is not None and process.stdout is not None
        with suppress(BrokenPipeError):  # died at once: its status says so below
            process.stdin.write(json.dumps(asdict(task)) + "\n")
            process.stdin.close()
        for line in process.stdout:
            event = json.loads(line)
            if "failed" in event:
                raise WorkerFailed(f"{who}: {event['failed']}; see {log_file}")
            yield event
        if process.wait() != 0:
            raise WorkerFailed(f"{who}: ended with status {process.returncode}; see {log_file}")
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
