"""A made-up metrics.json: scores a backend, scattered over seeds, with their differences."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from backends import implementation

KID = {"torch": 0.18, "tf": 0.19, "jax": 0.17}
FINAL = {"fd_efflite0": 60.0, "cycle_psnr": 24.0, "cycle_ssim": 0.82}
PAIRS = {"pair_psnr": 16.0, "pair_ssim": 0.7, "pair_mae": 31.0}
START = {"kid_efflite0": 0.5, "fd_efflite0": 150.0}
IDENTITY = {"kid_efflite0": 0.019, "fd_efflite0": 12.0, "pair_psnr": 11.0, "pair_ssim": 0.6,
            "pair_mae": 60.0}  # fmt: skip
FLOOR = {"kid_efflite0": 0.0004, "fd_efflite0": 6.0}


def metrics_record(
    seeds: Sequence[int],
    devices: Sequence[str],
    backends: Sequence[str],
    steps: int,
    images: int,
    paired: bool,
    winning: bool,
) -> dict[str, Any]:
    """Content of metrics.json. `winning`: KID beats the untranslated images."""
    metrics = ["kid_efflite0", *FINAL, *(PAIRS if paired else ())]
    scores: list[dict[str, Any]] = []
    differences: list[dict[str, Any]] = []
    for metric, direction, device, seed in itertools.product(metrics, ("ab", "ba"), devices, seeds):
        row = {"metric": metric, "direction": direction, "device": device, "seed": seed,
               "n": images}  # fmt: skip
        finals = {backend: final_score(metric, backend, seed, winning) for backend in backends}
        for backend, value in finals.items():
            at = {**row, "backend": backend}
            scores.append({**at, "step": 0, **_interval(START.get(metric, value / 2), 0.06)})
            if not metric.startswith("cycle"):
                # Half way, lower errors and lower scores: best or worse, by the metric.
                scores.append({**at, "step": steps // 2, **_interval(0.9 * value, 0.06)})
            scores.append({**at, "step": steps, **_interval(value, 0.06)})
        for first, second in itertools.combinations(backends, 2):
            gap = finals[first] - finals[second]
            between = {**row, "backends": [first, second], "step": steps}
            spread = 0.02 * finals[first]
            differences.append({**between, "value": gap, "low": gap - spread, "high": gap + spread})
            for step, share in ((0, 0.0), (steps // 4, -2.0), (steps // 2, 1.5)):
                value = share * gap
                bounds = {"value": value, "low": value - spread, "high": value + spread}
                differences.append({**between, "step": step, **bounds})
    references = [
        {"metric": metric, "direction": direction, "floor": FLOOR.get(metric),
         "identity_baseline": IDENTITY.get(metric), "n": images}
        for metric in metrics
        for direction in ("ab", "ba")
    ]  # fmt: skip
    discriminators = [
        {"device": device, "backend": backend, "seed": seed, "step": step, "domain": domain,
         "accuracy_real": 0.8, "accuracy_fake": 0.7, "mean_real": 0.7, "mean_fake": 0.3}
        for device, backend, seed in itertools.product(devices, backends, seeds)
        for step in (0, steps // 2, steps)
        for domain in ("a", "b")
    ]  # fmt: skip
    return {
        "scores": scores,
        "differences": differences,
        "references": references,
        "discriminators": discriminators,
    }


def final_score(metric: str, backend: str, seed: int, winning: bool) -> float:
    """The score after the last step, a little different for every seed and backend."""
    wobble = 1 + 0.03 * float(np.sin(7.0 * seed + len(backend)))
    if metric == "kid_efflite0":
        return KID[implementation(backend)] / (15 if winning else 1) * wobble
    return {**FINAL, **PAIRS}[metric] * wobble


def _interval(value: float, share: float) -> dict[str, float]:
    return {"value": value, "low": value * (1 - share), "high": value * (1 + share)}
