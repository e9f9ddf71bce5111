"""One backend in a process of its own, timed in blocks when its parent says so.

The first line says what to build; then come commands,
each answered by one line of seconds:

`{"steps": n}`: of so many steps, of making their batches (`data`) and of reading their losses
(`logging`), and `load`, the share of the CPU time that others took during the steps; with
`"warmup": true` the peak of memory counts from their end; with `"losses": true` the answer has the
losses, a row a step.
`{"phases": n}`: of the pieces of each of so many steps.
`{"translate": n, "to": folder}`: of translating so many images of each domain, and of scoring them.
`{"save": folder}`: of writing the backend's state and its checksum.
`{"memory": true}` and `{"peaks": true}` are answered by bytes and rates.

Between commands the process is blocked in a read: it takes nothing from another one's turn.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from backends import file_name
from backends.interface import PHASES, Batch, Runtime
from harness.config.experiment import Experiment
from harness.plan.initial_weights import initial_state
from harness.plan.plan import make_plan
from harness.plan.random_streams import stream
from harness.processes.child import Parent, run
from harness.processes.loading import load_here
from harness.system.checksums import write_sums
from harness.system.errors import Diverged
from harness.system.files import write_arrays
from harness.system.load_meter import CpuLoad, LoadMeter

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
        self.file_name = file_name(first["backend"])
        self.backend = load_here(first["backend"], model, objective, runtime)
        weights = self.experiment.model.initial_weights
        self.backend.load_state(initial_state(model, objective, 0, weights))
        self.plan = make_plan(self.experiment, 0, IMAGES, IMAGES)
        self.images_a, self.images_b = self._noise("a"), self._noise("b")
        self.step, self.load = 0, LoadMeter()
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

    def train(self, steps: int) -> tuple[dict[str, float], CpuLoad, np.ndarray]:
        """Seconds of so many steps, until the device is done; batches are made before. And load
        meanwhile, and losses, (steps, terms)."""
        began = time.perf_counter()
        batches = self._batches(steps)
        before = self.load.read()
        batched = time.perf_counter()
        for batch in batches:
            self.backend.train_step(batch)
        self.backend.synchronize()
        trained = time.perf_counter()
        load = CpuLoad.of(self.load.since(before))
        losses = self._losses()
        read = time.perf_counter()
        seconds = {"seconds": trained - batched, "data": batched - began, "logging": read - trained}
        return seconds, load, losses

    def in_pieces(self, steps: int) -> dict[str, list[float]]:
        """Seconds of each of PHASES in so many steps, one by one."""
        pieces = [self.backend.timed_step(batch) for batch in self._batches(steps)]
        self._losses()
        return {phase: [seconds[phase] for seconds in pieces] for phase in PHASES}

    def translate(self, count: int, folder: Path) -> dict[str, float]:
        """Seconds of translating `count` images of each domain, and of scores of as many images.

        `folder` then has the images and their translations, in a file called as the backend.
        """
        real_a, real_b = (
            np.ascontiguousarray(np.resize(images, (count, *images.shape[1:]))[:, :size, :size])
            for images, size in (
                (self.images_a, self.experiment.data.crop("a")),
                (self.images_b, self.experiment.data.crop("b")),
            )
        )
        began = time.perf_counter()
        fake_b = self.backend.translate(real_a, "ab")
        fake_a = self.backend.translate(real_b, "ba")
        translated = time.perf_counter()
        self.backend.patch_scores(fake_a, "a")
        self.backend.patch_scores(fake_b, "b")
        scored = time.perf_counter()
        arrays = {"real_a": real_a, "real_b": real_b, "ab": fake_b, "ba": fake_a}
        write_arrays(folder / f"{self.file_name}.safetensors", arrays)
        return {"translation": translated - began, "scores": scored - translated}

    def save(self, folder: Path) -> float:
        """Seconds of what a checkpoint takes, and about what the end of a run takes."""
        began = time.perf_counter()
        write_arrays(folder / self.file_name / "state.safetensors", self.backend.state())
        write_sums(folder / self.file_name)
        return time.perf_counter() - began

    def _batches(self, steps: int) -> list[Batch]:
        first, self.step = self.step, self.step + steps
        return [
            self.plan.batch(step % self.plan.steps, self.images_a, self.images_b)
            for step in range(first, self.step)
        ]

    def _losses(self) -> np.ndarray:
        losses = self.backend.losses()
        if not np.isfinite(losses).all():
            raise Diverged("a loss is not finite: such steps may take another time")
        return losses


def answer_to(stopwatch: Stopwatch, command: dict[str, Any]) -> dict[str, Any]:
    if "steps" in command:
        seconds, load, losses = stopwatch.train(command["steps"])
        if command.get("warmup"):
            stopwatch.backend.reset_peak_memory()
        answer: dict[str, Any] = {**seconds, "load": load.in_all}
        return answer | ({"losses": losses.tolist()} if command.get("losses") else {})
    if "phases" in command:
        return {"phases": stopwatch.in_pieces(command["phases"])}
    if "translate" in command:
        return stopwatch.translate(command["translate"], Path(command["to"]))
    if "save" in command:
        return {"seconds": stopwatch.save(Path(command["save"]))}
    if "memory" in command:
        return asdict(stopwatch.backend.peak_memory())
    return asdict(stopwatch.backend.peaks())


def serve(parent: Parent) -> None:
    stopwatch = Stopwatch(parent.first)
    parent.send(stopwatch.facts())
    for command in parent.commands():
        parent.send(answer_to(stopwatch, command))


if __name__ == "__main__":
    run(serve)
