"""metrics.json, number by number, from the images that the backends' formulas give."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import known_backend as known
import known_extractor
import known_set
import numpy as np
from by_hand import (
    Bounds,
    frechet,
    jackknife,
    kid,
    mae,
    psnr,
    recoloured,
    same,
    same_interval,
    ssim,
    without_each,
)
from checks_data import A, B, resized
from checks_training import made
from known_world import EVALUATED, SLUG, STEPS, World

from harness.system.files import read_json

FLOOR = {"ab": resized("trainB", known_set.FLOOR_B), "ba": resized("trainA", known_set.FLOOR_A)}
SOURCE, TARGET = {"ab": A, "ba": B}, {"ab": B, "ba": A}
TRUTH = {
    "ab": known_set.truths("testA", known_set.SHOWN_A),
    "ba": known_set.truths("testB", known_set.SHOWN_B),
}
FIRST_FOUR = slice(0, 4)  # four of five, evenly spaced from the first on
# A margin of the accuracy's interval has a formula of its own: only its value is checked here.
WITHOUT_BOUNDS = ("judge_accuracy",)


@dataclass(frozen=True)
class Known:
    """A score, and what it is without each image of either side."""

    value: float
    left_out: list[np.ndarray] = field(default_factory=list)
    n: int = 0

    @property
    def bounds(self) -> Bounds:
        return jackknife(self.value, self.left_out)


def _distance(statistic: Callable[..., float], x: np.ndarray, y: np.ndarray) -> Known:
    return Known(statistic(x, y), without_each(statistic, x, y), len(x))


def _kid(x: np.ndarray, y: np.ndarray) -> float:
    return kid(x, y, 1280)


def _mean(values: np.ndarray) -> Known:
    return Known(float(values.mean()), without_each(lambda kept: float(kept.mean()), values),
                 len(values))  # fmt: skip


def green(images: np.ndarray) -> np.ndarray:
    """dB of what stands for the energy of a checkerboard."""
    return 10 * np.log10(1 + images[..., 1].astype(float).mean((1, 2)) / 255)


def _checkerboard(images: np.ndarray, real: np.ndarray) -> Known:
    return _distance(lambda x, y: float(x.mean() - y.mean()), green(images), green(real))


@cache
def _middles() -> dict[str, float]:
    """Where the stripes of the reader of a target domain begin."""
    middles = {}
    for direction, side in (("ab", "B"), ("ba", "A")):
        split = f"train{side}"
        labels = [known_set.label(split, i) for i in range(known_set.COUNTS[split])]
        of_class = [i for i, code in enumerate(labels) if code == labels[0]]
        middles[direction] = float(_grey(resized(split, of_class)).mean())
    return middles


def _grey(images: np.ndarray) -> np.ndarray:
    """Mean of a small grey copy of each."""
    copies = [known_set.Image.fromarray(image).convert("L").resize((28, 28), 3) for image in images]
    return np.array([np.asarray(copy).mean() for copy in copies])


def _hits(images: np.ndarray, split: str, direction: str) -> np.ndarray:
    """Whether the reader of the direction's target says the label of each labelled image."""
    shown = {"testA": known_set.SHOWN_A, "testB": known_set.SHOWN_B}[split]
    said = np.floor((_grey(images) - _middles()[direction]) / 3) % 2
    return np.array(
        [
            float(says == known_set.label(split, index))
            for says, index in zip(said, shown, strict=True)
            if (split, index) != known_set.UNLABELLED
        ]
    )


SPLIT = {"ab": "testA", "ba": "testB"}


@cache
def score(
    metric: str, direction: str, backend: str, seed: int, step: int, weights: str = "average"
) -> Known | None:
    """None where the metric has no such score."""
    arrays = made(backend, seed, step)
    name = direction if weights == "average" else f"last_{direction}"
    if name not in arrays:
        return None
    images, source, target = arrays[name], SOURCE[direction], TARGET[direction]
    if metric == "kid_efflite0":
        return _distance(_kid, *map(known_extractor.efficientnet, (images, target)))
    if metric in ("fd_efflite0", "fid"):
        network = known_extractor.efficientnet
        if metric == "fid":
            if step < STEPS:
                return None
            network = known_extractor.inception
        return _distance(frechet, network(images)[FIRST_FOUR], network(target)[FIRST_FOUR])
    if metric == "checkerboard":
        return _checkerboard(images, target)
    if metric == "judge_accuracy":
        return _mean(_hits(images, SPLIT[direction], direction))
    if metric.startswith("pair"):
        measure = {"pair_psnr": psnr, "pair_ssim": ssim, "pair_mae": mae}[metric]
        return _mean(measure(images, TRUTH[direction]))
    cycle = {"ab": "aba", "ba": "bab"}[direction]
    if weights == "last" or cycle not in arrays:
        return None
    return _mean({"cycle_psnr": psnr, "cycle_ssim": ssim}[metric](arrays[cycle], source))


METRICS = (
    "kid_efflite0", "fd_efflite0", "fid", "judge_accuracy", "checkerboard", "cycle_psnr",
    "cycle_ssim", "pair_psnr", "pair_ssim", "pair_mae",
)  # fmt: skip


def subjects(weights: str) -> Iterator[tuple[str, str, int, int]]:
    for metric in METRICS:
        for direction in ("ab", "ba"):
            for seed in known.SEEDS:
                for step in EVALUATED:
                    if score(metric, direction, "torch", seed, step, weights) is not None:
                        yield metric, direction, seed, step


def _subject(row: dict[str, Any]) -> tuple[str, str, int, int]:
    return row["metric"], row["direction"], row["seed"], row["step"]


