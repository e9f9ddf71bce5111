"""The parent's end of a training process: one backend, one seed. Its other end is worker.py."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.processes.process import Child
from harness.training.job import Job

STOP_SECONDS = 120.0  # for the step at hand and a checkpoint, before a worker is killed


class Worker(Child):
    """See Child for what is raised."""

    limit = " (timing.patience_seconds)"

    def __init__(self, job: Job):
        name, log = f"{job.backend}, seed {job.seed}", Path(job.folder) / "log.txt"
        patience = job.experiment["timing"]["patience_seconds"]
        super().__init__("harness.training.worker", name, log, asdict(job), patience, job.backend)
        self.job = job
        self.step: int = self.begin["step"]
        self.steps: int = self.begin["steps"]
        self.evaluations_left: list[int] = self.begin["evaluations"]  # steps, ascending

    @property
    def turns_until(self) -> int:
        """The step to which this process takes turns with the others of its seed."""
        beside = self.job.beside
        if beside is None or (beside.turns and self.begin["step"] >= beside.start):
            return self.steps
        return min(beside.start, self.steps)

    def request(self, **command: Any) -> dict[str, Any]:
        event = super().request(**command)
        self.step = event["step"]
        return event

    def train(self, until: int) -> dict[str, Any]:
        return self.request(train=until)

    def next_stop(self, until: int) -> int:
        """`until`, or the step before it after which test images are to be translated."""
        return next((step for step in self.evaluations_left if self.step < step < until), until)

    def evaluate_if_due(self) -> float:
        """Translate the test images if this is a step for it; the seconds that took."""
        if self.step not in self.evaluations_left:
            return 0.0
        self.evaluations_left.remove(self.step)
        return self.request(evaluate="translations")["seconds"]

    def complete(self) -> None:
        """After the last step: what is evaluated then, and all records."""
        self.request(evaluate="everything")
        self.request(finish=True)

    def interrupt(self) -> None:
        """Ask for a checkpoint and wait for the process to end; one that hangs is killed."""
        self.end({"stop": "interrupted"}, STOP_SECONDS)

    def renewed(self) -> Worker:
        """Another process that goes on from here; this one ends. Whoever calls closes both."""
        self.request(stop="running")
        self.close()
        return Worker(self.job)
