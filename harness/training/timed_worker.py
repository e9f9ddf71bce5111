"""One backend in a process of its own, timed in blocks when its parent says so.

JSON lines, as in harness.training.worker. In: what to build; then `{"steps": n}`, each answered by
the seconds that so many steps took, and with `"warmup": true` the last ones before the peak of
memory counts; `{"phases": n}`: by the seconds of the pieces of each of so many steps;
`{"memory": true}`; `{"peaks": true}`. Blocked in a read in between.
"""

from __future__ import annotations

import json
import sys
import time
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from backends.interface import PHASES, Batch, Runtime
from harness.config.experiment import Experiment
from harness.plan.initial_weights import initial_state
from harness.plan.plan import make_plan
from harness.plan.random_streams import stream
from harness.processes.child import answering, failure, send
from harness.processes.loading import load_here
from harness.system.errors import Diverged, UserError

IMAGES = 8  # of a domain; speed does not depend on what they show


class Stopwatch:
    """A backend and batches for it."""

    def __init__(self, first: dict[str, Any]):
        began = time.perf_counter()
        self.experiment = Experiment.model_validate(first["experiment"])
        runtime = Runtime(
            device=first["device"],
            threads=first["threads"],
            **self.experiment.runtime.model_dump(),
        )
        model, objective = self.experiment.networks(), self.experiment.loss()
        self.backend = load_here(first["backend"], model, objective, runtime)
        weights = self.experiment.model.initial_weights
        self.backend.load_state(initial_state(model, objective, 0, weights))
        self.plan = make_plan(self.experiment, 0, IMAGES, IMAGES)
        self.images_a, self.images_b = self._noise("a"), self._noise("b")
        self.step = 0
        self.setup_seconds = time.perf_counter() - began

    def _noise(self, domain: str) -> np.ndarray:
        data = self.experiment.data
        size = data.load(domain)
        shape = (IMAGES, size, size, data.channels(domain))
        return stream(0, f"bench {domain}").integers(256, size=shape, dtype=np.uint8)

    def facts(self) -> dict[str, Any]:
        return {
            "setup_seconds": self.setup_seconds,
            "environment": self.backend.environment(),
        }

    def train(self, steps: int) -> float:
        """Seconds of so many steps, until the device is done; batches are there before."""
        batches = self._batches(steps)
        began = time.perf_counter()
        for batch in batches:
            self.backend.train_step(batch)
        self.backend.synchronize()
        seconds = time.perf_counter() - began
        self._check_losses()
        return seconds

    def in_pieces(self, steps: int) -> dict[str, list[float]]:
        """Seconds of each of PHASES in so many steps, one by one."""
        found = [self.backend.timed_step(batch) for batch in self._batches(steps)]
        self._check_losses()
        return {phase: [seconds[phase] for seconds in found] for phase in PHASES}

    def memory(self) -> dict[str, Any]:
        return asdict(self.backend.peak_memory())

    def peaks(self) -> dict[str, float]:
        return asdict(self.backend.peaks())

    def _batches(self, steps: int) -> list[Batch]:
        first, self.step = self.step, self.step + steps
        return [
            self.plan.batch(step % self.plan.steps, self.images_a, self.images_b)
            for step in range(first, self.step)
        ]

    def _check_losses(self) -> None:
        if not np.isfinite(self.backend.losses()).all():
            raise Diverged("a loss is not finite: such steps may take another time")


def answer_to(stopwatch: Stopwatch, command: dict[str, Any]) -> dict[str, Any]:
    if "steps" in command:
        seconds = stopwatch.train(command["steps"])
        if command.get("warmup"):
            stopwatch.backend.reset_peak_memory()
        return {"seconds": seconds}
    if "phases" in command:
        return {"phases": stopwatch.in_pieces(command["phases"])}
    return stopwatch.memory() if "memory" in command else stopwatch.peaks()


def main() -> int:
    first = json.loads(sys.stdin.readline())
    answer = answering(Path(first["log"]))
    try:
        stopwatch = Stopwatch(first)
        send(answer, stopwatch.facts())
        for line in iter(sys.stdin.readline, ""):
            send(answer, answer_to(stopwatch, json.loads(line)))
    except UserError as error:
        send(answer, {"refused": str(error)})
        return 2
    except Exception as error:
        traceback.print_exc()
        send(answer, failure(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
