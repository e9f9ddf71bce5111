"""What study.json must hold for its page: see harness.records.schema."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated

from pydantic import Field, model_validator

from backends.model import NETWORKS
from harness.records.schema import Shape, Text, Whole
from harness.statistics.metric_table import BY_NAME
from harness.studies.grid.grid import MOST_CELLS

Texts = Annotated[list[Text], Field(min_length=1, max_length=MOST_CELLS)]


class AxisShape(Shape):
    key: Text
    title: Text
    labels: Texts


class CellShape(Shape):
    labels: list[Text]
    name: Text
    folder: str
    parameters: dict[str, Whole]

    @model_validator(mode="after")
    def _can_be_shown(self) -> CellShape:
        if PurePosixPath(self.folder).is_absolute() or "\0" in self.folder:
            raise ValueError("folder: it must be relative to the study's")
        missing = [name for name in NETWORKS if name not in self.parameters]
        if missing:
            raise ValueError(f"parameters: none of {missing[0]}")
        return self


class ReportShape(Shape):
    metrics: list[str]
    x: str | None
    baseline: str


class StudyShape(Shape):
    """study.json"""

    name: Text
    hash: Text
    description: str
    preset: Text
    device: Text
    seeds: Annotated[list[Whole], Field(min_length=1)]
    backends: Texts
    axes: Annotated[list[AxisShape], Field(min_length=1)]
    cells: Annotated[list[CellShape], Field(min_length=1, max_length=MOST_CELLS)]
    report: ReportShape

    @model_validator(mode="after")
    def _fits_together(self) -> StudyShape:
        wanted = 1
        for axis in self.axes:
            wanted *= len(axis.labels)
        if len({tuple(cell.labels) for cell in self.cells}) != wanted:
            raise ValueError("cells: not one for each choice of labels")
        for number, cell in enumerate(self.cells):
            if len(cell.labels) != len(self.axes) or not all(
                label in axis.labels for label, axis in zip(cell.labels, self.axes, strict=True)
            ):
                raise ValueError(f"cells.{number}.labels: not one of each axis")
        if self.report.x is not None and self.report.x not in [axis.key for axis in self.axes]:
            raise ValueError("report.x: no axis is called that")
        if self.report.baseline not in [cell.name for cell in self.cells]:
            raise ValueError("report.baseline: no cell is called that")
        unknown = [name for name in self.report.metrics if name not in BY_NAME]
        if unknown:
            raise ValueError("report.metrics: not all of them are known here")
        return self
