"""One backend in a process of its own, timed in blocks when its parent says so.

JSON lines, as in harness.worker. In: what to build; then `{"steps": n}`, each answered by the
seconds that so many steps took, and `{"memory": true}`. Blocked in a read in between.
"""

from __future__ import annotations

import json
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import numpy as np

import backends
from backends.interface import Runtime
from harness.config import Experiment
from harness.draw import stream
from harness.flops import step_flops
from harness.initial import initial_state
from harness.plan import make_plan
from harness.worker import answering, send

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
        self.backend = backends.load(first["backend"], model, objective, runtime)
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
            "flops_per_step": step_flops(self.experiment),
            "matrix_peak": self.backend.matrix_peak(),
        }

    def train(self, steps: int) -> float:
        """Seconds of so many steps, until the device is done; batches are there before."""
        batches = [
            self.plan.batch((self.step + i) % self.plan.steps, self.images_a, self.images_b)
            for i in range(steps)
        ]
        self.step += steps
        began = time.perf_counter()
        for batch in batches:
            self.backend.train_step(batch)
        self.backend.synchronize()
        seconds = time.perf_counter() - began
        if not np.isfinite(self.backend.losses()).all():
            raise FloatingPointError("a loss is not finite: such steps may take another time")
        return seconds

    def memory(self) -> dict[str, Any]:
        peak = self.backend.peak_memory()
        return {"bytes": peak.bytes, "kind": peak.kind}


def main() -> int:
    first = json.loads(sys.stdin.readline())
    answer = answering(Path(first["log"]))
    try:
        stopwatch = Stopwatch(first)
        send(answer, stopwatch.facts())
        for line in iter(sys.stdin.readline, ""):
            command = json.loads(line)
            if "steps" in command:
                send(answer, {"seconds": stopwatch.train(command["steps"])})
            else:
                send(answer, stopwatch.memory())
    except Exception as error:
        traceback.print_exc()
        send(answer, {"failed": f"{type(error).__name__}: {error}".splitlines()[0]})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
