"""Plans trajectories of one setting, and runs those that are not on disk yet.

A process runs for each backend and runtime, one at a time.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from backends import file_name
from backends.interface import Runtime
from harness.config.experiment import Experiment
from harness.plan.plan import total_steps
from harness.processes.process import FRAMEWORK_SECONDS, Child
from harness.studies.consistency.trajectory import SEED, Against, Trajectory
from harness.system import provenance
from harness.system.errors import UserError
from harness.system.files import write_json

TRAJECTORY = "harness.studies.consistency.trajectory"
SILENCE_SECONDS = FRAMEWORK_SECONDS  # it reports its steps; the first one compiles
REFERENCE = "reference"
ULP_DRAWS = 3  # restarts one unit in the last place (ulp) away
SPLITS = ("trainA", "trainB", "testA", "testB")

# The .npy files of SPLITS for an experiment: uint8 NHWC; train at the loading size, test cropped.
Images = Callable[[Experiment], Mapping[str, str | Path]]
Progress = Callable[[str, int, int], None]  # what, done, total


@dataclass(frozen=True)
class Planned:
    """A trajectory and where it is to run. `process`: what is special about its runtime."""

    backend: str
    process: str
    runtime: Runtime
    trajectory: Trajectory


@dataclass(frozen=True)
class TrajectorySetting:
    """`folder` is for trajectories only; all that decides their numbers is in its name's digest."""

    folder: Path
    experiment: Experiment
    images: Images
    steps: int
    device: str
    threads: int

    def planned(
        self,
        backend: str,
        name: str,
        *,
        experiment: Experiment | None = None,
        base: Experiment | None = None,
        process: str = "default",
        runtime: Runtime | None = None,
        plan_seed: int = SEED,
        ulp_draw: int | None = None,
        reference: bool = False,
        against: tuple[tuple[str, str], ...] = (),
    ) -> Planned:
        """Trajectory `name` of `backend`; `against`: (backend, name) of those before it.

        `experiment` and `base` (see trajectory.Trajectory) are the study's unless given, `runtime`
        is the experiment's. `reference`: others are compared with it. Raises UserError if the
        experiment's plan is shorter than the study's steps.
        """
        experiment = experiment or self.experiment
        trajectory = Trajectory(
            name=name,
            experiment=experiment.model_dump(),
            base=(base or self.experiment).model_dump(),
            images=self._image_files(experiment),
            steps=self.steps,
            plan_seed=plan_seed,
            ulp_draw=ulp_draw,
            moved=str(self.moved_table(backend, name)) if reference else None,
            rows=str(self._rows(backend, name)),
            keep=reference,
            against=tuple(
                Against(str(self._rows(*other)), str(self.table(backend, name, other)))
                for other in against
            ),
        )
        return Planned(backend, process, runtime or self.runtime_of(experiment), trajectory)

    def runtime_of(self, experiment: Experiment) -> Runtime:
        options = experiment.runtime.model_dump()
        return Runtime(device=self.device, threads=self.threads, **options)  # type: ignore[arg-type]

    def table(self, backend: str, name: str, against: tuple[str, str]) -> Path:
        """CSV of the distances of one trajectory from another, in the size of that other."""
        other = f"{file_name(against[0])}-{against[1]}"
        return self.folder / file_name(backend) / f"{name}-against-{other}.csv"

    def moved_table(self, backend: str, name: str) -> Path:
        """CSV of the distances of a trajectory from its own start, in its own size."""
        return self.folder / file_name(backend) / f"{name}-moved.csv"

    def _rows(self, backend: str, name: str) -> Path:
        return self.folder / "work" / f"{file_name(backend)}-{name}.safetensors"

    def _image_files(self, experiment: Experiment) -> dict[str, str]:
        files = {split: str(Path(self.images(experiment)[split]).resolve()) for split in SPLITS}
        counts = (
            len(np.load(files[split], mmap_mode="r", allow_pickle=False))
            for split in ("trainA", "trainB")
        )
        steps = total_steps(experiment, *counts)
        if steps < self.steps:
            raise UserError(
                f"steps: {self.steps} asked for, but this training has only {steps}; "
                "ask for fewer or raise training.steps_per_epoch"
            )
        return files


