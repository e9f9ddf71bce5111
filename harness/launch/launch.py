"""Train seeds: one after another in this process, or as units that a launcher starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from harness.config.experiment import AnyExperiment
from harness.data import Images
from harness.data.layout import is_path
from harness.launch.local import Local
from harness.launch.queue import Launcher, train_units
from harness.launch.ray_cluster import RayCluster
from harness.launch.slurm import LEAST_MINUTES, Slurm, SlurmSettings
from harness.launch.unit import Unit
from harness.records.run import RunRecord, run_name
from harness.system import provenance
from harness.system.errors import UserError, WorkerFailed
from harness.system.gpu import visible_gpus
from harness.system.machine import Machine, device_memory
from harness.system.progress import Display
from harness.training.jobs import (
    Afterwards,
    ComparisonRequest,
    PreparedExperiment,
    Sharing,
    beside,
    timed_seeds,
    train,
)
from harness.training.pace import Estimate
from harness.training.run_environment import check_packages, check_same
from harness.training.turns import finished
from harness.training.worker_process import STOP_SECONDS

LauncherName = Literal["local", "ray", "slurm"]
PROCESS_MEMORY = 1.5 * 2**30  # bytes that a worker takes on a CPU, at the sizes of the presets


@dataclass(frozen=True)
class LaunchRequest:
    """Where trainings run. None: decided by what is there.

    `at_once`: units on one machine. `ray_address`: of a cluster. `partition`, `minutes`, `cpus`: of
    jobs; `cpus` also of a task of Ray. `leave`: jobs of Slurm go on when this process is
    interrupted.
    """

    launcher: LauncherName = "local"
    at_once: int | None = None
    ray_address: str | None = None
    partition: str | None = None
    minutes: float = SlurmSettings.minutes
    cpus: int | None = None
    leave: bool = False

    def __post_init__(self) -> None:
        """Raises UserError for options that this launcher does not take."""
        if self.leave and self.launcher != "slurm":
            raise UserError(
                f"--leave: units of launcher {self.launcher} end with this process; only jobs of"
                " Slurm can be left running"
            )
        if self.ray_address is not None and self.launcher != "ray":
            raise UserError("--ray-address: it needs --launcher ray")
        if self.partition is not None and self.launcher != "slurm":
            raise UserError("--partition: it needs --launcher slurm")
        if self.minutes < LEAST_MINUTES:
            raise UserError(
                f"--minutes {self.minutes:g}: a job is told to stop {STOP_SECONDS / 60:g} minutes"
                f" before its time is up; give at least {LEAST_MINUTES}"
            )
        if self.at_once is not None and self.launcher != "local":
            raise UserError(f"--at-once: with --launcher {self.launcher} the scheduler decides")


HERE = LaunchRequest()


@dataclass(frozen=True)
class Part:
    """One setting of what is to be trained, after `begin`.

    `dataset`: as the user named it. `label`: of a cell of a study. `course`: see `Unit`; of the
    first seed.
    """

    bench: PreparedExperiment
    seeds: tuple[int, ...]
    dataset: str
    label: str = ""
    course: bool = False


def at_once(
    launch: LaunchRequest,
    machine: Machine,
    request: ComparisonRequest,
    seeds: int,
    replicas: int = 1,
) -> int:
    """How many of `seeds` units this machine trains at the same time.

    On GPUs as many as there are for `replicas` each; on CPUs as many as leave every backend a core,
    and memory.
    """
    if launch.at_once is not None:
        return min(launch.at_once, seeds)
    if machine.device == "cuda":
        return max(1, min(seeds, len(_places(machine, replicas))))
    count = len(request.backends)
    # Of all memory, not of what is free today: threads decide how a CPU adds up.
    memory = int((device_memory("cpu") or 0) / (count * PROCESS_MEMORY))
    return max(1, min(seeds, machine.threads // count, memory))


def train_seeds(
    bench: PreparedExperiment,
    images: Mapping[str, Images],
    request: ComparisonRequest,
    machine: Machine,
    display: Display,
    launch: LaunchRequest,
    *,
    all_seeds: Sequence[int] | None = None,
    with_pace: Estimate | None = None,
    course: int | None = None,
    afterwards: Afterwards = lambda paces: {},
) -> list[WorkerFailed]:
    """Train what is not complete yet, as `harness.training.jobs.train` does.

    `all_seeds`: that are or were asked for, the first of which are timed; None: the request's.
    """
    timed = timed_seeds(bench.experiment, all_seeds or request.seeds)
    replicas = bench.experiment.runtime.replicas
    several = at_once(launch, machine, request, len(request.seeds), replicas)
    if launch.launcher == "local" and several == 1:
        return train(
            bench,
            images,
            request,
            machine,
            display,
            with_pace=with_pace,
            course=course,
            afterwards=afterwards,
            sharing=Sharing(timed),
        )
    dataset = request.dataset or bench.experiment.dataset
    part = Part(bench, request.seeds, dataset, course=course is not None)
    return train_parts([part], request, machine, display, launch, timed)


def train_parts(
    parts: Sequence[Part],
    request: ComparisonRequest,
    machine: Machine,
    display: Display,
    launch: LaunchRequest,
    timed: frozenset[int],
    threads: int | None = None,
) -> list[WorkerFailed]:
    """Every setting and seed as a unit, all of them in one queue. `threads`: see `Unit`."""
    restarts = parts[0].bench.experiment.timing.restarts if parts else 0
    launcher, several = _launcher(launch, machine, request, parts, restarts)
    units = [
        Unit(
            folder=part.bench.folder.resolve(),
            seed=seed,
            backends=request.backends,
            dataset=_found_from_anywhere(part.dataset),
            data_dir=request.data_dir,
            device=machine.device,
            threads=threads,
            timed=seed in timed,
            at_once=1 if threads else several,
            course=part.course and seed == part.seeds[0],
            label=", ".join(filter(None, [part.label, f"seed {seed}"])),
        )
        for part in parts
        for seed in part.seeds
    ]
    units = [unit for unit in units if not _complete(unit, machine)]
    display.say(f"Seeds to train: {len(units)}, at most {_at_most(launch, several)} at once")
    failures: list[WorkerFailed] = []
    if isinstance(launcher, Local) and several > 1:
        experiments = {part.bench.folder.resolve(): part.bench.experiment for part in parts}
        alone = [u for u in units if u.timed and _is_before(u, experiments[u.folder], machine)]
        if alone:
            display.say(f"First the timed steps of {len(alone)}, while nothing else runs")
            one_by_one = [replace(unit, timed_part=True) for unit in alone]
            failures = train_units(one_by_one, Local(launcher.places[:1]), display, restarts)
            done = {(u.folder, u.seed) for u in one_by_one if _stopped(u)}
            units = [u for u in units if u not in alone or (u.folder, u.seed) in done]
    return failures + train_units(units, launcher, display, restarts)


def _launcher(
    launch: LaunchRequest,
    machine: Machine,
    request: ComparisonRequest,
    parts: Sequence[Part],
    restarts: int,
) -> tuple[Launcher, int]:
    """And how many units share a machine. Raises UserError."""
    seeds = sum(len(part.seeds) for part in parts)
    replicas = max((part.bench.experiment.runtime.replicas for part in parts), default=1)
    if launch.launcher == "slurm":
        gpus = replicas if machine.device == "cuda" else 0
        settings = SlurmSettings(
            launch.partition, launch.minutes, launch.cpus or SlurmSettings.cpus, gpus
        )
        return Slurm(settings, launch.leave), 1
    if launch.launcher == "ray":
        cpus = launch.cpus or len(request.backends)
        gpus = replicas if machine.device == "cuda" else 0
        cluster = RayCluster(launch.ray_address, cpus, gpus, restarts)
        return cluster, max(1, cluster.node_cpus() // cpus)
    several = at_once(launch, machine, request, seeds, replicas)
    return Local((_places(machine, replicas) * several)[:several]), several


def _places(machine: Machine, replicas: int = 1) -> list[dict[str, str]]:
    """`replicas` GPUs each, of the kind that CUDA lists first: others would be another device's
    results."""
    if machine.device != "cuda":
        return [{}]
    gpus = [gpu.uuid for gpu in visible_gpus() if gpu.name == visible_gpus()[0].name]
    shares = [gpus[i : i + replicas] for i in range(0, len(gpus), replicas)]
    return [{"CUDA_VISIBLE_DEVICES": ",".join(s)} for s in shares if len(s) == replicas] or [{}]


def _at_most(launch: LaunchRequest, several: int) -> str:
    return str(several) if launch.launcher == "local" else f"as many as {launch.launcher} runs"


def _found_from_anywhere(dataset: str) -> str:
    """A name, or a folder's absolute path: units run in another current folder."""
    if is_path(dataset) or Path(dataset).exists():
        return str(Path(dataset).expanduser().absolute())
    return dataset


def _runs(unit: Unit, machine: Machine) -> list[RunRecord]:
    below = unit.folder / "runs" / provenance.slug(machine.device_name)
    return [RunRecord(below / run_name(name, unit.seed)) for name in unit.backends]


def _complete(unit: Unit, machine: Machine) -> bool:
    """On a device like this machine's; what others have trained, they find by themselves.

    Raises UserError for a run that is not what would be trained now.
    """
    done = True
    for name, run in zip(unit.backends, _runs(unit, machine), strict=True):
        check_same(run, name)
        if finished(run):
            check_packages(run)
        else:
            done = False
    return done


def _is_before(unit: Unit, experiment: AnyExperiment, machine: Machine) -> bool:
    """Whether steps are left that are to be timed."""
    share = beside(experiment, machine, len(unit.backends), unit.sharing)
    runs = _runs(unit, machine)
    return share is not None and any(
        not run.begun or run.status["step"] < share.start for run in runs
    )


def _stopped(unit: Unit) -> bool:
    status = unit.files.read()
    return status is not None and status.state in ("interrupted", "complete")
