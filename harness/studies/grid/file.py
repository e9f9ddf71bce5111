"""A study as its YAML file describes it: read, checked, refused in one line.

description: what it asks, and what it costs
preset: smoke
seeds: [0, 1, 2]
set: {model.filters: 8}                  # fixed for all cells
grid:
  model.blocks: [0, 1, 3]                # a key and its values
  lambda:                                # or a name and variants of several keys each
    none: {objective.lambda_a: 0, objective.lambda_b: 0}
    usual: {objective.lambda_a: 10, objective.lambda_b: 10}
report: {metrics: [kid_efflite0], x: model.blocks, baseline: {model.blocks: 0, lambda: usual}}

An axis `backend`, as `backend: [tf@2.19.1, tf@2.21.0]`, says which backends every cell is trained
with; `parity` then has each of them checked against the one before it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any

from pydantic import Field, ValidationError, model_validator

import backends
from harness.config.backend_names import check_names
from harness.config.load import one_line
from harness.config.metric_table import BY_NAME
from harness.config.sections import ConfigSection, Seed
from harness.system.errors import UserError
from harness.system.strict_yaml import MOST_CHARACTERS, parse_yaml
from harness.system.untrusted import check_file, expanded, is_file, reason

MOST_BYTES = 4 * MOST_CHARACTERS
SPECIAL = ("dataset", "preset")  # keys of a grid that are no section.key
LARGEST = 2**63
SHIPPED = resources.files("harness.studies.grid") / "files"

# ------------------------------------------------------------------------------------------ axes


@dataclass(frozen=True)
class GridAxis:
    """A config key and its values, or a name and variants of several keys.

    `settings[i]`: what the variant `labels[i]` sets, config key -> value.
    """

    key: str
    title: str
    labels: tuple[str, ...]
    settings: tuple[Mapping[str, Any], ...]

    @property
    def keys(self) -> set[str]:
        """Everything that some variant sets."""
        return {key for variant in self.settings for key in variant}

    def find(self, wanted: Any) -> str:
        """The label of a value, or the label itself. Raises ValueError."""
        if label(wanted) not in self.labels:
            raise ValueError(f"{self.key}: {wanted!r} is none of {', '.join(self.labels)}")
        return label(wanted)


def make_axes(grid: Mapping[str, Any]) -> tuple[GridAxis, ...]:
    """Raises ValueError for what is no axis."""
    axes = []
    for key, content in grid.items():
        try:
            axes.append(_axis(key, content))
        except ValueError as error:
            why = str(error)
            raise ValueError(why if why.startswith("grid") else f"grid.{key}: {why}") from None
    owner: dict[str, str] = {}
    for axis in axes:
        for key in axis.keys:
            if owner.setdefault(key, axis.key) != axis.key:
                raise ValueError(f"grid.{axis.key}: {key} is varied by {owner[key]} already")
    titles = Counter(axis.title for axis in axes)
    return tuple(replace(axis, title=axis.key) if titles[axis.title] > 1 else axis for axis in axes)


def _axis(key: str, content: Any) -> GridAxis:
    where = f"grid.{key}"
    variants: list[tuple[str, Mapping[str, Any]]] = []
    if isinstance(content, list):
        variants = [(label(value), {key: value}) for value in content]
        for _, settings in variants:
            refuse_no_setting("grid", settings)
    elif isinstance(content, Mapping):
        for name, settings in content.items():
            if not isinstance(settings, Mapping) or not settings:
                raise ValueError(f"{where}.{label(name)}: a mapping of keys to values is needed")
            variants.append((label(name), dict(settings)))
        for name, settings in variants:
            refuse_no_setting(f"{where}.{name}", settings)
    else:
        raise ValueError(f"{where}: a list of values, or a mapping of variants, is needed")
    if not variants:
        raise ValueError(f"{where}: no values")
    labels = tuple(name for name, _ in variants)
    repeated = next((name for name, count in Counter(labels).items() if count > 1), None)
    if repeated is not None:
        raise ValueError(f"{where}: {repeated} comes twice")
    title = key.rpartition(".")[2].replace("_", " ")
    return GridAxis(key, title, labels, tuple(settings for _, settings in variants))


def label(value: Any) -> str:
    """How a value is written on a page: "0.001", "true", "none". Raises ValueError for numbers of
    more digits than that."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, int) and abs(value) >= LARGEST:
        raise ValueError("a number larger than any setting takes; give a smaller one")
    return str(value)


def refuse_no_setting(
    where: str, settings: Mapping[Any, Any], special: Sequence[str] = SPECIAL
) -> None:
    """Raises ValueError unless keys are section.key and values are plain."""
    for key, value in settings.items():
        if key not in special and not (isinstance(key, str) and "." in key.strip(".")):
            raise ValueError(f"{where}.{key}: write section.key, such as model.blocks")
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(each, (str, int, float, bool, type(None))) for each in values):
            raise ValueError(
                f"{where}.{key}: a number, a text, true, false or null is needed, or a list of them"
            )


