"""A made-up but complete experiment folder: both backends, one seed, scored over training."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

import backends
from backends.objective import RECORDED
from harness.config.load import load_experiment
from harness.records.run import RunRecord
from harness.system.files import write_arrays, write_json, write_table

DEVICE, SEED = "example", 0
SIDE = 64  # px
PER_EPOCH = 1000  # steps
METRICS = ("kid_efflite0", "fd_efflite0", "checkerboard")


def write_folder(folder: Path, steps: int, block: int, scored: int, images: int) -> None:
    """Everything that `write_report` reads (results/README.md).

    `steps` of each run, in blocks of `block`; evaluations at `scored` steps besides the first;
    `images` of each split.
    """
    experiment = load_experiment(None, "quick", [])
    configuration = {
        **experiment.model_dump(exclude={"dataset", "preset"}),
        "backends": list(backends.USUAL),
        "titles": {"a": "summer", "b": "winter"},
    }
    head = {"dataset": experiment.dataset, "preset": experiment.preset, "hash": "0" * 10}
    write_json(folder / "experiment.json", {**head, "configuration": configuration})
    splits = {
        split: [{"name": f"{i:05d}.jpg", "sha256": "0" * 64} for i in range(images)]
        for split in ("trainA", "trainB", "testA", "testB")
    }
    dataset = {"name": "made up", "digest": "0" * 64, "paired": False}
    write_json(folder / "manifest.json", {**dataset, "splits": splits})
    audit: dict[str, Any] = {"duplicates": [], "greyscale": [], "unreadable": []}
    counts = {split: len(files) for split, files in splits.items()}
    write_json(folder / "audit.json", {**audit, "counts": counts})
    names = ("real_a", "real_b", "floor_a", "floor_b")
    real = {name: photographs(images, SIDE, seed) for seed, name in enumerate(names)}
    write_arrays(folder / "references.safetensors", real)
    for number, backend in enumerate(backends.USUAL):
        run = RunRecord(folder / "runs" / DEVICE / f"{backend}-seed{SEED}")
        _write_run(run, backend, number, steps, block, images)
    evaluated = np.linspace(0, steps, scored + 1).round().astype(int).tolist()
    write_json(folder / "metrics.json", _metrics(evaluated, images))


def photographs(count: int, side: int, seed: int = 0) -> np.ndarray:
    """uint8 (count, side, side, 3): smooth, with some noise, so that they compress like any."""
    draw = np.random.default_rng(seed)
    coarse = draw.integers(256, size=(count, 6, 6, 3), dtype=np.uint8)
    size = (side, side)
    smooth = [Image.fromarray(image).resize(size, Image.Resampling.BICUBIC) for image in coarse]
    noisy = np.stack([np.asarray(image) for image in smooth]) + draw.normal(0, 6, (side, side, 1))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def losses(steps: int, seed: int = 0) -> pd.DataFrame:
    """What losses.csv holds of a run: noise about a falling level, float32 as backends give it."""
    draw = np.random.default_rng(seed)
    step = np.arange(steps)
    level = 0.1 + 0.7 * np.exp(-5 * step / steps)
    terms = {
        name: np.clip(0.6 + 0.1 * draw.standard_normal(steps), 0, 1)
        if name.startswith("accuracy")
        else level * draw.lognormal(0, 0.25, steps)
        for name in RECORDED
    }
    table = pd.DataFrame(terms).astype(np.float32)
    table.insert(0, "step", step)
    table.insert(1, "epoch", step // PER_EPOCH)
    table.insert(2, "learning_rate", 2e-4)
    return table


def _write_run(
    run: RunRecord, backend: str, number: int, steps: int, block: int, images: int
) -> None:
    """`number`: of the backend, from which all that differs between them is drawn."""
    write_table(run.folder / "losses.csv", losses(steps, number))
    draw, start = np.random.default_rng(number), np.arange(0, steps, block)
    blocks = {
        "start_step": start,
        "steps": block,
        "warmup": (start == 0).astype(int),
        "train_seconds": 2 * draw.lognormal(0, 0.03, len(start)),
        "data_seconds": 0.01,
        "logging_seconds": 0.001,
    }
    write_table(run.folder / "blocks.csv", pd.DataFrame(blocks))
    clocks = {"train": float(blocks["train_seconds"].sum()), "setup": 1.0}
    resources = {"clocks": {**clocks, "wall": sum(clocks.values())}, "processes": 1,
                 "peak_memory": {"bytes": 10**9, "kind": "resident"},
                 "flops_per_step": 3e10}  # fmt: skip
    write_json(run.folder / "resources.json", resources)
    environment = {"backend": backend, "framework": backend, "versions": {backend: "1.0"},
                   "device": "Example", "device_kind": "cpu", "threads": 1}  # fmt: skip
    write_json(run.folder / "environment.json", environment)
    names = ("ab", "ba", "aba", "bab", "identity_a", "identity_b")
    for step in (0, steps):
        draw = np.random.default_rng(number)
        arrays = {
            name: photographs(images, SIDE, seed)
            for seed, name in enumerate(names, start=10 * (number + 1))
        }
        for target, side in product(("real", "fake"), "ab"):
            arrays[f"patches_{target}_{side}"] = draw.random((images, 6, 6), np.float32)
        write_arrays(run.evaluation_file(step), arrays)
    status = {"backend": backend, "seed": SEED, "state": "complete", "step": steps, "steps": steps}
    write_json(run.folder / "status.json", status)


def _metrics(steps: list[int], images: int) -> dict[str, Any]:
    """metrics.json with the same scores at all `steps`."""
    names, directions = backends.USUAL, ("ab", "ba")
    score = {"value": 0.5, "low": 0.4, "high": 0.6, "n": images}
    subjects = [
        {"metric": metric, "direction": direction, "device": DEVICE, "seed": SEED, "step": step}
        for metric, direction, step in product(METRICS, directions, steps)
    ]
    shares = {"accuracy_real": 0.8, "accuracy_fake": 0.7, "mean_real": 0.7, "mean_fake": 0.3}
    reference = {"floor": 0.1, "identity_baseline": 0.7, "n": images}
    return {
        "scores": [{**at, "backend": name, **score} for at in subjects for name in names],
        "differences": [{**at, "backends": list(names), **score} for at in subjects],
        "references": [
            {"metric": metric, "direction": direction, **reference}
            for metric, direction in product(METRICS, directions)
        ],
        "discriminators": [
            {
                "device": DEVICE,
                "backend": name,
                "seed": SEED,
                "step": step,
                "domain": side,
                **shares,
            }
            for name, step, side in product(names, steps, "ab")
        ],
    }
