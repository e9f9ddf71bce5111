"""A process that trains one step with one backend: JSON lines of what it is doing, and what it saw.

A framework that imports, and even sees its GPU, may still be without a kernel, or with a cuDNN that
refuses to work: only a step tells.
"""

from __future__ import annotations

import json
import sys

from harness.config.experiment import load_experiment
from harness.system import provenance
from harness.training.timed_worker import Stopwatch


def main() -> None:
    """Arguments: the backend's name, then `cpu` or `cuda`."""
    name, device = sys.argv[1:]
    # Keras imports it where it is there, which takes seconds the first time, and makes folders.
    sys.modules["matplotlib"] = None  # type: ignore[assignment]
    say("doing", "starting")
    experiment = load_experiment(None, "smoke", []).model_dump()
    threads = provenance.default_threads()
    of = {"backend": name, "device": device, "threads": threads, "experiment": experiment}
    subject = Stopwatch(of)
    say("doing", "training one step")
    subject.train(1)
    say("doing", "translating one image")
    subject.backend.translate(subject.images_a[:1], "ab")
    environment = subject.backend.environment()
    kept = ("framework", "versions", "libraries", "device", "threads")
    say("seen", {key: environment[key] for key in kept if key in environment})


def say(what: str, value: object) -> None:
    print(json.dumps({what: value}), flush=True)


if __name__ == "__main__":
    main()
