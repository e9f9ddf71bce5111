"""Runs trajectories that are not on disk yet: a process per backend and runtime, one at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from backends.interface import Runtime
from harness.processes.process import FRAMEWORK_SECONDS, Child
from harness.studies.consistency.steps.trajectory import Trajectory
from harness.system.files import write_json

TRAJECTORY = "harness.studies.consistency.steps.trajectory"
SILENCE_SECONDS = FRAMEWORK_SECONDS  # it tells of its steps; the first one compiles

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
    total, done = sum(one.trajectory.steps for one in todo), 0
    for backend, process in dict.fromkeys((one.backend, one.process) for one in todo):
        here = [one for one in todo if (one.backend, one.process) == (backend, process)]
        log = folder / backend / f"log-{process}.txt"
        first = {"backend": backend, "runtime": asdict(here[0].runtime)}
        child = Child(TRAJECTORY, f"{backend}, {process}", log, first, SILENCE_SECONDS, backend)
        # Ended here and now, also on Ctrl-C: the process must not outlive its parent's interest.
        with closing(child):
            for trajectory in (one.trajectory for one in here):
                for event in child.events(trajectory=asdict(trajectory)):
                    if "environment" in event:
                        file = environment_file(folder, backend, process)
                        write_json(file, event["environment"])
                    if "step" in event:
                        progress(f"{backend}: {trajectory.name}", done + event["step"], total)
                done += trajectory.steps


def environment_file(folder: Path, backend: str, process: str) -> Path:
    return folder / backend / f"environment-{process}.json"
