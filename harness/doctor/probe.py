"""A process that builds one backend's networks and says which device it has: one JSON line."""

from __future__ import annotations

import json
import sys

import backends
from backends.interface import Runtime
from harness import provenance
from harness.config import load_experiment


def main() -> None:
    """Arguments: the backend's name, then `cpu` or `cuda`."""
    name, device = sys.argv[1:]
    # Keras imports it where it is there, which takes seconds the first time, and makes folders.
    sys.modules["matplotlib"] = None  # type: ignore[assignment]
    experiment = load_experiment(None, "smoke", [])
    runtime = Runtime(device=device, threads=provenance.default_threads())  # type: ignore[arg-type]
    model, objective = experiment.networks(), experiment.loss()
    environment = backends.load(name, model, objective, runtime).environment()
    kept = ("framework", "versions", "device", "threads")
    print(json.dumps({key: environment[key] for key in kept}))


if __name__ == "__main__":
    main()
