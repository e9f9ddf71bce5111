"""What all trajectories of a study have in common, and the names of their files."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from backends.interface import Runtime
from harness.config.experiment import Experiment
from harness.plan.plan import total_steps
from harness.studies.consistency.steps.launch import Planned
from harness.studies.consistency.steps.trajectory import Against, Trajectory
from harness.system import provenance
from harness.system.errors import UserError

REFERENCE = "reference"
ULP_DRAWS = 3
SPLITS = ("trainA", "trainB", "testA", "testB")

# The .npy files of SPLITS for an experiment: uint8 NHWC; train at the loading size, test cropped.
Images = Callable[[Experiment], Mapping[str, Path]]


@dataclass(frozen=True)
class TrajectorySetting:
    """`folder` is for trajectories only; all that decides their numbers is in its name's digest.

    `draws`: restarts one ulp away.
    """

    folder: Path
    experiment: Experiment
    images: Images
    steps: int
    runtime: Runtime
    draws: int = ULP_DRAWS
    seed: int = 0

    def planned(
        self,
        backend: str,
        name: str,
        *,
        experiment: Experiment | None = None,
        base: Experiment | None = None,
        process: str = "default",
        runtime: Runtime | None = None,
        plan_seed: int | None = None,
        ulp_draw: int | None = None,
        moved: bool = False,
        keep: bool = False,
        against: tuple[tuple[str, str], ...] = (),
    ) -> Planned:
        """Trajectory `name` of `backend`; `against`: (backend, name) of those before it.

        `experiment` and `base` (see trajectory.Trajectory) are the study's unless given, `runtime`
        is the experiment's. Raises UserError if the experiment's plan is shorter than the study's
        steps.
        """
        experiment = experiment or self.experiment
        trajectory = Trajectory(
            name=name,
            experiment=experiment.model_dump(),
            base=(base or self.experiment).model_dump(),
            images=self._image_files(experiment),
            steps=self.steps,
            seed=self.seed,
            plan_seed=self.seed if plan_seed is None else plan_seed,
            ulp_draw=ulp_draw,
            moved=str(self.moved_table(backend, name)) if moved else None,
            rows=str(self._rows(backend, name)),
            keep=keep,
            against=tuple(
                Against(str(self._rows(*other)), str(self.table(backend, name, other)))
                for other in against
            ),
        )
        return Planned(backend, process, runtime or self.runtime_of(experiment), trajectory)

    def runtime_of(self, experiment: Experiment) -> Runtime:
        return make_runtime(experiment, self.runtime.device, self.runtime.threads)

    def table(self, backend: str, name: str, against: tuple[str, str]) -> Path:
        """CSV of the distances of one trajectory from another, in the size of that other."""
        return self.folder / backend / f"{name}-against-{'-'.join(against)}.csv"

    def moved_table(self, backend: str, name: str) -> Path:
        """CSV of the distances of a trajectory from its own start, in its own size."""
        return self.folder / backend / f"{name}-moved.csv"

    def _rows(self, backend: str, name: str) -> Path:
        return self.folder / "work" / f"{backend}-{name}.safetensors"

    def _image_files(self, experiment: Experiment) -> dict[str, str]:
        files = {split: str(Path(self.images(experiment)[split]).resolve()) for split in SPLITS}
        counts = (_count(files[split]) for split in ("trainA", "trainB"))
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
    draws: int = ULP_DRAWS,
    device: str = "cpu",
    threads: int | None = None,
    seed: int = 0,
) -> TrajectorySetting:
    """`folder`: the study's; trajectories go into a folder in it, named by all that decides them.

    `threads`: None takes those that this process may use. Raises UserError for less than two steps
    or no draw.
    """
    if steps < 2:
        raise UserError(f"steps: {steps} is too few for a trajectory; at least 2")
    if draws < 1:
        raise UserError(f"draws: {draws} is too few; at least 1")
    threads = threads or provenance.default_threads()
    runtime = make_runtime(experiment, device, threads)
    here = Path(__file__).parent
    code = [(here / f"{name}.py").read_bytes() for name in ("trajectory", "distance")]
    deciding = (
        provenance.source_digest(),
        provenance.in_one_line(provenance.deciding_packages()),
        hashlib.sha256(b"\0".join(code)).hexdigest(),
        json.dumps([steps, seed, device, threads]),
        # Decoded images are kept under names made of their contents.
        *(Path(images(experiment)[split]).name for split in SPLITS),
    )
    own = folder / f"trajectories-{experiment.digest(*deciding)}"
    return TrajectorySetting(own.resolve(), experiment, images, steps, runtime, draws, seed)


def make_runtime(experiment: Experiment, device: str, threads: int) -> Runtime:
    return Runtime(device=device, threads=threads, **experiment.runtime.model_dump())  # type: ignore[arg-type]


def reference_and_ulps(
    setting: TrajectorySetting,
    backend: str,
    *,
    prefix: str = "",
    experiment: Experiment | None = None,
    draws: int | None = None,
    first: str | None = None,
) -> list[Planned]:
    """The reference and its restarts one ulp away, of one backend.

    `draws`: the study's unless given. `first`: another backend, to whose reference and restarts
    these are compared as well.
    """
    reference = prefix + REFERENCE

    def others(name: str) -> tuple[tuple[str, str], ...]:
        return () if first is None else ((first, name),)

    plan = partial(setting.planned, backend, experiment=experiment, base=experiment)
    planned = [plan(reference, moved=True, keep=True, against=others(reference))]
    for draw in range(setting.draws if draws is None else draws):
        name = prefix + ulp_name(draw)
        planned.append(plan(name, ulp_draw=draw, against=((backend, reference), *others(name))))
    return planned


def ulp_name(draw: int) -> str:
    return f"ulp-{draw}"


def clean(folder: Path) -> None:
    """Delete the rows of references, up to 100 MB each: no more trajectories are to come."""
    for work in folder.glob("trajectories-*/work"):
        shutil.rmtree(work, ignore_errors=True)


def _count(file: str) -> int:
    return len(np.load(file, mmap_mode="r", allow_pickle=False))
