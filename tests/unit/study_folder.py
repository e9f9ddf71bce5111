"""A made-up study folder, written with the real record writers; every number follows from a seed.

Two backends that part a little faster than they part from themselves; scores are normal over seeds
with the standard deviation of a tenth of the margin; the planted difference is three margins, and
one default, `CHANGES`, moves scores by a margin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.config.load import load_experiment
from harness.config.metric_table import METRICS
from harness.studies.consistency.defaults import DEFAULTS
from harness.studies.consistency.effects import YARDSTICK, Effect
from harness.system.files import write_json, write_table

CHANGES = "norm epsilon"
METRIC_NAMES = ("kid_efflite0", "cycle_psnr")
NAMES = {"torch": "PyTorch", "tf": "TensorFlow", "jax": "JAX"}
STEPS, SEEDS, PAIRS = 40, 4, 12
MARGINS = {metric.name: metric.margin for metric in METRICS}


def build_study(folder: Path, names: Sequence[str] = ("torch", "tf")) -> Path:
    """Write the folder and return it. `names`: backends, of NAMES."""
    rng = np.random.default_rng(0)
    experiments = _experiments(names)
    presets = {
        name: load_experiment("seasons", name, []).model_dump() for name in ("quick", "consistency")
    }
    options = {"dataset": "toyseasons", "backends": list(names), "data_dir": None}
    options |= {"results": "results", "overrides": [], "steps": STEPS, "seeds": SEEDS}
    options |= {"pairs": PAIRS, "default_seeds": 3}
    record = {"dataset": "toyseasons", "hash": "0123456789", "options": options}
    record |= {"titles": {"a": "summer", "b": "winter"}, "presets": presets}
    write_json(folder / "study.json", {**record, "experiments": experiments})
    write_table(folder / "divergence.csv", divergence_table(names))
    skipped = [{"backend": "tf", "variant": "channels_last", "skipped": "no such choice here"}]
    write_json(folder / "divergence.json", {"steps": STEPS, "skipped": skipped})
    write_table(folder / "defaults.csv", defaults_table())
    for each in experiments:
        shift = {"planted": 3.0, "default": 1.0 * (each["name"] == CHANGES)}.get(each["role"], 0.0)
        _write_scores(folder / "experiments" / each["folder"], each["seeds"], shift, rng)
    return folder


def divergence_table(names: Sequence[str] = ("torch", "tf")) -> pd.DataFrame:
    """Of each further backend the distance to the first is twice that of the one before."""
    steps = np.arange(STEPS + 1)
    curves = [
        ("between", names[0], other, "same", 0, 9e-7 * 2**place)
        for place, other in enumerate(names[1:])
    ]
    for backend in names:
        curves += [("within", backend, backend, "ulp", draw, 1e-7 * (draw + 1)) for draw in (0, 1)]
    curves += [("moved", backend, backend, "same", 0, 1e-3) for backend in names]
    # A framework whose kernels are wrong: no rounding, and not to be counted as such.
    curves.append(("within", "tf", "tf", "onednn", 0, 9e-4))
    tables = []
    for kind, reference, backend, variant, draw, start in curves:
        distance = np.minimum(start * 2.0**steps, 0.2)
        labels = {"kind": kind, "reference": reference, "backend": backend, "variant": variant}
        values = {"step": steps, "weights": distance, "outputs": distance, "losses": distance}
        tables.append(pd.DataFrame({**labels, "draw": draw, **values}))
    return pd.concat(tables, ignore_index=True)


def defaults_table() -> pd.DataFrame:
    rows = []
    for place, each in enumerate((*DEFAULTS, YARDSTICK)):
        numbers = {
            field: float("nan") if each.cuda else 10.0 ** (place % 5)
            for field, kind in Effect.__annotations__.items()
            if kind == "float"
        }
        words = {"reference": each.reference, "framework": each.framework, "base": ""}
        note = "not measured here: acts on a GPU only" if each.cuda else ""
        row = Effect(each.name, redraws=each.redraws, note=note, **words, **numbers)
        rows.append(asdict(row))
    return pd.DataFrame(rows)


def _experiments(names: Sequence[str]) -> list[dict[str, Any]]:
    many = {names[0]: list(range(2 * PAIRS)), **{n: list(range(SEEDS)) for n in names[1:]}}
    entries = [
        {"role": "reference", "name": "", "folder": "reference", "seeds": many},
        {"role": "planted", "name": "objective.lambda_a=5", "folder": "planted",
         "seeds": {"torch": list(range(PAIRS))}},
    ]  # fmt: skip
    for place, each in enumerate(DEFAULTS):
        if each.cuda:
            continue
        roles = [("base", each.base_overrides), ("default", True)]
        entries += [
            {"role": role, "name": each.name, "folder": f"{role}{place}",
             "seeds": {"torch": [0, 1, 2]}}
            for role, there in roles if there
        ]  # fmt: skip
    return entries


def _write_scores(
    folder: Path, seeds: dict[str, list[int]], shift: float, rng: np.random.Generator
) -> None:
    """Scores in units of the margin: `shift` and a tenth of noise."""
    scores = []
    for backend, of_backend in seeds.items():
        for seed in of_backend:
            run = folder / "runs" / "cpu-example" / f"{backend}-seed{seed}"
            status = {"backend": backend, "seed": seed, "state": "complete"}
            write_json(run / "status.json", {**status, "step": 9, "steps": 9})
            environment = {"framework": NAMES[backend], "device": "Example CPU, 1 thread"}
            write_json(run / "environment.json", environment)
            for metric in METRIC_NAMES:
                for direction in ("ab", "ba"):
                    value = MARGINS[metric] * (5 + shift + 0.1 * rng.normal())
                    key = {"metric": metric, "direction": direction, "backend": backend}
                    scores.append({**key, "seed": seed, "step": 9, "value": value})
    write_json(folder / "metrics.json", {"scores": scores})
    write_json(folder / "experiment.json", {"configuration": {}})
