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
from harness.config.metric_table import Reals
from harness.metrics.artefacts import SMALLEST, checkerboard_energy
from harness.metrics.extractors import EFFICIENTNET, INCEPTION
from harness.metrics.features import Report, features
from harness.metrics.judge import DirectionJudge, read_judges
from harness.metrics.scoring import (
    DIRECTIONS,
    Arrays,
    Score,
    Translations,
    Yardstick,
    discriminator_rows,
    model_scores,
    reference_scores,
    target_colours,
)
from harness.metrics.weights import find_weights
from harness.records.run import RunRecord, find_runs
from harness.statistics.intervals import jackknife
from harness.system.errors import UserError
from harness.system.files import read_arrays, read_json, write_json

REFERENCES = ("real_a", "real_b", "floor_a", "floor_b")
REALS = "reals.safetensors"  # training images, where scores compare with them
Row = dict[str, Any]


def evaluate(experiment: Path, report: Report, known: Known | None = None) -> dict[str, Any]:
    """Write `metrics.json`, and return what is in it: every complete run at every evaluated step.

    Features and a judge's readings are cached in `experiment/features`: evaluating again starts no
    network. `report` is called with (what is being done, how many are done, out of how many).
    `known`: what this process has scored before, which is not scored again; new scores are added.
    Raises UserError where records are missing, damaged or do not fit together.
    """
    configuration = read_json(experiment / "experiment.json").get("configuration", {})
    objective = configuration.get("objective", {})
    given = {"adversarial": objective["adversarial"]} if "adversarial" in objective else {}
    middle = Objective(**given).middle  # of the targets of discriminators
    references = _read_references(experiment / "references.safetensors")
    reals: Reals = configuration.get("evaluation", {}).get("reals", "test")
    runs = [run for run in find_runs(experiment) if run.complete]
    if not runs:
        raise UserError(f"{experiment / 'runs'}: no complete run to score; run `make compare`")
    # One thread: with more, small matrices are slower, above all on a busy machine, and sums
    # depend on the number of cores.
    with threadpool_limits(1):
        weights = "average" if objective.get("average") else "last"
        scored = {} if known is None else known
        everything = [(run, step) for run in runs for step in run.evaluated_steps]
        evaluations = [(run, step) for run, step in everything if (run.folder, step) not in scored]
        new = {run.folder for run, _ in evaluations}
        of_new = [run for run in runs if run.folder in new]
        scorer = Scorer(experiment, references, of_new, weights, report, reals)
        for done, (run, step) in enumerate(evaluations):
            report("scores", done, len(evaluations))
            arrays = _read_evaluation(run, step, references)
            place = {"device": run.device, "backend": run.backend, "seed": run.seed, "step": step}
            judged = [{**place, **row} for row in discriminator_rows(arrays, middle)]
            scored[run.folder, step] = (list(scorer.scores(run, step, arrays)), judged)
        report("scores", len(evaluations), len(evaluations))
        found = [scored[run.folder, step] for run, step in everything]
        scores = [score for of_run, _ in found for score in of_run]
        discriminators = [row for _, rows in found for row in rows]
        order, tables = list(configuration.get("backends", [])), {}
        for kind in ("average", "last"):
            of_kind = [score for score in scores if score.subject["weights"] == kind]
            tables[kind] = {
                "scores": [score.row() for score in of_kind],
                "differences": differences(of_kind, order),
            }
        metrics = {
            **tables[weights],
            "last_step": tables["last"] if weights == "average" else {},
            "references": scorer.references(),
            "discriminators": discriminators,
        }
    write_json(experiment / "metrics.json", metrics)
    return metrics


def yardstick_of(
    images: Arrays,
    efficientnet: Arrays,
    inception: Arrays,
    judges: Mapping[str, DirectionJudge],
    reals: Reals,
) -> Yardstick:
    """`images`: of references.safetensors, with `target_colours`; features of all, by name."""
    small = min(min(images[name].shape[1:3]) for name in ("real_a", "real_b")) < SMALLEST
    return Yardstick(
        images,
        {} if small else {name: checkerboard_energy(images[name]) for name in REFERENCES},
        efficientnet,
        inception,
        {direction: judge.references for direction, judge in judges.items()},
        reals,
    )


def is_scored(experiment: Path) -> bool:
    """Whether metrics.json is younger than every run of the folder."""
    scores = experiment / "metrics.json"
    if not scores.exists():
        return False
    written = scores.stat().st_mtime
    runs = find_runs(experiment)
    return all((run.folder / "status.json").stat().st_mtime < written for run in runs)


class Scorer:
    """Scores evaluations against the experiment's real images.

    Features of the FID network (`inception`) are of real images and final translations only, and
    of nothing without its weights. `weights`: of the generators, "average" or "last".
    """

    def __init__(
        self,
        experiment: Path,
        references: Arrays,
        runs: Sequence[RunRecord],
        weights: str,
        report: Report,
        reals: Reals = "test",
    ) -> None:
        self.weights = weights
        cache, inception = experiment / "features", find_weights()
        references = {**references, **target_colours(references)}
        train = training_images(experiment, reals)
        every = ImageSets(references, runs, train=train)
        self.efficientnet = features(every, EFFICIENTNET, cache, report)
        final = ImageSets(references, runs, last_only=True, train=train)
        self.inception = features(final, INCEPTION, cache, report, inception) if inception else {}
        self.judges = read_judges(experiment, references)
        self.yardstick = yardstick_of(
            references, self.efficientnet, self.inception, self.judges, reals
        )

    def scores(self, run: RunRecord, step: int, arrays: Arrays) -> Iterator[EvaluationScore]:
        """Of the translations and, where these are by averaged weights, of the last step's."""
        for direction in DIRECTIONS:
            judge = self.judges.get(direction.name)
            for weights, array in ((self.weights, direction.name), ("last", direction.last)):
                if array not in arrays:
                    continue
                name = translations_name(run, step, array)
                translations = Translations(
                    arrays if array == direction.name else {direction.name: arrays[array]},
                    self.efficientnet[name],
                    self.inception.get(name),
                    judge.hits(arrays[array]) if judge else None,
                )
                for score in model_scores(direction, self.yardstick, translations):
                    subject: Row = {"metric": score.metric, "direction": direction.name}
                    subject |= {"device": run.device, "seed": run.seed, "step": step}
                    yield EvaluationScore(subject | {"weights": weights}, run.backend, score)

    def references(self) -> list[Row]:
        return [
            {"direction": direction.name, **asdict(score)}
            for direction in DIRECTIONS
            for score in reference_scores(direction, self.yardstick)
        ]


