"""`cyclebench consistency`: divergence, cost of the defaults, verdict over seeds, calibration.

A study is a folder `results/consistency-<dataset>-<hash>/`; the hash covers the data, the code and
the settings of both scales, not how many seeds, pairs or steps: those can be added to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from backends import USUAL
from harness.config.backend_names import check_backends
from harness.config.experiment import Experiment
from harness.config.load import load_experiment
from harness.data import Prepared
from harness.launch.launch import HERE, LaunchRequest
from harness.statistics.intervals import MINIMUM_SEEDS
from harness.studies.consistency.defaults import DEFAULTS, switched
from harness.studies.consistency.divergence import divergence
from harness.studies.consistency.effects import default_effects
from harness.studies.consistency.launch import Images, clean
from harness.studies.consistency.page import write_page
from harness.studies.consistency.runs import Runs, Variant
from harness.system.errors import UserError
from harness.system.files import write_json
from harness.system.lock import locked
from harness.system.machine import find_machine
from harness.system.progress import Display
from harness.training.experiment_folder import decoded_images, experiment_folder, prepare_data
from harness.training.jobs import ComparisonRequest, image_files, tell

# Presets: the gap between backends is followed on networks that a user would train; defaults, which
# need many trajectories and whole runs, on small ones.
FOLLOWED, WHOLE = "quick", "consistency"
DEFAULT_SEEDS = 3


@dataclass(frozen=True)
class ConsistencyOptions:
    """`steps` are followed one by one. `seeds` of each backend, and pairs of runs in a verdict.
    `pairs` of runs in the calibration, as many for A/A as for A/B."""

    dataset: str = "seasons"
    backends: tuple[str, ...] = USUAL
    data_dir: Path | None = None
    results: Path = Path("results")
    overrides: tuple[str, ...] = ()
    steps: int = 200
    seeds: int = 5
    pairs: int = 20


@dataclass(frozen=True)
class Scale:
    """Networks and images of one preset."""

    experiment: Experiment
    prepared: Prepared


def study(options: ConsistencyOptions, display: Display, launch: LaunchRequest = HERE) -> Path:
    """Do what is not done yet, and return the path of consistency.html.

    Raises UserError for bad input, and WorkerFailed if a training died: after all else is done.
    """
    _check(options)
    followed, whole = (_scale(options, preset, display) for preset in (FOLLOWED, WHOLE))
    variants = plan(options, whole.experiment)
    # The folder's hash is made of those that an experiment folder of either scale would have.
    names = [experiment_folder(Path(), s.experiment, s.prepared).name for s in (followed, whole)]
    digest = hashlib.sha256("\n".join(names).encode()).hexdigest()[:10]
    folder = options.results / f"consistency-{followed.experiment.dataset}-{digest}"
    tell(display, find_machine("cpu"), folder, folder / "**" / "log*")
    with locked(folder):
        display.say(
            f"1 of 2: {options.steps} steps, followed one by one; "
            f"2 of 2: many short trainings, of preset {WHOLE}"
        )
        _follow(folder, options, followed, whole, display)
        runs = Runs(folder, whole.prepared, display)
        if launch.launcher == "local":
            failures = runs.train(variants, launch.at_once)
        else:
            request = ComparisonRequest(dataset=options.dataset, data_dir=options.data_dir)
            failures = runs.train_by(launch, request, variants)
        display.say("Scoring translations")
        runs.score(variants)
        _record(folder, options, (followed, whole), runs, variants)
        page = write_page(folder)
        if failures:
            raise failures[0]
        return page


def plan(options: ConsistencyOptions, experiment: Experiment) -> list[Variant]:
    """Every experiment of whole runs, and the seeds that each needs."""
    first, *others = options.backends
    own = range(max(2 * options.pairs, options.seeds, DEFAULT_SEEDS))
    seeds = {first: tuple(own), **{name: tuple(range(options.seeds)) for name in others}}
    few = {first: tuple(range(DEFAULT_SEEDS))}
    difference = planted(experiment)
    variants = [
        Variant("reference", "", experiment, seeds),
        Variant(
            "planted",
            " and ".join(difference),
            switched(experiment, difference),
            {first: tuple(range(options.pairs))},
        ),
    ]
    for default in DEFAULTS:
        base = switched(experiment, default.base_overrides)
        changed = switched(base, default.overrides)
        if default.cuda or changed == base:  # no GPU is used; or it is in force already
            continue
        if base != experiment:
            variants.append(Variant("base", default.name, base, few))
        variants.append(Variant("default", default.name, changed, few))
    return variants


def planted(experiment: Experiment) -> tuple[str, ...]:
    """The difference of A/B, as `--set` strings: half the weight of the cycle losses."""
    objective = experiment.objective
    return (
        f"objective.lambda_a={objective.lambda_a / 2:g}",
        f"objective.lambda_b={objective.lambda_b / 2:g}",
    )


def _check(options: ConsistencyOptions) -> None:
    check_backends(list(options.backends))
    if len(options.backends) < 2:
        raise UserError("consistency: needs two backends at least, such as --backends torch,tf")
    if options.seeds < MINIMUM_SEEDS:
        raise UserError(
            f"seeds: {options.seeds} is too few for a verdict; at least {MINIMUM_SEEDS}"
        )
    if options.pairs < options.seeds:
        raise UserError(
            f"pairs: {options.pairs} is less than the {options.seeds} of one verdict; "
            f"at least --pairs {options.seeds}"
        )


def _scale(options: ConsistencyOptions, preset: str, display: Display) -> Scale:
    experiment = load_experiment(options.dataset, preset, list(options.overrides))
    prepared = prepare_data(experiment, options.data_dir, display)
    return Scale(experiment.model_copy(update={"dataset": prepared.manifest.name}), prepared)


def _follow(
    folder: Path, options: ConsistencyOptions, followed: Scale, whole: Scale, display: Display
) -> None:
    """Trajectories: divergence.csv of the larger networks, defaults.csv of the smaller ones."""

    def progress(what: str, done: int, total: int) -> None:
        display.update("steps followed", done, total, what)

    def images(scale: Scale) -> Images:
        """Decoded once for each way to resize."""
        files: dict[str, dict[str, str]] = {}

        def files_of(experiment: Experiment) -> dict[str, str]:
            method = experiment.data.resize
            if method not in files:
                files[method] = image_files(decoded_images(scale.prepared, experiment, display))
            return files[method]

        return files_of

    names, rest = options.backends, (options.steps, display.say, progress)
    divergence(folder, followed.experiment, images(followed), names, *rest)
    default_effects(folder, whole.experiment, images(whole), names[0], *rest)
    clean(folder)


def _record(
    folder: Path,
    options: ConsistencyOptions,
    scales: Sequence[Scale],
    runs: Runs,
    variants: Sequence[Variant],
) -> None:
    """study.json: what the page needs to find and name the rest."""
    asked = {**asdict(options), "data_dir": options.data_dir and str(options.data_dir)}
    asked |= {"results": str(options.results), "default_seeds": DEFAULT_SEEDS}
    title_a, title_b = scales[-1].prepared.located.titles
    content = {
        "dataset": scales[0].experiment.dataset,
        "hash": folder.name.rpartition("-")[2],
        "options": asked,
        "titles": {"a": title_a, "b": title_b},
        "presets": {scale.experiment.preset: scale.experiment.model_dump() for scale in scales},
        "experiments": [
            {
                "role": variant.role,
                "name": variant.name,
                "folder": runs.folder(variant.experiment).name,
                "seeds": {name: list(seeds) for name, seeds in variant.seeds.items()},
            }
            for variant in variants
        ],
    }
    write_json(folder / "study.json", content)
