"""A made-up but complete experiment folder, written with the real record writers.

Two backends of the same toy CycleGAN: colours move from a green to a white landscape as training
goes on, losses fall, the second backend is 1.3 times as slow. Everything follows from `seed`.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from report_scores import metrics_record

from backends import file_name, implementation, packages, version
from harness.config.metric_table import METRICS
from harness.records.experiment import load
from harness.report.comparison.findings import find
from harness.report.comparison.page import make_page
from harness.report.render import page_html, page_markdown
from harness.system.files import read_json, read_table, write_arrays, write_json, write_table

STEPS = 200
MARGIN = {"kid_efflite0": 0.01}
BLOCK = 10
TEST_IMAGES = 12
NAMES = {"torch": "PyTorch", "tf": "TensorFlow", "jax": "JAX"}
WATTS = 300.0
SLOWNESS = {"torch": 1.0, "tf": 1.3, "jax": 0.8}
TEMPLATES = tempfile.TemporaryDirectory()  # one folder for each combination of arguments


def build(
    folder: Path,
    seeds: Sequence[int] = (0,),
    devices: Sequence[str] = ("cpu-example",),
    backends: Sequence[str] = ("torch", "tf"),
    *,
    size: int = 32,
    dataset: str = "toyseasons",
    paired: bool = True,
    winning: bool = False,
) -> Path:
    """Write the folder and return it. `winning`: scores beat the untranslated images."""
    arguments = (tuple(seeds), tuple(devices), tuple(backends), size, dataset, paired, winning)
    return shutil.copytree(_template(*arguments), folder, dirs_exist_ok=True)


@contextmanager
def editing(path: Path) -> Iterator[Any]:
    """The record or table at `path`, which is written again with what was changed in it."""
    read, write = (read_table, write_table) if path.suffix == ".csv" else (read_json, write_json)
    content = read(path)
    yield content
    write(path, content)


def pages(folder: Path, figures: Mapping[str, bytes] = {}) -> tuple[str, str]:
    """HTML and Markdown of the report, without drawing any figure."""
    experiment = load(folder)
    page = make_page(experiment, find(experiment))
    return page_html(page, figures), page_markdown(page, figures)


@cache
def _template(
    seeds: tuple[int, ...],
    devices: tuple[str, ...],
    backends: tuple[str, ...],
    size: int,
    dataset: str,
    paired: bool,
    winning: bool,
) -> Path:
    folder = Path(tempfile.mkdtemp(dir=TEMPLATES.name))
    configuration: dict[str, Any] = {
        "data": {"crop_size": size, "load_size": size + 8},
        "model": {"blocks": 3, "filters": 16, "discriminator_filters": 16},
        "objective": {
            "lambda_a": 10.0,
            "lambda_b": 10.0,
            "identity": 0.5,
            "pool_size": 50,
            "halve_discriminator": True,
        },
        "optimiser": {"learning_rate": 2e-4, "beta1": 0.5},
        "training": {"batch_size": 1, "epochs_constant": 1},
        "evaluation": {"margins": {metric.name: metric.margin for metric in METRICS} | MARGIN},
        "backends": list(backends),
        "titles": {"a": "summer", "b": "winter"},
    }
    head = {"dataset": dataset, "preset": "smoke", "hash": "0123abcd4567"}
    write_json(folder / "experiment.json", {**head, "configuration": configuration})
    _data_records(folder, dataset, paired)
    _references(folder, size, paired)
    for device in devices:
        for backend in backends:
            for seed in seeds:
                write_run(folder, device, backend, seed, size=size)
    scored = metrics_record(seeds, devices, backends, STEPS, TEST_IMAGES, paired, winning)
    write_json(folder / "metrics.json", scored)
    return folder


def landscapes(count: int, size: int, winter: float, seed: int) -> np.ndarray:
    """uint8 (count, size, size, 3): sky, a ridge and ground between green (0) and white (1)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size] / size
    images = []
    for _ in range(count):
        phase, height, slope = rng.uniform(0, 6), rng.uniform(0.35, 0.55), rng.uniform(2, 7)
        ridge = height + 0.12 * np.sin(slope * x + phase) + 0.04 * np.sin(3.1 * slope * x)
        sky = np.stack([0.45 + 0.3 * y, 0.62 + 0.2 * y, 0.85 + 0 * y], -1)
        green, white = np.array([0.22, 0.42, 0.18]), np.array([0.9, 0.92, 0.96])
        ground = ((1 - winter) * green + winter * white) * (0.65 + 0.5 * y[..., None])
        images.append(np.where((y > ridge)[..., None], ground, sky))
    return np.clip(np.round(np.array(images) * 255), 0, 255).astype(np.uint8)


