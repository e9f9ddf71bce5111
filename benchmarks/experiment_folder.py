"""A made-up but complete experiment folder: both backends, one seed, scored over training."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import backends
from benchmarks.cache import photographs
from benchmarks.recording import losses
from benchmarks.sizes import Sizes
from harness.config.experiment import load_experiment
from harness.records.run import RunRecord
from harness.system.files import write_arrays, write_json, write_table

DEVICE, SEED = "example", 0
SIDE = 64  # px
METRICS = ("kid_efflite0", "fd_efflite0", "checkerboard")


def write_folder(folder: Path, sizes: Sizes) -> None:
    """Everything that `write_report` reads (results/README.md)."""
    experiment = load_experiment(None, "quick", [])
    configuration = {
        **experiment.model_dump(exclude={"dataset", "preset"}),
        "backends": list(backends.available()),
        "titles": {"a": "summer", "b": "winter"},
    }
    head = {"dataset": experiment.dataset, "preset": experiment.preset, "hash": "0" * 10}
    write_json(folder / "experiment.json", {**head, "configuration": configuration})
    _write_data(folder, sizes.shown_images)
    for number, backend in enumerate(backends.available()):
        run = RunRecord(folder / "runs" / DEVICE / f"{backend}-seed{SEED}")
        _write_run(run, backend, number, sizes)
    write_json(folder / "metrics.json", _metrics(sizes))


def _write_data(folder: Path, images: int) -> None:
    splits = {
        split: [{"name": f"{i:05d}.jpg", "sha256": "0" * 64} for i in range(images)]
        for split in ("trainA", "trainB", "testA", "testB")
    }
    named = {"name": "made up", "digest": "0" * 64, "paired": False}
    write_json(folder / "manifest.json", {**named, "splits": splits})
    findings: dict[str, Any] = {"duplicates": [], "greyscale": [], "unreadable": []}
    counts = {split: len(files) for split, files in splits.items()}
    write_json(folder / "audit.json", {**findings, "counts": counts})
    names = ("real_a", "real_b", "floor_a", "floor_b")
    shown = {name: photographs(images, SIDE, seed) for seed, name in enumerate(names)}
    write_arrays(folder / "references.safetensors", shown)


def _write_run(run: RunRecord, backend: str, number: int, sizes: Sizes) -> None:
    steps = sizes.logged_steps
    write_table(run.folder / "losses.csv", losses(steps, number))
    blocks = _blocks(sizes, number)
    write_table(run.folder / "blocks.csv", blocks)
    clocks = {"train": float(blocks["train_seconds"].sum()), "setup": 1.0}
    resources = {"clocks": {**clocks, "wall": sum(clocks.values())}, "processes": 1,
                 "peak_memory": {"bytes": 10**9, "kind": "resident"},
                 "flops_per_step": 3e10}  # fmt: skip
    write_json(run.folder / "resources.json", resources)
    environment = {"backend": backend, "framework": backend, "versions": {backend: "1.0"},
                   "device": "Example", "device_kind": "cpu", "threads": 1}  # fmt: skip
    write_json(run.folder / "environment.json", environment)
    for step in (0, steps):
        write_arrays(run.evaluation_file(step), _translations(sizes.shown_images, number))
    status = {"backend": backend, "seed": SEED, "state": "complete", "step": steps, "steps": steps}
    write_json(run.folder / "status.json", status)


def _blocks(sizes: Sizes, number: int) -> pd.DataFrame:
    draw = np.random.default_rng(number)
    start = np.arange(0, sizes.logged_steps, sizes.block_steps)
    return pd.DataFrame(
        {
            "start_step": start,
            "steps": sizes.block_steps,
            "warmup": (start == 0).astype(int),
            "train_seconds": 2 * draw.lognormal(0, 0.03, len(start)),
            "data_seconds": 0.01,
            "logging_seconds": 0.001,
        }
    )


def _translations(images: int, number: int) -> dict[str, np.ndarray]:
    names = ("ab", "ba", "aba", "bab", "identity_a", "identity_b")
    seeds = range(10 * (number + 1), 10 * (number + 1) + len(names))
    arrays = {
        name: photographs(images, SIDE, seed) for name, seed in zip(names, seeds, strict=True)
    }
    draw = np.random.default_rng(number)
    for target, side in product(("real", "fake"), "ab"):
        arrays[f"patches_{target}_{side}"] = draw.random((images, 6, 6), np.float32)
    return arrays


def _metrics(sizes: Sizes) -> dict[str, Any]:
    names, directions = backends.available(), ("ab", "ba")
    steps = np.linspace(0, sizes.logged_steps, sizes.scored_steps + 1).round().astype(int).tolist()
    bounds = {"value": 0.5, "low": 0.4, "high": 0.6}
    places = [
        {"metric": metric, "direction": direction, "device": DEVICE, "seed": SEED, "step": step}
        for metric, direction, step in product(METRICS, directions, steps)
    ]
    scored = {**bounds, "n": sizes.shown_images}
    said = {"accuracy_real": 0.8, "accuracy_fake": 0.7, "mean_real": 0.7, "mean_fake": 0.3}
    return {
        "scores": [{**at, "backend": name, **scored} for at in places for name in names],
        "differences": [{**at, "backends": list(names), **scored} for at in places],
        "references": [
            {"metric": metric, "direction": direction, "floor": 0.1, "identity_baseline": 0.7,
             "n": sizes.shown_images}
            for metric, direction in product(METRICS, directions)
        ],
        "discriminators": [
            {"device": DEVICE, "backend": name, "seed": SEED, "step": step, "domain": side, **said}
            for name, step, side in product(names, steps, "ab")
        ],
    }  # fmt: skip