def setting(
    folder: Path,
    experiment: Experiment,
    images: Images,
    steps: int,
    *,
    backends: Sequence[str] = (),
    device: str = "cpu",
    threads: int | None = None,
) -> TrajectorySetting:
    """`folder`: the study's; trajectories go into a folder in it, named by all that decides them.

    `backends`: that follow them. `threads`: None takes those that this process may use. Raises
    UserError for less than two steps.
    """
    if steps < 2:
        raise UserError(f"steps: {steps} is too few for a trajectory; at least 2")
    threads = threads or provenance.default_threads()
    deciding = (
        provenance.source_digest(),
        provenance.in_one_line(provenance.deciding_packages(backends)),
        hashlib.sha256(Path(__file__).with_name("trajectory.py").read_bytes()).hexdigest(),
        json.dumps([steps, SEED, device, threads]),
        # Decoded images are kept under names made of their contents.
        *(Path(images(experiment)[split]).name for split in SPLITS),
    )
    own = folder / f"trajectories-{experiment.digest(*deciding)}"
    return TrajectorySetting(own.resolve(), experiment, images, steps, device, threads)


def reference_and_ulps(
    setting: TrajectorySetting,
    backend: str,
    *,
    prefix: str = "",
    experiment: Experiment | None = None,
    draws: int = ULP_DRAWS,
    first: str | None = None,
) -> list[Planned]:
    """The reference and its restarts one ulp away, of one backend.

    `first`: another backend, to whose reference and restarts these are compared as well.
    """
    reference = prefix + REFERENCE

    def others(name: str) -> tuple[tuple[str, str], ...]:
        return () if first is None else ((first, name),)

    plan = partial(setting.planned, backend, experiment=experiment, base=experiment)
    planned = [plan(reference, reference=True, against=others(reference))]
    for draw in range(draws):
        name = prefix + ulp_name(draw)
        planned.append(plan(name, ulp_draw=draw, against=((backend, reference), *others(name))))
    return planned


def ulp_name(draw: int) -> str:
    return f"ulp-{draw}"


def pending(planned: Sequence[Planned]) -> list[Planned]:
    """What has to run for every table to be there, in the order given.

    A trajectory comes after those that it is compared with. One whose tables are all there runs
    again only if its rows are gone and another, still to run, is compared with them.
    """
    todo: list[Planned] = []
    wanted: set[str] = set()
    for one in reversed(planned):
        trajectory = one.trajectory
        against = tuple(a for a in trajectory.against if not Path(a.table).exists())
        moved = trajectory.moved
        if moved and Path(moved).exists():
            moved = None
        rows = trajectory.rows in wanted and not Path(trajectory.rows).exists()
        if against or moved or rows:
            keep = trajectory.keep or rows
            trajectory = replace(trajectory, against=against, moved=moved, keep=keep)
            todo.append(replace(one, trajectory=trajectory))
            wanted |= {a.rows for a in against}
    return todo[::-1]


def run(planned: Sequence[Planned], folder: Path, progress: Progress) -> None:
    """Run what is pending. Tables, logs and environments go below `folder`.

    Raises WorkerFailed if a process dies; what was finished before stays.
    """
    todo = pending(planned)
    total, done = sum(one.trajectory.steps for one in todo), 0
    for backend, process in dict.fromkeys((one.backend, one.process) for one in todo):
        of_process = [one for one in todo if (one.backend, one.process) == (backend, process)]
        log = folder / file_name(backend) / f"log-{process}.txt"
        first = {"backend": backend, "runtime": asdict(of_process[0].runtime)}
        child = Child(TRAJECTORY, f"{backend}, {process}", log, first, SILENCE_SECONDS, backend)
        # Ended at once, also on Ctrl-C: no process may be left behind.
        with closing(child):
            for trajectory in (one.trajectory for one in of_process):
                for event in child.events(trajectory=asdict(trajectory)):
                    if "environment" in event:
                        file = environment_file(folder, backend, process)
                        write_json(file, event["environment"])
                    if "step" in event:
                        progress(f"{backend}: {trajectory.name}", done + event["step"], total)
                done += trajectory.steps


def environment_file(folder: Path, backend: str, process: str) -> Path:
    return folder / file_name(backend) / f"environment-{process}.json"


def clean(folder: Path) -> None:
    """Delete the rows of references, up to 100 MB each: no more trajectories are to come."""
    for work in folder.glob("trajectories-*/work"):
        shutil.rmtree(work, ignore_errors=True)
