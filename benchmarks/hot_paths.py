"""The harness's hot paths, each as a benchmark."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from backends.objective import RECORDED, Objective
from benchmarks.experiment_folder import PER_EPOCH, losses, photographs, write_folder
from benchmarks.measure import Benchmark, Work
from harness.config.load import load_experiment
from harness.data import ImageFile, Manifest, load_images
from harness.data.cache import cache_folder
from harness.metrics.extractors import EFFICIENTNET
from harness.metrics.features import features
from harness.metrics.frechet import frechet_replicates
from harness.metrics.kid import kid_replicates
from harness.plan.plan import Plan, make_plan
from harness.plan.random_streams import history_decisions, pool_decisions, stream
from harness.statistics.intervals import Replicates, jackknife
from harness.system.files import read_arrays, read_table, write_arrays, write_table
from harness.training.loss_history import History

SPLIT_IMAGES = 1000  # of a train split
POOL = 50
CACHED_SIDE = 286  # px, the loading size of images that are cropped to 256
SCORES: dict[str, Callable[[np.ndarray, np.ndarray], Replicates]] = {
    "Frechet distance": frechet_replicates,
    "KID": kid_replicates,
}


@dataclass(frozen=True)
class Sizes:
    """How much each benchmark is given. The defaults are those of a long training of real images.

    Images of plans, reports and extractors have 64 px.
    """

    planned_steps: int = 100_000
    batches: int = 2_000  # taken from the plan
    pooled_images: int = 1_000_000
    files: int = 200  # JPEG, decoded into the cache
    file_side: int = 512  # px
    logged_steps: int = 1_000_000  # of a run, each side of a report
    block_steps: int = 40  # logged at once
    scored_steps: int = 100  # evaluations of a reported run
    shown_images: int = 64  # test images of a reported run
    weights: int = 85_000_000  # float32 in a state: weights and moments of the paper's networks
    feature_sets: tuple[tuple[int, int], ...] = (
        (120, 1280), (500, 1280), (120, 2048), (500, 2048),
    )  # (images, dimensions)  # fmt: skip
    extracted_images: tuple[int, ...] = (1, 256)  # the first shows what starting costs
    repeat_seconds: float = 5.0  # a benchmark is repeated until so long has gone by


def benchmarks(sizes: Sizes) -> list[Benchmark]:
    return [
        *_of_plans(sizes),
        *_of_caches(sizes),
        *_of_records(sizes),
        *_of_scores(sizes),
        *_of_features(sizes),
        _of_reports(sizes),
    ]


def _of_plans(sizes: Sizes) -> list[Benchmark]:
    """Random choices: drawing a long run's, and cutting batches by them."""
    steps, batches, pooled = sizes.planned_steps, sizes.batches, sizes.pooled_images

    def plan_of(count: int) -> Callable[[], Plan]:
        experiment = load_experiment(None, "quick", [f"training.steps={count}"])
        return partial(make_plan, experiment, 0, SPLIT_IMAGES, SPLIT_IMAGES)

    def take_batches(folder: Path) -> Work:
        side = load_experiment(None, "quick", []).data.load_size
        # A split that is mapped from the cache, as a training's is.
        path, shape = folder / "images.npy", (SPLIT_IMAGES, side, side, 3)
        np.save(path, np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8))
        images, plan = np.load(path, mmap_mode="r", allow_pickle=False), plan_of(batches)()

        def take() -> None:
            for step in range(batches):
                plan.batch(step, images, images)

        return take

    def decide(folder: Path) -> Work:
        swap = stream(0, "swap").random(pooled) > 0.5
        return partial(pool_decisions, swap, stream(0, "slot").integers(POOL, size=pooled), POOL)

    def decide_half_new(folder: Path) -> Work:
        batch = 4
        chosen = stream(0, "chosen").integers(batch, size=-(-pooled // batch))
        share = stream(0, "drawn").random((len(chosen), batch))
        return partial(history_decisions, chosen, share, POOL)

    size = f"{pooled:,} images, a pool of {POOL}"
    return [
        Benchmark("plan: drawn", f"{steps:,} steps", steps, "step", lambda _: plan_of(steps)),
        Benchmark("plan: batches", f"{batches:,} steps, 64 px, batch 1", batches, "step",
                  take_batches),
        Benchmark("pool: decisions", size, pooled, "image", decide),
        Benchmark("pool: decisions, half new", size, pooled, "image", decide_half_new),
    ]  # fmt: skip


def _of_caches(sizes: Sizes) -> list[Benchmark]:
    """Images: decoded and resized into the cache, and opened there."""
    count, side, split = sizes.files, sizes.file_side, "trainA"

    def load(folder: Path) -> Work:
        files = []
        (folder / split).mkdir()
        for number in range(count):
            path = folder / split / f"{number:05d}.jpg"
            Image.fromarray(photographs(1, side, number)[0]).save(path, quality=90)
            files.append(ImageFile(path.name, hashlib.sha256(path.read_bytes()).hexdigest()))
        manifest = Manifest("benchmark", {split: tuple(files)}, folder)
        return partial(load_images, manifest, split, CACHED_SIDE)

    def fill(folder: Path) -> Work:
        load_all = load(folder)

        def load_anew() -> None:
            for array in (cache_folder() / "images").glob("*.npy"):
                array.unlink()
            load_all()

        return load_anew

    def open_again(folder: Path) -> Work:
        load_all = load(folder)
        load_all()
        return load_all

    size = f"{count} JPEG files, {side} to {CACHED_SIDE} px"
    return [
        Benchmark("cache: filled", size, count, "image", fill),
        Benchmark("cache: opened", size, count, "image", open_again),
    ]


def _of_records(sizes: Sizes) -> list[Benchmark]:
    """Records: kept while a run goes on, written and read."""
    steps, weights, block = sizes.logged_steps, sizes.weights, sizes.block_steps

    def keep(folder: Path) -> Work:
        new = losses(block)[list(RECORDED)].to_numpy()

        def add_blocks() -> None:
            history = History(steps, PER_EPOCH, Objective())
            for _ in range(steps // block):
                history.add(new)

        return add_blocks

    def table_written(folder: Path) -> Work:
        return partial(write_table, folder / "losses.csv", losses(steps))

    def table_read(folder: Path) -> Work:
        table_written(folder)()
        return partial(read_table, folder / "losses.csv")

    def arrays_written(folder: Path) -> Work:
        draw, layers = np.random.default_rng(0), np.array_split(np.empty(weights, bool), 100)
        arrays = {
            f"{i:03d}": draw.standard_normal(len(x), np.float32) for i, x in enumerate(layers)
        }
        return partial(write_arrays, folder / "state.safetensors", arrays)

    def arrays_read(folder: Path) -> Work:
        arrays_written(folder)()
        return partial(read_arrays, folder / "state.safetensors")

    blocks = f"{steps:,} steps, {block} a block"
    table, arrays = f"losses.csv, {steps:,} steps", f"state, {4 * weights / 1e6:,.0f} MB"
    return [
        Benchmark("run: losses kept", blocks, steps // block, "block", keep),
        Benchmark("record: table written", table, steps, "step", table_written),
        Benchmark("record: table read", table, steps, "step", table_read),
        Benchmark("record: arrays written", arrays, weights, "weight", arrays_written),
        Benchmark("record: arrays read", arrays, weights, "weight", arrays_read),
    ]


def _of_scores(sizes: Sizes) -> list[Benchmark]:
    """Frechet distance and KID with all their replicates, on one thread as scoring does."""

    def score(name: str, shape: tuple[int, int], folder: Path) -> Work:
        draw = np.random.default_rng(0)
        # Pooled activations: none below zero, a few large ones.
        x, y = (draw.gamma(0.5, size=shape).astype(np.float32) for _ in range(2))
        return lambda: jackknife(SCORES[name](x, y))

    return [
        Benchmark(
            f"score: {name}, jackknife",
            f"2 x {count} images, {dimensions} features",
            count,
            "image",
            partial(score, name, (count, dimensions)),
        )
        for name in SCORES
        for count, dimensions in sizes.feature_sets
    ]


def _of_features(sizes: Sizes) -> list[Benchmark]:
    """Features of images, with the start of the process: the time of one image is nothing else."""

    def extract(count: int, folder: Path) -> Work:
        images, numbers = photographs(count, 64), itertools.count()
        # A new cache each time, where nothing is found.
        return lambda: features(
            {"images": images}, EFFICIENTNET, folder / str(next(numbers)), lambda *_: None
        )

    return [
        Benchmark(
            "features: EfficientNet-Lite0",
            f"{count} image{'s' if count > 1 else ''}, 64 px",
            count,
            "image",
            partial(extract, count),
        )
        for count in sizes.extracted_images
    ]


def _of_reports(sizes: Sizes) -> Benchmark:
    """The report of a long comparison, from its folder to the page."""
    steps = sizes.logged_steps

    def report(folder: Path) -> Work:
        from harness.report.comparison import write_report  # takes seconds, and memory

        write_folder(folder, steps, sizes.block_steps, sizes.scored_steps, sizes.shown_images)
        return partial(write_report, folder)

    return Benchmark("report: written", f"2 runs of {steps:,} steps", 2 * steps, "step", report)
