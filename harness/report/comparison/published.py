"""Published numbers beside one's own: which are of the same thing, and where protocols differ."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from harness.config.experiment import Experiment
from harness.data.catalogue import CATALOGUE, BuiltIn
from harness.records.experiment import ExperimentFolder
from harness.report.comparison.scores import MetricRow
from harness.report.comparison.timing import TimingRow
from harness.report.formatting import fixed, listed, significant
from harness.report.page import Cell, Note, Section, Table
from harness.report.reference_points import ReferencePoint, reference_points

ABOUT = (
    "Numbers that others have published of the same data set and score, or of the same network,"
    " size and batch. Read them with their protocol: by another one a number can be lower without a"
    " better model. One run each, as far as the sources say."
)
WORDS = {
    "images": "images",
    "reals": "real images",
    "inception": "Inception weights",
    "size": "pixels",
    "batch": "batch",
    "steps": "steps",
    "epochs": "epochs",
    "network": "generator",
}
INCEPTION = "pt_inception-2015-12-05"  # the only weights that FID is computed with here
# What a number of each metric depends on.
KEYS = {
    "fid": ("images", "reals", "inception", "size", "batch", "steps", "network"),
    "step_ms": ("size", "batch", "network"),
    "generator_parameters": ("network",),
}
TITLES = {"step_ms": "Training step, ms", "generator_parameters": "Parameters of a generator"}


def published_section(
    experiment: ExperimentFolder, metrics: Sequence[MetricRow], timing: Sequence[TimingRow]
) -> Section | None:
    """None where nothing published is about the same thing, and for built-in data sets."""
    if not experiment.runs or _is_built_in(experiment.dataset):
        return None
    rows = [
        row
        for point in reference_points()
        if (row := _row(point, experiment, metrics, timing)) is not None
    ]
    if not rows:
        return None
    header = ("What", "There", "Here", "Protocol", "Source")
    table = Table(tuple(map(Cell, header)), tuple(rows), numeric=False)
    content = (Note(ABOUT, "soft"), table)
    return Section("Published numbers", content, anchor="published", link="Published")


def network_name(configuration: Mapping[str, Any]) -> str:
    """Of the generators: "resnet-9x64" has 9 blocks and 64 filters, "unet-8x64" 8 levels."""
    model = configuration.get("model") or {}
    kind = model.get("generator")
    depth = model.get("depth" if kind == "unet" else "blocks")
    return f"{kind}-{depth}x{model.get('filters')}"


def differing(point: ReferencePoint, own: Mapping[str, Any]) -> str:
    """In words: what differs, then what the source does not state."""
    apart, silent = [], []
    for key in KEYS[point.metric]:
        there, here = getattr(point.protocol, key), own.get(key)
        if key == "steps" and there is None and point.protocol.epochs is not None:
            key, there, here = "epochs", point.protocol.epochs, own.get("epochs")
        if there is None:
            silent.append(WORDS[key])
        elif there != here:
            apart.append(f"{WORDS[key]} {_shown(there)} (here {_shown(here)})")
    said = [f"Differs: {', '.join(apart)}." if apart else "The same as far as it is stated."]
    said += [f"Not stated: {listed(silent)}."] if silent else []
    said += [f"Measured on {point.device}."] if point.device else []
    said += [f"Not checked: {point.why}."] if point.why else []
    return " ".join(said)


def _row(
    point: ReferencePoint,
    experiment: ExperimentFolder,
    metrics: Sequence[MetricRow],
    timing: Sequence[TimingRow],
) -> tuple[Cell, ...] | None:
    """None: of something else, or nothing of ours to set beside it."""
    own = _protocol(experiment)
    if point.metric == "fid":
        rows = [row for row in metrics if _is_of(point, row, experiment)]
        if not rows:
            return None
        own["images"] = rows[0].images
        title = f"{rows[0].title}, {experiment.path(rows[0].direction)}"
        there, here = fixed(point.value, 1), _scores(experiment, rows)
    else:
        same = all(getattr(point.protocol, key) in (None, own[key]) for key in KEYS[point.metric])
        here = _times(experiment, timing) if point.metric == "step_ms" else _parameters(experiment)
        if not same or not here:
            return None
        title, there = TITLES[point.metric], _shown(point.value)
    source = f"{point.source.section}\nIt says: {point.source.says}"
    return (
        Cell(title, point.what),
        Cell(there),
        Cell("\n".join(here[:1]), "\n".join(here[1:])),
        Cell(differing(point, own)),
        Cell(point.source.where, source),
    )


def _protocol(experiment: ExperimentFolder) -> dict[str, Any]:
    """Ours, by the keys of a point's."""
    return {
        "reals": experiment.setting("evaluation.reals", "test"),
        "inception": INCEPTION,
        "size": experiment.setting("data.crop_size", None),
        "batch": experiment.setting("training.batch_size", None),
        "steps": max(run.status["steps"] for run in experiment.runs),
        "epochs": sum(
            experiment.setting(f"training.epochs_{part}", 0) for part in ("constant", "decay")
        ),
        "network": network_name(experiment.configuration),
    }


def _is_of(point: ReferencePoint, row: MetricRow, experiment: ExperimentFolder) -> bool:
    of_one = point.dataset == _known_as(experiment.dataset)
    return of_one and (row.metric.name, row.direction) == (point.metric, point.direction)


def _scores(experiment: ExperimentFolder, rows: Sequence[MetricRow]) -> list[str]:
    values: dict[str, None] = {}
    for row in rows:
        for name, score in row.scores.items():
            where = f", {row.device}" if len(experiment.devices) > 1 else ""
            values[f"{experiment.title(name)}{where} {row.text(score.interval.value)}"] = None
    return list(values)


def _times(experiment: ExperimentFolder, timing: Sequence[TimingRow]) -> list[str]:
    values: dict[str, None] = {}
    for row in timing:
        if row.quantity == "step_ms_median":
            for name, value in row.values.items():
                if value is not None:
                    where = experiment.device_title(row.device)
                    values[f"{experiment.title(name)} {significant(value)}, {where}"] = None
    return list(values)


def _parameters(experiment: ExperimentFolder) -> list[str]:
    """Of the generator from A to B; nothing where this version cannot build these networks."""
    sections = {key: experiment.setting(key, {}) for key in ("data", "model")}
    try:
        made = Experiment(dataset=experiment.dataset, preset=experiment.preset, **sections)
    except ValueError:
        return []
    shapes = made.networks().parameter_shapes().items()
    counts = [math.prod(shape) for name, shape in shapes if name.startswith("g_ab/")]
    return [f"{sum(counts):,}"]


def _is_built_in(dataset: str) -> bool:
    return any(entry.name == dataset and isinstance(entry.source, BuiltIn) for entry in CATALOGUE)


def _known_as(dataset: str) -> str:
    """The catalogue's name of an alias."""
    names = (entry.name for entry in CATALOGUE if dataset in (entry.name, *entry.aliases))
    return next(names, dataset)


def _shown(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return f"{value:,}" if isinstance(value, int | float) else str(value)
