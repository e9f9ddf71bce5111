"""Score every complete run of an experiment folder and write `metrics.json` (results/README.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from backends.objective import Objective
from harness.metrics.artefacts import SMALLEST, checkerboard_energy
from harness.metrics.discriminators import judgements
from harness.metrics.extractors import EFFICIENTNET, INCEPTION
from harness.metrics.features import Report, features
from harness.metrics.judging import DirectionJudge, read_judges
from harness.metrics.scoring import (
    DIRECTIONS,
    Arrays,
    Score,
    Translations,
    Yardstick,
    model_scores,
    reference_scores,
)
from harness.metrics.weights import find_weights
from harness.records.run import RunRecord, find_runs
from harness.statistics.intervals import jackknife
from harness.system.errors import UserError
from harness.system.files import read_arrays, read_json, write_json

REFERENCES = ("real_a", "real_b", "floor_a", "floor_b")
Row = dict[str, Any]


def evaluate(experiment: Path, report: Report) -> dict[str, Any]:
    """Write `metrics.json`, and return what is in it: every complete run at every evaluated step.

    Features and a judge's readings are cached in `experiment/features`: evaluating again starts no
    network. `report` is called with (what is being done, how many are done, out of how many).
    Raises UserError where records are missing, damaged or do not fit together.
    """
    configuration = read_json(experiment / "experiment.json").get("configuration", {})
    middle = _middle(configuration.get("objective", {}))
    references = _read_references(experiment / "references.safetensors")
    runs = [run for run in find_runs(experiment) if run.complete]
    if not runs:
        raise UserError(f"{experiment / 'runs'}: no complete run to score; run `make compare`")
    # One thread: small matrices are slower with several, ruinously so where anything else runs,
    # and sums do not depend on the machine's number of cores.
    with threadpool_limits(1):
        features = _features(experiment, ImageSets(references, runs), report)
        scorer = Scorer(references, features, read_judges(experiment, references))
        evaluations = [Evaluation(run, step) for run in runs for step in run.evaluated_steps]
        placed: list[EvaluationScore] = []
        discriminators: list[Row] = []
        for done, place in enumerate(evaluations):
            report("scores", done, len(evaluations))
            arrays = _read_evaluation(place.run, place.step, references)
            placed += scorer.scores(place, arrays)
            discriminators += [{**place.row, **asdict(one)} for one in judgements(arrays, middle)]
        report("scores", len(evaluations), len(evaluations))
        metrics = {
            "scores": [one.row() for one in placed],
            "differences": differences(placed, list(configuration.get("backends", []))),
            "references": scorer.references(),
            "discriminators": discriminators,
        }
    write_json(experiment / "metrics.json", metrics)
    return metrics


def is_scored(experiment: Path) -> bool:
    """Whether metrics.json is younger than every run of the folder."""
    scores = experiment / "metrics.json"
    if not scores.exists():
        return False
    written = scores.stat().st_mtime
    runs = find_runs(experiment)
    return all((run.folder / "status.json").stat().st_mtime < written for run in runs)


@dataclass(frozen=True)
class Evaluation:
    """One evaluation: a run and the steps it had done."""

    run: RunRecord
    step: int

    @property
    def row(self) -> Row:
        run = self.run
        return {"device": run.device, "backend": run.backend, "seed": run.seed, "step": self.step}


class Scorer:
    """Scores evaluations against the experiment's real images."""

    def __init__(
        self, references: Arrays, features: Features, judges: Mapping[str, DirectionJudge]
    ) -> None:
        self.features, self.judges = features, judges
        self.yardstick = Yardstick(
            references,
            _energies(references),
            features.efficientnet,
            features.inception,
            {direction: judge.references for direction, judge in judges.items()},
        )

    def scores(self, place: Evaluation, arrays: Arrays) -> Iterator[EvaluationScore]:
        for direction in DIRECTIONS:
            name = translations_name(place.run, place.step, direction.name)
            judge = self.judges.get(direction.name)
            translations = Translations(
                arrays,
                self.features.efficientnet[name],
                self.features.inception.get(name),
                judge.hits(arrays[direction.name]) if judge else None,
            )
            for score in model_scores(direction, self.yardstick, translations):
                yield EvaluationScore(place, direction.name, score)

    def references(self) -> list[Row]:
        return [
            {"direction": direction.name, **asdict(one)}
            for direction in DIRECTIONS
            for one in reference_scores(direction, self.yardstick)
        ]