def write_run(
    folder: Path, device: str, backend: str, seed: int, *, size: int = 32, state: str = "complete"
) -> Path:
    """One run; with a state other than "complete" it stops half way and has no evaluation."""
    run = folder / "runs" / device / f"{file_name(backend)}-seed{seed}"
    rng = np.random.default_rng([seed, len(device), *backend.encode()])
    done = STEPS if state == "complete" else STEPS // 2
    status = {"backend": backend, "seed": seed, "state": state, "step": done, "steps": STEPS}
    write_json(run / "status.json", status)
    write_table(run / "losses.csv", _losses(rng, done))
    if state != "complete":
        return run
    write_json(run / "environment.json", _environment(backend, device))
    speed = SLOWNESS[implementation(backend)] * (0.05 if "gpu" in device else 1.0)
    blocks = _blocks(rng, speed)
    if "gpu" in device:  # others are as they were before energy was read
        blocks["joules"] = WATTS * blocks["train_seconds"]
    write_table(run / "blocks.csv", blocks)
    write_json(run / "resources.json", _resources(blocks, device, speed))
    for step, winter in ((0, 0.5), (STEPS // 2, 0.7), (STEPS, 0.8)):
        write_arrays(
            run / "evaluations" / f"step-{step:08d}.safetensors",
            _translations(rng, size, winter, final=step > 0),
        )
    return run


def _losses(rng: np.random.Generator, steps: int) -> pd.DataFrame:
    step = np.arange(steps)
    falling = 0.12 + 0.7 * np.exp(-step / 40)
    table: dict[str, Any] = {"step": step, "epoch": step // 100, "learning_rate": 2e-4}
    level = {"adversarial": 0.3 + 0 * falling, "cycle": falling, "identity": 0.9 * falling}
    level["discriminator"] = 0.4 + 0.3 * np.exp(-step / 30)
    for kind, sides in (("adversarial", ("ab", "ba")), ("cycle", "ab"), ("identity", "ab")):
        for side in sides:
            table[f"{kind}_{side}"] = level[kind] * rng.lognormal(0, 0.25, steps)
    for side in "ab":
        noise = rng.lognormal(0, 0.2, steps)
        table[f"discriminator_{side}"] = level["discriminator"] * noise
        for target in ("real", "fake"):
            share = np.clip(0.7 + 0.1 * rng.standard_normal(steps), 0, 1)
            table[f"accuracy_{target}_{side}"] = share
    return pd.DataFrame(table)


def _blocks(rng: np.random.Generator, speed: float) -> pd.DataFrame:
    starts = np.arange(0, STEPS, BLOCK)
    seconds = 0.1 * speed * BLOCK * rng.lognormal(0, 0.03, len(starts))
    warmup = (starts < 2 * BLOCK).astype(int)
    return pd.DataFrame(
        {
            "start_step": starts,
            "steps": BLOCK,
            "warmup": warmup,
            "train_seconds": np.where(warmup, 4 * seconds, seconds),
            "data_seconds": 0.01,
            "logging_seconds": 0.005,
        }
    )


def _resources(blocks: pd.DataFrame, device: str, speed: float) -> dict[str, Any]:
    timed = blocks["warmup"] == 0
    clocks = {
        "setup": 1.5,
        "warmup": float(blocks["train_seconds"][~timed].sum()),
        "train": float(blocks["train_seconds"][timed].sum()),
        "data": 0.2,
        "evaluation": 2.0,
        "checkpoint": 0.3,
        "logging": 0.1,
        "idle": 20.0,
    }
    gpu = "gpu" in device
    return {
        "clocks": {**clocks, "wall": sum(clocks.values())},
        "processes": 1,
        "peak_memory": {"bytes": int(8e8 * speed), "kind": "device" if gpu else "resident"},
        "flops_per_step": 3.2e10,
        **({"energy_source": "NVML"} if gpu else {}),
    }


def _environment(backend: str, device: str) -> dict[str, Any]:
    gpu = "gpu" in device
    return {
        "backend": backend,
        "framework": NAMES[implementation(backend)],
        "versions": {"numpy": "2.4.6", **_version(backend)},
        "device": "Example GPU 80GB" if gpu else "Example CPU @ 2.40GHz",
        "device_kind": "cuda" if gpu else "cpu",
        "driver": "555.42" if gpu else None,
        "threads": 2,
        "precision": "float32",
        "deterministic": True,
        "python": "3.11.7",
        "platform": "Linux-6.1-x86_64",
        "git_revision": "4f2a9c1",
        "cyclebench": "0.1.0",
    }


def _version(backend: str) -> dict[str, str]:
    """Of one in a Python of its own it is 9.9.9."""
    known, at, _ = backend.partition("@")
    if at:
        return {packages(known)[0]: version(backend) or "9.9.9"}
    return {backend: {"torch": "2.13.0"}.get(backend, "2.21.0")}


def _noisy(rng: np.random.Generator, images: np.ndarray, scale: float) -> np.ndarray:
    return np.clip(images + rng.normal(0, scale, images.shape), 0, 255).round().astype(np.uint8)


def _translations(
    rng: np.random.Generator, size: int, winter: float, *, final: bool
) -> dict[str, np.ndarray]:
    scenes = {
        "ab": (winter, 11),
        "ba": (1 - winter, 22),
        "aba": (0.1, 11),
        "bab": (0.9, 22),
        "identity_a": (0.05, 11),
        "identity_b": (0.95, 22),
    }
    wanted = scenes if final else {name: scenes[name] for name in ("ab", "ba")}
    images = {
        name: _noisy(rng, landscapes(TEST_IMAGES, size, season, seed), 7)
        for name, (season, seed) in wanted.items()
    }
    patches = {
        f"patches_{target}_{side}": rng.normal(middle, 0.2, (TEST_IMAGES, 3, 3)).astype(np.float32)
        for side in "ab"
        for target, middle in (("real", 0.7), ("fake", 0.3))
    }
    return images | patches


def _references(folder: Path, size: int, paired: bool) -> None:
    arrays = {
        "real_a": landscapes(TEST_IMAGES, size, 0.0, 11),
        "real_b": landscapes(TEST_IMAGES, size, 1.0, 22),
        "floor_a": landscapes(TEST_IMAGES, size, 0.0, 33),
        "floor_b": landscapes(TEST_IMAGES, size, 1.0, 44),
    }
    if paired:
        arrays["truth_ab"] = landscapes(TEST_IMAGES, size, 1.0, 11)
        arrays["truth_ba"] = landscapes(TEST_IMAGES, size, 0.0, 22)
    write_arrays(folder / "references.safetensors", arrays)


def _data_records(folder: Path, dataset: str, paired: bool) -> None:
    counts = {"trainA": 40, "trainB": 36, "testA": TEST_IMAGES, "testB": TEST_IMAGES}
    splits = {
        split: [{"name": f"{split.lower()}_{i:03d}.jpg", "sha256": "0" * 64} for i in range(count)]
        for split, count in counts.items()
    }
    manifest = {"name": dataset, "digest": "d" * 64, "paired": paired, "splits": splits}
    write_json(folder / "manifest.json", manifest)
    duplicates = [
        {"split": "testA", "name": f"testa_{i:03d}.jpg",
         "other_split": "trainA", "other_name": f"traina_{i:03d}.jpg"}
        for i in range(11)
    ]  # fmt: skip
    audit = {
        "duplicates": duplicates,
        "greyscale": [{"split": "trainB", "name": "trainb_007.jpg"}],
        "unreadable": [{"split": "trainA", "name": "broken.jpg", "problem": "truncated file"}],
        "counts": counts,
    }
    write_json(folder / "audit.json", audit)