# -------------------------------------------------------------------------------------- the file


class ReportSection(ConfigSection):
    """`metrics`: shown, the headline ones by default. `x`: the axis that curves run along; two axes
    without it are a heat map. `baseline`: the cell whose training time is 1, a label an axis; the
    first cell by default."""

    metrics: tuple[str, ...] = ()
    x: str | None = None
    baseline: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _metrics_are_known(self) -> ReportSection:
        for name in self.metrics:
            if name not in BY_NAME:
                raise ValueError(f"metrics: {name!r} is unknown; any of {', '.join(BY_NAME)}")
        if len(set(self.metrics)) != len(self.metrics):
            raise ValueError("metrics: name each metric once")
        return self


class StudyFile(ConfigSection):
    """See the module's example. `fixed` is `set` in the file. `parity`: whether backends that are
    neighbours are checked against each other, in every cell."""

    description: str = Field(min_length=1)
    preset: str
    dataset: str | None = None  # None: the preset's own
    seeds: tuple[Seed, ...] = Field((0, 1, 2), min_length=1)
    backends: tuple[str, ...] = backends.USUAL
    parity: bool = False
    fixed: dict[str, Any] = Field({}, alias="set")
    grid: dict[str, Any] = Field(min_length=1)
    report: ReportSection = ReportSection()

    @model_validator(mode="before")
    @classmethod
    def _backends_of_the_grid(cls, content: Any) -> Any:
        """They are no setting of an experiment: each cell has them all."""
        grid = content.get("grid") if isinstance(content, Mapping) else None
        if not isinstance(grid, Mapping) or "backend" not in grid:
            return content
        if "backends" in content:
            raise ValueError("backends: the grid names them, so they cannot be given")
        others = {key: value for key, value in grid.items() if key != "backend"}
        # Without another axis there is one cell.
        others = others or {"preset": [content.get("preset")]}
        return {"parity": True, **content, "backends": grid["backend"], "grid": others}

    @property
    def axes(self) -> tuple[GridAxis, ...]:
        return make_axes(self.grid)

    @model_validator(mode="after")
    def _fits_together(self) -> StudyFile:
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"seeds: each seed once, got {list(self.seeds)}")
        refuse_no_setting("set", self.fixed, special=())
        axes = self.axes
        varied = {key for axis in axes for key in axis.keys}
        both = sorted(varied & self.fixed.keys())
        if both:
            raise ValueError(f"set.{both[0]}: the grid varies it, so it cannot be fixed")
        if "dataset" in varied and "dataset" in self.model_fields_set:
            raise ValueError("dataset: the grid varies it, so it cannot be fixed")
        names = [axis.key for axis in axes]
        if self.report.x is not None and self.report.x not in names:
            raise ValueError(
                f"report.x: {self.report.x!r} is no axis of the grid; one of {', '.join(names)}"
            )
        self.baseline_labels(axes)
        return self

    def baseline_labels(self, axes: tuple[GridAxis, ...]) -> tuple[str, ...]:
        """The baseline cell, a label an axis. Raises ValueError if there is no such cell."""
        if self.report.baseline is None:
            return tuple(axis.labels[0] for axis in axes)
        named = self.report.baseline
        keys = [axis.key for axis in axes]
        if sorted(named) != sorted(keys):
            raise ValueError(f"report.baseline: one label for each of {', '.join(keys)} is needed")
        return tuple(axis.find(named[axis.key]) for axis in axes)


def shipped() -> list[str]:
    """Names of the studies that come with the package."""
    names = [file.name for file in SHIPPED.iterdir()]
    return sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml"))


def read_study(study: str) -> tuple[str, StudyFile]:
    """A shipped name, or the path of a file; returns its name and content. Raises UserError."""
    if study in shipped():
        text = (SHIPPED / f"{study}.yaml").read_text("utf-8")
        return study, parse_study(text, study)
    path = expanded(study)
    if path.suffix not in (".yaml", ".yml") and not is_file(path):
        raise UserError(
            f"study {study!r}: unknown; one of {', '.join(shipped())}, or the path of a YAML file"
        )
    try:
        check_file(path, MOST_BYTES)
        text = path.read_text("utf-8")
    except UnicodeDecodeError:
        raise UserError(f"{path}: cannot be read (not text in UTF-8); save it as that") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or reason(error)
        raise UserError(f"{path}: cannot be read ({why}); give a study's YAML file") from None
    return path.stem, parse_study(text, str(path))


def parse_study(text: str, where: str) -> StudyFile:
    """`where` names the file in messages. Raises UserError."""
    try:
        content = parse_yaml(text)
    except ValueError as error:
        raise UserError(f"{where}: {error}; mend it") from None
    if not isinstance(content, Mapping):
        raise UserError(f"{where}: a study is a mapping of description, preset, grid")
    try:
        study = StudyFile.model_validate(content)
    except ValidationError as error:
        raise UserError(f"{where}: {one_line(error, StudyFile)}") from None
    try:
        check_names(list(study.backends))
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
    return study