@dataclass(frozen=True)
class Features:
    """Of every set of images by name; `inception` of real images and final translations only."""

    efficientnet: dict[str, np.ndarray]
    inception: dict[str, np.ndarray]  # empty without the weights that FID is defined by


def _middle(objective: Mapping[str, Any]) -> float:
    """Between what discriminators are to say of real images and of fakes."""
    given = {"adversarial": objective["adversarial"]} if "adversarial" in objective else {}
    return Objective(**given).middle


def _energies(references: Arrays) -> Arrays:
    if min(min(references[name].shape[1:3]) for name in ("real_a", "real_b")) < SMALLEST:
        return {}
    return {name: checkerboard_energy(references[name]) for name in REFERENCES}


def _features(experiment: Path, sets: ImageSets, report: Report) -> Features:
    cache = experiment / "features"
    weights = find_weights()
    efficientnet = features(sets, EFFICIENTNET, cache, report)
    inception = features(sets.final(), INCEPTION, cache, report, weights) if weights else {}
    return Features(efficientnet, inception)


@dataclass(frozen=True)
class EvaluationScore:
    """A score and where it belongs."""

    place: Evaluation
    direction: str
    score: Score

    @property
    def subject(self) -> Row:
        """What is compared with what: never across metrics, directions, devices, seeds, steps."""
        row = self.place.row
        del row["backend"]
        return {"metric": self.score.metric, "direction": self.direction, **row}

    def row(self) -> Row:
        interval = asdict(jackknife(self.score.replicates))
        backend = self.place.run.backend
        return {**self.subject, "backend": backend, **interval, "n": self.score.n}


def differences(placed: list[EvaluationScore], order: list[str]) -> list[Row]:
    """First minus second of every pair of backends with the same device, seed and step.

    `order`: backends as the configuration lists them; others come after, by name.
    """

    def rank(one: EvaluationScore) -> tuple[int, str]:
        backend = one.place.run.backend
        return (order.index(backend) if backend in order else len(order), backend)

    groups: dict[tuple[Any, ...], list[EvaluationScore]] = {}
    for one in placed:
        groups.setdefault(tuple(one.subject.values()), []).append(one)
    rows = []
    for group in groups.values():
        for first, second in combinations(sorted(group, key=rank), 2):
            interval = jackknife(first.score.replicates - second.score.replicates)
            backends = [first.place.run.backend, second.place.run.backend]
            row = {**first.subject, "backends": backends, **asdict(interval)}
            rows.append({**row, "n": first.score.n})
    return rows


class ImageSets(Mapping[str, np.ndarray]):
    """Real images and every run's translations by name, read from disk one at a time."""

    def __init__(
        self, references: Arrays, runs: Sequence[RunRecord], last_only: bool = False
    ) -> None:
        self._references, self._runs = references, runs
        self._translations = {
            translations_name(run, step, direction.name): (run, step, direction.name)
            for run in runs
            for step in run.evaluated_steps[-1 if last_only else 0 :]
            for direction in DIRECTIONS
        }

    def final(self) -> ImageSets:
        """Without the translations made before the last step."""
        return ImageSets(self._references, self._runs, last_only=True)

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


def _read_evaluation(run: RunRecord, step: int, references: Arrays) -> dict[str, np.ndarray]:
    """A run's evaluation, checked against the real images it was made from."""
    path, arrays = run.evaluation_file(step), run.evaluation(step)
    for direction in DIRECTIONS:
        if direction.name not in arrays:
            raise UserError(f"{path}: no array {direction.name!r}; remove this run, train it anew")
        source, target = (references[name].shape for name in (direction.source, direction.target))
        _check(path, arrays, direction.name, (source[0], *target[1:]))
        if direction.cycle in arrays:
            _check(path, arrays, direction.cycle, source)
    return arrays


def _read_references(path: Path) -> dict[str, np.ndarray]:
    arrays = read_arrays(path)
    for name in REFERENCES:
        if name not in arrays:
            raise UserError(f"{path}: no array {name!r}; remove it and run `make compare`")
        real = arrays[f"real_{name[-1]}"]
        _check(path, arrays, name, (len(arrays[name]), *real.shape[1:]))
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
