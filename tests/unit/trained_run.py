"""A run's folder with all that `translate` and `export` read, without having been trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from harness.config.experiment import Experiment
from harness.config.load import load_experiment
from harness.plan.initial_weights import averages_of, initial_state
from harness.system.files import write_arrays, write_json
from harness.tools.trained_model import read_model, write_model

TITLES = {"a": "summer", "b": "winter"}
TINY = (
    "data.crop_size=16", "model.filters=2", "model.blocks=1", "model.discriminator_filters=2",
    "model.discriminator_layers=1",
)  # fmt: skip


def experiment(*overrides: str) -> Experiment:
    return load_experiment(None, "smoke", [*TINY, *overrides])


def drawn(one: Experiment) -> dict[str, np.ndarray]:
    """Weights and running statistics far enough from zero that every layer counts."""
    networks, state = one.networks(), initial_state(one.networks(), one.loss(), 0)
    draw = np.random.default_rng(0)
    for name, shape in networks.parameter_shapes().items():
        state[name] = draw.normal(0, 0.3, shape).astype(np.float32)
    for name, shape in networks.statistic_shapes().items():
        state[name] = draw.uniform(0.5, 1.5, shape).astype(np.float32)
    averages = averages_of(state)
    return state | {name: np.float32(0.9) * array for name, array in averages.items()}


def write_run(
    folder: Path, backend: str = "torch", overrides: Sequence[str] = (), state: str = "complete"
) -> Path:
    """A run of the experiment in `folder`, which several can share."""
    one = experiment(*overrides)
    configuration = {
        **one.model_dump(exclude={"dataset", "preset"}),
        "backends": ["torch", "tf"],
        "titles": TITLES,
    }
    head = {"dataset": one.dataset, "preset": one.preset, "hash": "0123456789"}
    write_json(folder / "experiment.json", {**head, "configuration": configuration})
    model, draw = one.networks(), np.random.default_rng(1)
    real = {
        f"real_{domain}": draw.integers(256, size=(3, *shape), dtype=np.uint8)
        for domain, shape in (("a", model.shape_a), ("b", model.shape_b))
    }
    write_arrays(folder / "references.safetensors", real)
    run = folder / "runs" / "cpu-example" / f"{backend}-seed0"
    status = {"backend": backend, "seed": 0, "state": state, "step": 20, "steps": 20}
    write_json(run / "status.json", status)
    if state == "complete":
        write_arrays(run / "state.safetensors", drawn(one))
    return run


def write_model_folder(run: Path, folder: Path) -> None:
    """The generators of a run as `export` writes them."""
    write_model(folder, read_model(run), ["ab", "ba"])
