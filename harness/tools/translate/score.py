"""The scores of one model on a data set's test images: trained here, or taken in from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from backends.interface import Backend, Direction
from harness.data import Images
from harness.data.cache import cache_folder
from harness.metrics.evaluate import yardstick_of
from harness.metrics.extractors import EFFICIENTNET, INCEPTION
from harness.metrics.features import features
from harness.metrics.judge import DirectionJudge, digest_of_arrays, read_judges
from harness.metrics.scoring import (
    DIRECTIONS,
    ReferenceScore,
    Score,
    Translations,
    model_scores,
    reference_scores,
    target_colours,
)
from harness.metrics.weights import find_weights
from harness.statistics.intervals import Interval, Replicates, jackknife
from harness.system.errors import UserError
from harness.system.files import write_arrays, write_json
from harness.system.machine import find_machine
from harness.system.progress import Display
from harness.system.untrusted import is_folder
from harness.tools.trained_model import TrainedModel, read_model
from harness.tools.translate.generator import choose_backend, load_backend
from harness.training.experiment_folder import (
    LABELS,
    REALS,
    arrays_of,
    evaluation_images,
    prepare_data,
)
from harness.training.translations import AT_ONCE


@dataclass(frozen=True)
class ScoreRequest:
    """`direction`: ab, ba, both (those there are), or titles. `to`: a JSON file, if any.

    `beside`: another model, with whose scores on the same images these are compared.
    """

    model: Path
    dataset: str
    beside: Path | None = None
    data_dir: Path | None = None
    direction: str = "both"
    backend: str | None = None
    device: str | None = None
    to: Path | None = None
    overwrite: bool = False


@dataclass(frozen=True)
class ScoredDirection:
    """One metric in one direction. `interval`: of other test images; `n`: images translated.

    `replicates`: the score, and without each block of images.
    """

    direction: Direction
    metric: str
    replicates: Replicates
    n: int
    reference: ReferenceScore | None

    @property
    def interval(self) -> Interval:
        return jackknife(self.replicates)

    def row(self) -> dict[str, Any]:
        """As in results/README.md."""
        beside = asdict(self.reference) if self.reference else {}
        names = ("floor", "identity_baseline", "colour_baseline", "mean_baseline")
        row = {"metric": self.metric, "direction": self.direction, **asdict(self.interval)}
        return row | {"n": self.n} | {name: beside.get(name) for name in names}


@dataclass(frozen=True)
class Scores:
    """`document`: what is written, and printed for scripts. `beside`: of the other model."""

    trained: TrainedModel
    backend: str
    scores: tuple[ScoredDirection, ...]
    document: dict[str, Any]
    beside: Scores | None = None


def score(request: ScoreRequest, display: Display) -> Scores:
    """Translate the test images at the size of the model's training, and score them.

    As runs of a comparison are scored: the same metrics, references and intervals. Raises UserError
    for bad input; then nothing is written.
    """
    if not request.dataset:
        raise UserError("--dataset: is empty; give a name or a folder")
    _check_target(request)
    scores = _score(request, display)
    if request.beside is not None:
        other = _score(replace(request, model=request.beside), display)
        document = {
            **scores.document,
            "beside": other.document,
            "differences": differences(scores, other),
        }
        scores = replace(scores, beside=other, document=document)
    if request.to is not None:
        write_json(request.to, scores.document)
    return scores


def differences(one: Scores, other: Scores) -> list[dict[str, Any]]:
    """`one` minus `other` of every score that both have: paired, for other test images.

    Raises UserError where they are of other images, or of images of another size: such scores
    cannot be compared.
    """
    for key in ("dataset", "size", "reals", "images_digest", "pixels_digest"):
        if one.document[key] != other.document[key]:
            raise UserError(
                f"--beside: {one.trained.name} and {other.trained.name} are scored on other images:"
                f" {key} is {one.document[key]} and {other.document[key]}; score each by itself"
            )
    theirs = {(each.direction, each.metric): each for each in other.scores}
    rows = []
    for mine in one.scores:
        its = theirs.get((mine.direction, mine.metric))
        if its is not None:
            interval = jackknife(mine.replicates - its.replicates)
            rows.append({"metric": mine.metric, "direction": mine.direction, **asdict(interval)})
    return rows


def _score(request: ScoreRequest, display: Display) -> Scores:
    """Of `request.model`."""
    trained = read_model(request.model)
    both = request.direction == "both"
    ways = trained.directions if both else (trained.find_direction(request.direction),)
    name, machine = choose_backend(trained, request.backend), find_machine(request.device)
    configuration = trained.configuration.model_copy(update={"dataset": request.dataset})
    prepared = prepare_data(configuration, request.data_dir, display)
    images = evaluation_images(prepared, configuration, display)
    references = arrays_of(images, configuration)
    reals = configuration.evaluation.reals
    train = {} if reals == "test" else {key: np.asarray(images[of]) for key, of in REALS.items()}
    backend = load_backend(trained, name, machine.device, machine.threads)
    made = _translations(trained, backend, ways, references, display)
    with threadpool_limits(1), TemporaryDirectory(prefix="cyclebench-") as folder:
        real = {**references, **target_colours(references)}
        sets = {key: array for key, array in real.items() if not key.startswith("truth")} | train
        sets |= {f"made_{way}": made[way] for way in ways}
        cache = cache_folder() / "features"
        vectors = features(sets, EFFICIENTNET, cache, display.stage)
        weights = find_weights()
        of_fid = features(sets, INCEPTION, cache, display.stage, weights) if weights else {}
        judges = _judges(Path(folder), images, references)
        yardstick = yardstick_of(real, vectors, of_fid, judges, reals)
        scores = []
        for direction in (each for each in DIRECTIONS if each.name in ways):
            of = f"made_{direction.name}"
            judge = judges.get(direction.name)
            hits = judge.hits(made[direction.name]) if judge else None
            translations = Translations(made, vectors[of], of_fid.get(of), hits)
            beside = {each.metric: each for each in reference_scores(direction, yardstick)}
            scores += [
                _scored(direction.name, each, beside.get(each.metric))  # type: ignore[arg-type]
                for each in model_scores(direction, yardstick, translations)
            ]
    document = {
        "kind": "scores",
        "model": trained.name,
        "origin": trained.origin,
        "backend": name,
        "device": machine.device_name,
        "dataset": prepared.manifest.name,
        "images_digest": prepared.manifest.digest,
        "pixels_digest": digest_of_arrays(*(references[name] for name in sorted(references))),
        "size": {domain: configuration.data.crop(domain) for domain in "ab"},
        "reals": reals,
        "scores": [each.row() for each in scores],
    }
    return Scores(trained, name, tuple(scores), document)


def _scored(
    direction: Direction, score: Score, reference: ReferenceScore | None
) -> ScoredDirection:
    return ScoredDirection(direction, score.metric, score.replicates, score.n, reference)


def _check_target(request: ScoreRequest) -> None:
    to = request.to
    if to is None:
        return
    if to.suffix.lower() != ".json" or is_folder(to):
        raise UserError(f"--to {to}: is no .json file; give a name that ends so")
    if to.exists() and not request.overwrite:
        raise UserError(f"{to}: is there already; add --overwrite, or give another file")


def _translations(
    trained: TrainedModel,
    backend: Backend,
    ways: tuple[Direction, ...],
    references: Mapping[str, np.ndarray],
    display: Display,
) -> dict[str, np.ndarray]:
    """By direction, and where both generators are there, back again: uint8 NHWC."""

    def translate(of: np.ndarray, way: Direction, what: str) -> np.ndarray:
        parts = []
        for start in range(0, len(of), AT_ONCE):
            display.stage(what, start, len(of))
            parts.append(backend.translate(of[start : start + AT_ONCE], way))
        display.stage(what, len(of), len(of))
        return np.concatenate(parts)

    made: dict[str, np.ndarray] = {}
    for way in ways:
        source, target = way
        made[way] = translate(references[f"real_{source}"], way, f"translate {way}")
        back: Direction = "ba" if way == "ab" else "ab"
        if back in trained.directions:
            made[f"{source}{target}{source}"] = translate(made[way], back, f"and back {way}")
    return made


def _judges(
    folder: Path, images: Mapping[str, Images], references: Mapping[str, np.ndarray]
) -> dict[str, DirectionJudge]:
    """Of a labelled data set, else none; `folder` is theirs."""
    labels = {name: np.asarray(images[key]) for name, key in LABELS.items() if key in images}
    if labels:
        write_arrays(folder / "labels.safetensors", labels)
    return read_judges(folder, references)
