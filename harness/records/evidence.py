"""parity.json and course.json of an experiment's folder, read and checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.records.schema import Number, Shape, Text, Whole, check_shape
from harness.system.files import read_json

PARITY, COURSE = "parity.json", "course.json"
ADVICE = "remove it: the next `make compare` writes it anew"


class RowShape(Shape):
    check: Text
    what: str
    measured: Number | None
    tolerance: Number
    arithmetic: Text
    passed: bool


class ScaleShape(Shape):
    crop_size: list[Whole]
    batch_size: Whole
    # Of a CycleGAN, and of a GAN.
    filters: Whole | None = None
    discriminator_filters: Whole | None = None
    pool_size: Whole | None = None
    hidden: list[Whole] | None = None
    discriminator_hidden: list[Whole] | None = None


class ClimbShape(Shape):
    backends: list[Text]
    frameworks: dict[str, Text]
    device: Text
    device_name: Text
    seconds: Number
    checked: ScaleShape
    trained: ScaleShape
    rows: list[RowShape]


class ParityShape(Shape):
    """parity.json"""

    climbs: list[ClimbShape]


class TwinShape(Shape):
    backend: Text
    weights: Number
    losses: list[Number | None]
    seconds: Number


class PairShape(Shape):
    backends: list[Text]
    weights: Number
    losses: list[Number | None]


class OneCourseShape(Shape):
    device: Text
    seed: Whole
    steps: Whole
    files: dict[str, str]
    pairs: list[PairShape]
    twin: TwinShape


class CourseShape(Shape):
    """course.json"""

    courses: list[OneCourseShape]


def parity_climbs(file: Path) -> list[dict[str, Any]]:
    """The climbs of a parity.json; none where there is no such file. Raises UserError."""
    return _read(file, "climbs", ParityShape)


def courses(file: Path) -> list[dict[str, Any]]:
    """The courses of a course.json; none where there is no such file. Raises UserError."""
    return _read(file, "courses", CourseShape)


def _read(file: Path, key: str, shape: type[Shape]) -> list[dict[str, Any]]:
    if not file.exists():
        return []
    document = read_json(file)
    check_shape(file, document, shape, ADVICE)
    listed: list[dict[str, Any]] = document[key]
    return listed
