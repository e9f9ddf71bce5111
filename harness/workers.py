"""The parent's end of a worker process: JSON lines over pipes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.errors import WorkerFailed
from harness.run import Job

QUIET = {"TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONUNBUFFERED": "1"}


class Child:
    """A process that is sent JSON lines and answers each by one.

    `module` is run with `first` as its first line; `begin` is what it answers. Its prints are to go
    to the file `log`. Raises WorkerFailed where it dies.
    """

    def __init__(self, module: str, name: str, log: Path, first: dict[str, Any]):
        self.name, self.log = name, log
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **QUIET},
            text=True,
            encoding="utf-8",
            # What a terminal or `kill` sends to the group is for the parent to act on.
            start_new_session=True,
        )
        try:
            self._write(first)
            self.begin = self._read()
        except BaseException:
            self.close()
            raise

    def request(self, **command: Any) -> dict[str, Any]:
        """Send one command and wait for its event. Raises WorkerFailed if the process died."""
        self._write(command)
        return self._read()

    def close(self) -> None:
        """End the process now."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    def _write(self, command: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            self._read()  # raises, with what the process said last

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None and self._process.stderr is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            # Until the process has its log, its errors come through the pipe.
            early = self._process.stderr.read().strip().splitlines()[-1:]
            why = early[0] if early else f"ended with status {self._process.returncode}"
            raise WorkerFailed(f"{self.name}: {why}; see {self.log}")
        event = json.loads(line)
        if "failed" in event:
            raise WorkerFailed(f"{self.name}: {event['failed']}; the traceback is in {self.log}")
        return event


class Worker(Child):
    """A running worker: one backend, one seed."""

    def __init__(self, job: Job):
        name, log = f"{job.backend}, seed {job.seed}", Path(job.folder) / "log.txt"
        super().__init__("harness.worker", name, log, asdict(job))
        self.job = job
        self.step: int = self.begin["step"]
        self.steps: int = self.begin["steps"]
        self.evaluations_left: list[int] = self.begin["evaluations"]  # steps, ascending

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

    def interrupt(self) -> None:
        """Ask for a checkpoint and wait for the process to end, whatever it was doing."""
        if self._process.poll() is None:
            with suppress(BrokenPipeError, ValueError):  # then it is ending by itself
                self._process.communicate(json.dumps({"stop": "interrupted"}) + "\n")
            self._process.wait()