def _scores(table: dict[str, Any], weights: str) -> None:
    rows = {(row["backend"], *_subject(row)): row for row in table["scores"]}
    wanted = {(b, *s) for b in known.BACKENDS for s in subjects(weights)}
    assert len(rows) == len(table["scores"]) and set(rows) == wanted, "other rows than these"
    for (backend, metric, direction, seed, step), row in rows.items():
        one = score(metric, direction, backend, seed, step, weights)
        what = f"{weights} {metric} {direction} of {backend}, seed {seed}, step {step}"
        assert (row["device"], row["weights"], row["n"]) == (SLUG, weights, one.n), what
        if metric in WITHOUT_BOUNDS:
            same(row["value"], one.value, what)
        else:
            same_interval(row, one.bounds, what, 1e-4)


def _differences(table: dict[str, Any], weights: str) -> None:
    rows = {_subject(row): row for row in table["differences"]}
    assert len(rows) == len(table["differences"]) and set(rows) == set(subjects(weights))
    for (metric, direction, seed, step), row in rows.items():
        assert row["backends"] == ["torch", "tf"] and row["weights"] == weights
        first, second = (
            score(metric, direction, backend, seed, step, weights) for backend in known.BACKENDS
        )
        sides = [x - y for x, y in zip(first.left_out, second.left_out, strict=True)]
        what = f"{weights} {metric} {direction}, seed {seed}, step {step}: first minus second"
        same(row["value"], first.value - second.value, what, 1e-5)
        if metric not in WITHOUT_BOUNDS:
            same_interval(row, jackknife(first.value - second.value, sides), what, 1e-4)


def scores(world: World) -> None:
    """Of averaged weights: every metric, direction, backend, seed and step."""
    _scores(world.metrics, "average")


def differences(world: World) -> None:
    _differences(world.metrics, "average")


def last_step(world: World) -> None:
    """Of the last step's weights, which translate otherwise."""
    _scores(world.metrics["last_step"], "last")
    _differences(world.metrics["last_step"], "last")


def references(world: World) -> None:
    """Real images, untranslated ones, these with the target's colours, the target's mean image."""
    rows = {(row["metric"], row["direction"]): row for row in world.metrics["references"]}
    assert set(rows) == {(m, d) for m in METRICS for d in ("ab", "ba")}
    for (metric, direction), row in rows.items():
        source, target, floor = SOURCE[direction], TARGET[direction], FLOOR[direction]
        coloured = recoloured(source, floor)
        wanted: list[float | None] = [None] * 4
        if metric == "kid_efflite0":
            features = map(known_extractor.efficientnet, (floor, source, coloured))
            real = known_extractor.efficientnet(target)
            wanted[:3] = [_kid(x, real) for x in features]
        elif metric in ("fd_efflite0", "fid"):
            network = known_extractor.inception if metric == "fid" else known_extractor.efficientnet
            real = network(target)[FIRST_FOUR]
            wanted[:3] = [frechet(network(x)[FIRST_FOUR], real) for x in (floor, source, coloured)]
        elif metric == "checkerboard":
            wanted[:2] = [_checkerboard(x, target).value for x in (floor, source)]
        elif metric == "judge_accuracy":
            other = SPLIT["ba" if direction == "ab" else "ab"]
            wanted[0] = float(_hits(target, other, direction).mean())
            wanted[1] = float(_hits(source, SPLIT[direction], direction).mean())
        elif metric.startswith("pair"):
            measure = {"pair_psnr": psnr, "pair_ssim": ssim, "pair_mae": mae}[metric]
            mean = np.broadcast_to(np.rint(floor.mean(0)).astype(np.uint8), source.shape)
            wanted[1:] = [float(measure(x, TRUTH[direction]).mean())
                          for x in (source, coloured, mean)]  # fmt: skip
        names = ("floor", "identity_baseline", "colour_baseline", "mean_baseline")
        for name, number in zip(names, wanted, strict=True):
            what = f"{metric} {direction}: {name}"
            if number is None:
                assert row[name] is None, what
            else:
                same(row[name], number, what, 1e-4)


def discriminators(world: World) -> None:
    """Shares of patches on the right side of one half, and mean outputs, on both domains."""
    rows = {
        (row["backend"], row["seed"], row["step"], row["domain"]): row
        for row in world.metrics["discriminators"]
    }
    assert len(rows) == 2 * len(known.SEEDS) * len(EVALUATED) * 2
    for (backend, seed, step, domain), row in rows.items():
        arrays = made(backend, seed, step)
        real, fake = (arrays[f"patches_{kind}_{domain}"] for kind in ("real", "fake"))
        what = f"discriminator {domain} of {backend}, seed {seed}, step {step}"
        same(row["accuracy_real"], float((real > 0.5).mean()), f"{what}: real")
        same(row["accuracy_fake"], float((fake < 0.5).mean()), f"{what}: fake")
        same(row["mean_real"], float(real.astype(float).mean()), f"{what}: mean of real")
        same(row["mean_fake"], float(fake.astype(float).mean()), f"{what}: mean of fake")


def looks(world: World) -> None:
    """That the scores of these seeds were looked at is written down."""
    assert (world.folder / "seeds.json").exists(), "no look is written down"
    found = read_json(world.folder / "seeds.json")
    assert found["looks"] == [{"device": SLUG, "seeds": list(known.SEEDS)}]
    assert (found["design"], found["maximum"]) == ("fixed", None)


CHECKS = (scores, differences, last_step, references, discriminators, looks)
