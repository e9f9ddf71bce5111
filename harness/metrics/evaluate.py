"""Score every complete run of an experiment folder and write `metrics.json` (results/README.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import UserError
from harness.metrics.features import Report, features
from harness.metrics.scoring import DIRECTIONS, Arrays, Score, model_scores, reference_scores
from harness.records import RunRecord, find_runs, read_arrays, read_json, write_json
from harness.statistics import jackknife

REFERENCES = ("real_a", "real_b", "floor_a", "floor_b")
Row = dict[str, Any]


def evaluate(experiment: Path, report: Report) -> dict[str, Any]:
    """Write `metrics.json`, and return what is in it: every complete run at every evaluated step.

    Features are cached in `experiment/features`: evaluating again starts no extractor. `report` is
    called with (what is being done, how many are done, out of how many). Raises UserError where
    records are missing, damaged or do not fit together.
    """
    configuration = read_json(experiment / "experiment.json").get("configuration", {})
    references = _read_references(experiment / "references.safetensors")
    runs = [run for run in find_runs(experiment) if run.complete]
    if not runs:
        raise UserError(f"{experiment / 'runs'}: no complete run to score; run `make compare`")
    found = features(ImageSets(references, runs), experiment / "features", report)
    evaluations = [(run, step) for run in runs for step in run.evaluated_steps]
    placed: list[PlacedScore] = []
    for done, (run, step) in enumerate(evaluations):
        report("scores", done, len(evaluations))
        placed += _score_run(run, step, references, found)
    report("scores", len(evaluations), len(evaluations))
    metrics = {
        "scores": [one.row() for one in placed],
        "differences": differences(placed, list(configuration.get("backends", []))),
        "references": [
            {"metric": one.metric, "direction": direction.name, **asdict(one)}
            for direction in DIRECTIONS
            for one in reference_scores(direction, references, found)
        ],
    }
    write_json(experiment / "metrics.json", metrics)
    return metrics


@dataclass(frozen=True)
class PlacedScore:
    """A score and the run, step and direction it belongs to."""

    direction: str
    device: str
    backend: str
    seed: int
    step: int
    score: Score

    @property
    def subject(self) -> Row:
        metric, direction = self.score.metric, self.direction
        return {"metric": metric, "direction": direction, "device": self.device}

    def row(self) -> Row:
        run = {"backend": self.backend, "seed": self.seed, "step": self.step}
        interval = asdict(jackknife(self.score.replicates))
        return {**self.subject, **run, **interval, "n": self.score.n}


def differences(placed: list[PlacedScore], order: list[str]) -> list[Row]:
    """First minus second of every pair of backends with the same device, seed and step.

    `order`: backends as the configuration lists them; others come after, by name.
    """

    def rank(one: PlacedScore) -> tuple[int, str]:
        known = one.backend in order
        return (order.index(one.backend) if known else len(order), one.backend)

    groups: dict[tuple[Any, ...], list[PlacedScore]] = {}
    for one in placed:
        groups.setdefault((*one.subject.values(), one.seed, one.step), []).append(one)
    rows = []
    for group in groups.values():
        for first, second in combinations(sorted(group, key=rank), 2):
            interval = jackknife(first.score.replicates - second.score.replicates)
            at = {"backends": [first.backend, second.backend], "seed": first.seed}
            row = {**first.subject, **at, "step": first.step, **asdict(interval)}
            rows.append({**row, "n": first.score.n})
    return rows


class ImageSets(Mapping[str, np.ndarray]):
    """Real images and every run's translations by name, read from disk one at a time."""

    def __init__(self, references: Arrays, runs: list[RunRecord]) -> None:
        self._references = references
        self._translations = {
            translations_name(run, step, direction.name): (run, step, direction.name)
            for run in runs
            for step in run.evaluated_steps
            for direction in DIRECTIONS
        }

    def __getitem__(self, name: str) -> np.ndarray:
        if name in self._translations:
            run, step, array = self._translations[name]
            return _read_evaluation(run, step, self._references)[array]
        return self._references[name]

    def __iter__(self) -> Iterator[str]:
        yield from REFERENCES
        yield from self._translations

    def __len__(self) -> int:
        return len(REFERENCES) + len(self._translations)


def translations_name(run: RunRecord, step: int, direction: str) -> str:
    """Name of one run's translations among the image sets."""
    return f"{run.evaluation_file(step)}:{direction}"


def _score_run(
    run: RunRecord, step: int, references: Arrays, found: Arrays
) -> Iterator[PlacedScore]:
    evaluation = _read_evaluation(run, step, references)
    for direction in DIRECTIONS:
        fake = found[translations_name(run, step, direction.name)]
        for score in model_scores(direction, references, evaluation, found, fake):
            yield PlacedScore(direction.name, run.device, run.backend, run.seed, step, score)


def _read_evaluation(run: RunRecord, step: int, references: Arrays) -> dict[str, np.ndarray]:
    """A run's evaluation, checked against the real images it was made from."""
    path, arrays = run.evaluation_file(step), run.evaluation(step)
    for direction in DIRECTIONS:
        if direction.name not in arrays:
            raise UserError(f"{path}: no array {direction.name!r}; remove this run, train it anew")
        for name in {direction.name, direction.cycle} & arrays.keys():
            _check(path, arrays, name, references[direction.source].shape)
    return arrays


def _read_references(path: Path) -> dict[str, np.ndarray]:
    arrays = read_arrays(path)
    for name in REFERENCES:
        if name not in arrays:
            raise UserError(f"{path}: no array {name!r}; remove it and run `make compare`")
        _check(path, arrays, name, (len(arrays[name]), *arrays["real_a"].shape[1:]))
    for direction in DIRECTIONS:
        if direction.truth in arrays:
            _check(path, arrays, direction.truth, arrays[direction.source].shape)
    return arrays


def _check(path: Path, arrays: Arrays, name: str, shape: tuple[int, ...]) -> None:
    array = arrays[name]
    if array.dtype != np.uint8 or array.ndim != 4 or array.shape != shape:
        raise UserError(
            f"{path}: {name!r} is {array.dtype} {array.shape}, not uint8 {shape}; "
            "remove it and run `make compare`"
        )
