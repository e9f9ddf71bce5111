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
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any

from pydantic import Field, ValidationError, model_validator

import backends
from harness.config.experiment import check_backends, one_line
from harness.config.metric_table import BY_NAME
from harness.config.sections import ConfigSection, Seed
from harness.studies.grid.axes import GridAxis, make_axes, refuse_no_setting
from harness.system.errors import UserError
from harness.system.strict_yaml import MOST_CHARACTERS, parse_yaml
from harness.system.untrusted import check_file, expanded, is_file, reason

MOST_BYTES = 4 * MOST_CHARACTERS


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
    """See the module's example. `fixed` is `set` in the file."""

    description: str = Field(min_length=1)
    preset: str
    dataset: str | None = None  # None: the preset's own
    seeds: tuple[Seed, ...] = Field((0, 1, 2), min_length=1)
    backends: tuple[str, ...] = backends.available()
    fixed: dict[str, Any] = Field({}, alias="set")
    grid: dict[str, Any] = Field(min_length=1)
    report: ReportSection = ReportSection()

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
        self._report_is_about_the_grid(axes)
        return self

    def _report_is_about_the_grid(self, axes: tuple[GridAxis, ...]) -> None:
        names = {axis.key: axis for axis in axes}
        if self.report.x is not None and self.report.x not in names:
            raise ValueError(
                f"report.x: {self.report.x!r} is no axis of the grid; one of {', '.join(names)}"
            )
        if self.report.baseline is not None:
            self.baseline_labels(axes)

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
    files = resources.files("harness.studies.grid").joinpath("files").iterdir()
    return sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml"))


def read_study(study: str) -> tuple[str, StudyFile]:
    """A shipped name, or the path of a file; returns its name and content. Raises UserError."""
    if study in shipped():
        text = (
            resources.files("harness.studies.grid")
            .joinpath(f"files/{study}.yaml")
            .read_text("utf-8")
        )
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
        check_backends(list(study.backends))
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
    return study