@dataclass(frozen=True)
class EvaluationScore:
    """`subject`: metric, direction, device, seed and step. Scores of one subject are compared."""

    subject: Row
    backend: str
    score: Score

    def row(self) -> Row:
        interval = asdict(jackknife(self.score.replicates))
        return {**self.subject, "backend": self.backend, **interval, "n": self.score.n}


# By folder of a run and step: scores, and rows of its discriminators.
Known = dict[tuple[Path, int], tuple[list[EvaluationScore], list[Row]]]


def differences(scores: Sequence[EvaluationScore], order: Sequence[str]) -> list[Row]:
    """First minus second of every pair of backends with the same subject.

    `order`: backends as the configuration lists them; others come after, by name.
    """

    def rank(score: EvaluationScore) -> tuple[int, str]:
        backend = score.backend
        return (order.index(backend) if backend in order else len(order), backend)

    groups: dict[tuple[Any, ...], list[EvaluationScore]] = {}
    for score in scores:
        groups.setdefault(tuple(score.subject.values()), []).append(score)
    rows = []
    for group in groups.values():
        for first, second in combinations(sorted(group, key=rank), 2):
            interval = asdict(jackknife(first.score.replicates - second.score.replicates))
            backends = [first.backend, second.backend]
            rows.append({**first.subject, "backends": backends, **interval, "n": first.score.n})
    return rows


class ImageSets(Mapping[str, np.ndarray]):
    """Real images and every run's translations by name, read from disk one at a time.

    `last_only`: without the translations made before the last step. `train`: reals.safetensors.
    """

    def __init__(
        self,
        references: Arrays,
        runs: Sequence[RunRecord],
        last_only: bool = False,
        train: Path | None = None,
    ) -> None:
        self._references, self._train = references, train
        made = (direction.colours for direction in DIRECTIONS)
        self._real = [name for name in (*REFERENCES, *made) if name in references]
        self._real += [direction.train for direction in DIRECTIONS] if train else []
        self._translations = {
            translations_name(run, step, array): (run, step, array)
            for run in runs
            for step in run.evaluated_steps[-1 if last_only else 0 :]
            for array in (*(d.name for d in DIRECTIONS), *_of_the_last_step(run, step))
        }

    def __getitem__(self, name: str) -> np.ndarray:
        if name in self._translations:
            run, step, array = self._translations[name]
            return _read_evaluation(run, step, self._references)[array]
        if self._train and name not in self._references:
            return _read_training(self._train, name, self._references)
        return self._references[name]

    def __iter__(self) -> Iterator[str]:
        yield from self._real
        yield from self._translations

    def __len__(self) -> int:
        return len(self._real) + len(self._translations)


def translations_name(run: RunRecord, step: int, direction: str) -> str:
    """Name of one run's translations among the image sets."""
    return f"{run.evaluation_file(step)}:{direction}"


def _of_the_last_step(run: RunRecord, step: int) -> list[str]:
    """Arrays made by the weights of the last step, beside those by averaged weights."""
    return sorted(read_arrays(run.evaluation_file(step), "last_"))


def _read_evaluation(run: RunRecord, step: int, references: Arrays) -> dict[str, np.ndarray]:
    """A run's evaluation, checked against the real images it was made from."""
    path, arrays = run.evaluation_file(step), run.evaluation(step)
    for direction in DIRECTIONS:
        if direction.name not in arrays:
            raise UserError(f"{path}: no array {direction.name!r}; remove this run, train it anew")
        source, target = (references[name].shape for name in (direction.source, direction.target))
        _check(path, arrays, direction.name, (source[0], *target[1:]))
        if direction.last in arrays:
            _check(path, arrays, direction.last, (source[0], *target[1:]))
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


def training_images(experiment: Path, reals: Reals) -> Path | None:
    """Their file, where scores compare with them. Raises UserError where it is not there."""
    path = experiment / REALS
    if reals != "test" and not path.is_file():
        raise UserError(f"{path}: no such file; run `make compare` to make it")
    return None if reals == "test" else path


def _read_training(path: Path, name: str, references: Arrays) -> np.ndarray:
    arrays = read_arrays(path, name)
    if name not in arrays or not len(arrays[name]):
        raise UserError(f"{path}: no array {name!r}; remove it and run `make compare`")
    shape = references[f"real_{name[-1]}"].shape[1:]
    _check(path, arrays, name, (len(arrays[name]), *shape))
    return arrays[name]


def _check(path: Path, arrays: Arrays, name: str, shape: tuple[int, ...]) -> None:
    array = arrays[name]
    if array.dtype != np.uint8 or array.ndim != 4 or array.shape != shape:
        raise UserError(
            f"{path}: {name!r} is {array.dtype} {array.shape}, not uint8 {shape}; "
            "remove it and run `make compare`"
        )
