"""Units as jobs of Slurm, through submitit (extra `slurm`).

Units of one experiment that ask for the same are one array, whose jobs are queued, run and
preempted each by itself. A job starts the unit's command and waits for it. Shortly before its time
is up, or when it is preempted, submitit's signal comes: the unit leaves checkpoints, and the job is
queued again.
Submitit keeps its own files, in its own format, in `units/jobs` of the experiment folder.
With CYCLEBENCH_SLURM=local it starts processes of this machine in place of jobs, to try it out.
"""

from __future__ import annotations

import importlib
import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from harness.launch.local import UnitProcess
from harness.launch.queue import Handle
from harness.launch.unit import Unit
from harness.records.units import UnitStatus
from harness.system.errors import UserError
from harness.system.interpreters import ROOT
from harness.system.untrusted import shown
from harness.training.worker_process import STOP_SECONDS

CLUSTER = "CYCLEBENCH_SLURM"
MOST_TIMEOUTS = 1000  # a job that is queued again has lost nothing
LEAST_MINUTES = 5  # of which a job works until its signal comes, STOP_SECONDS before the end


def _submitit() -> Any:
    try:
        return importlib.import_module("submitit")
    except ImportError:
        raise UserError(
            "launcher slurm: submitit is not installed; run: python -m pip install submitit"
        ) from None


class UnitJob:
    """What submitit calls on a node: with a unit, and with the same unit when its time is up."""

    def __init__(self) -> None:
        self._process: UnitProcess | None = None

    def __call__(self, unit: Unit) -> None:
        self._process = UnitProcess(unit, {})
        while not self._process.ended():
            self._process.pause()

    def checkpoint(self, unit: Unit) -> Any:
        if self._process is not None:
            self._process.cancel()
            self._process.wait()
        return _submitit().helpers.DelayedSubmission(UnitJob(), unit)


@dataclass(frozen=True)
class SlurmSettings:
    """Of a job. `minutes`: after which it is queued again; `gpus`: 0 on the CPU."""

    partition: str | None = None
    minutes: float = 24 * 60
    cpus: int = 8
    gpus: int = 0


class _SlurmJob:
    def __init__(self, job: Any):
        self._job = job

    def ended(self) -> bool:
        return self._job.done()

    def cancel(self) -> None:
        self._job.cancel(check=False)

    def wait(self) -> None:
        with suppress(Exception):  # of a cancelled job submitit has no result
            self._job.wait()


class Slurm:
    """`left`: units go on when the driver is interrupted. Raises UserError."""

    name = "slurm"

    def __init__(self, settings: SlurmSettings, left: bool):
        self._submitit, self.settings, self.left = _submitit(), settings, left
        self.cluster = os.environ.get(CLUSTER, "slurm")
        if self.cluster not in ("slurm", "local"):
            raise UserError(f"{CLUSTER}={shown(self.cluster)}: slurm or local")
        if self.cluster == "slurm" and shutil.which("sbatch") is None:
            raise UserError(
                "launcher slurm: there is no sbatch here; run on a node that submits jobs, or take"
                " --launcher local or ray"
            )

    def room(self) -> int:
        return sys.maxsize  # Slurm queues

    def submit(self, units: Sequence[Unit]) -> Iterator[tuple[Unit, Handle]]:
        for _, alike in groupby(units, lambda unit: (unit.folder, unit.timed)):
            yield from self._array(list(alike))

    def _array(self, units: Sequence[Unit]) -> Iterator[tuple[Unit, Handle]]:
        executor = self._executor(units)
        # Before the jobs are there, which write from then on.
        for unit in units:
            unit.queued(self.name)
        try:
            jobs = executor.map_array(UnitJob(), units)
        except Exception as error:
            named, why = ", ".join(unit.label for unit in units), " ".join(str(error).split())
            raise UserError(f"launcher slurm: not accepted: {named[:100]} ({why[:300]})") from None
        for unit, job in zip(units, jobs, strict=True):
            status = unit.files.read()
            if status is not None and status.state == "queued":
                unit.queued(self.name, job.job_id)
            yield unit, _SlurmJob(job)

    def find(self, unit: Unit, status: UnitStatus) -> Handle | None:
        if status.launcher != self.name or status.job is None:
            return None
        kind = getattr(self._submitit, f"{self.cluster.capitalize()}Job")
        job = kind(_jobs_folder(unit), status.job)
        return None if job.done() else _SlurmJob(job)

    def leave(self) -> bool:
        return self.left

    def _executor(self, units: Sequence[Unit]) -> Any:
        often = {f"{self.cluster}_max_num_timeout": MOST_TIMEOUTS}
        folder = _jobs_folder(units[0])
        executor = self._submitit.AutoExecutor(folder, cluster=self.cluster, **often)
        settings = self.settings
        executor.update_parameters(
            name=units[0].folder.name,
            slurm_array_parallelism=len(units),
            timeout_min=settings.minutes,
            cpus_per_task=settings.cpus,
            gpus_per_node=settings.gpus,
            slurm_partition=settings.partition,
            slurm_signal_delay_s=int(STOP_SECONDS),
            # Python 3.10 would look for modules in the folder that the job was submitted from.
            slurm_setup=[f"cd {shlex.quote(str(ROOT))}"],
            slurm_exclusive=True if units[0].timed else None,
        )
        return executor


def _jobs_folder(unit: Unit) -> Path:
    return unit.folder / "units" / "jobs"
