"""A process that trains one step with one backend and tells what it is doing and what it saw.

A framework that imports, and even sees its GPU, may still be without a kernel, or with a cuDNN that
refuses to work: only a step tells.
"""

from __future__ import annotations

from harness.config.load import load_experiment
from harness.processes.child import Parent, run
from harness.system import provenance
from harness.training.timed_worker import Stopwatch


def serve(parent: Parent) -> None:
    """The first line: a backend, and `cpu` or `cuda`."""
    parent.progress(doing="starting")
    small = ["model.blocks=0", "model.discriminator_layers=1"]  # quick to compile
    experiment = load_experiment(None, "smoke", small).model_dump()
    threads = provenance.default_threads()
    timed = Stopwatch({**parent.first, "threads": threads, "experiment": experiment})
    parent.progress(doing="training one step")
    timed.train(1)
    parent.progress(doing="translating one image")
    timed.backend.translate(timed.images_a[:1], "ab")
    environment = timed.backend.environment()
    kept = ("framework", "versions", "libraries", "device", "threads")
    parent.send({"seen": {key: environment[key] for key in kept if key in environment}})


if __name__ == "__main__":
    run(serve)
