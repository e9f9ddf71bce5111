"""Random choices: drawing a long run's, and cutting batches by them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.measure import Benchmark, Work
from benchmarks.sizes import Sizes
from harness.config.experiment import Experiment, load_experiment
from harness.plan.plan import Plan, make_plan
from harness.plan.random_streams import history_decisions, pool_decisions, stream

IMAGES = 1000  # of a train split
POOL = 50


def benchmarks(sizes: Sizes) -> list[Benchmark]:
    steps, batches, pooled = sizes.planned_steps, sizes.batches, sizes.pooled_images
    shown = f"{pooled:,} images, a pool of {POOL}"
    return [
        Benchmark("plan: drawn", f"{steps:,} steps", steps, "step", partial(_drawn, steps)),
        Benchmark("plan: batches", f"{batches:,} steps, 64 px, batch 1", batches, "step",
                  partial(_batches, batches)),
        Benchmark("pool: decisions", shown, pooled, "image", partial(_pool, pooled)),
        Benchmark("pool: decisions, half new", shown, pooled, "image", partial(_history, pooled)),
    ]  # fmt: skip


def _plan(steps: int) -> tuple[Experiment, Work]:
    experiment = load_experiment(None, "quick", [f"training.steps={steps}"])
    return experiment, partial(make_plan, experiment, 0, IMAGES, IMAGES)


def _drawn(steps: int, folder: Path) -> Work:
    return _plan(steps)[1]


def _batches(steps: int, folder: Path) -> Work:
    experiment, drawn = _plan(steps)
    side = experiment.data.load_size
    # A split that is mapped from the cache, as a training's is.
    path, shape = folder / "images.npy", (IMAGES, side, side, 3)
    np.save(path, np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8))
    images = np.load(path, mmap_mode="r", allow_pickle=False)
    plan = drawn()
    assert isinstance(plan, Plan)
    return partial(_take, plan, range(steps), images)


def _take(plan: Plan, steps: Sequence[int], images: np.ndarray) -> None:
    for step in steps:
        plan.batch(step, images, images)


def _pool(images: int, folder: Path) -> Work:
    swap = stream(0, "swap").random(images) > 0.5
    return partial(pool_decisions, swap, stream(0, "slot").integers(POOL, size=images), POOL)


def _history(images: int, folder: Path) -> Work:
    batch = 4
    chosen = stream(0, "chosen").integers(batch, size=-(-images // batch))
    share = stream(0, "drawn").random((len(chosen), batch))
    return partial(history_decisions, chosen, share, POOL)
