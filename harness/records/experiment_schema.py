"""What the records of an experiment must hold for its report: see harness.records.schema."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool

from harness.records.schema import Number, Positive, Shape, Text, Whole

Pixels = Annotated[int, Field(strict=True, ge=1, le=2**15)]
Channels = Literal[1, 3]


class DataShape(Shape):
    crop_size: Pixels = 1
    crop_size_b: Pixels | None = None
    channels_a: Channels = 3
    channels_b: Channels = 3


class TrainingShape(Shape):
    batch_size: Annotated[int, Field(strict=True, ge=1, le=2**31)] = 1


class EvaluationShape(Shape):
    margins: dict[str, Positive] = Field({})


class ConfigurationShape(Shape):
    """Keys that are not there are asked for by who needs them."""

    data: DataShape = DataShape()
    objective: dict[str, Number | bool | str | None] = Field({})
    training: TrainingShape = TrainingShape()
    evaluation: EvaluationShape | None = None
    backends: list[str] | None = None
    titles: dict[str, Text | None] | None = None


class HeadShape(Shape):
    """experiment.json"""

    dataset: Text
    preset: Text
    hash: Text
    configuration: ConfigurationShape


class ManifestShape(Shape):
    """manifest.json: of its files nothing is read."""

    paired: StrictBool


class DuplicateShape(Shape):
    split: str
    name: str
    other_split: str
    other_name: str


class GreyscaleShape(Shape):
    split: str
    name: str


class UnreadableShape(Shape):
    split: str
    name: str
    problem: str


class AuditShape(Shape):
    """audit.json"""

    duplicates: list[DuplicateShape]
    greyscale: list[GreyscaleShape]
    unreadable: list[UnreadableShape]
    counts: dict[str, Whole]


class ScoredShape(Shape):
    metric: str
    direction: str
    device: str
    seed: Whole
    step: Whole
    value: Number | None
    low: Number | None
    high: Number | None
    n: Whole | None


class ScoreShape(ScoredShape):
    backend: str


class DifferenceShape(ScoredShape):
    backends: Annotated[list[str], Field(min_length=2, max_length=2)]


class ReferenceShape(Shape):
    metric: str
    direction: str
    floor: Number | None
    identity_baseline: Number | None
    n: Whole | None = None


class JudgementShape(Shape):
    device: str
    backend: str
    seed: Whole
    step: Whole
    domain: str
    accuracy_real: Number
    accuracy_fake: Number


class MetricsShape(Shape):
    """metrics.json"""

    scores: list[ScoreShape] = Field([])
    differences: list[DifferenceShape] = Field([])
    references: list[ReferenceShape] = Field([])
    discriminators: list[JudgementShape] = Field([])


class MergedSourceShape(Shape):
    name: Text
    finished: list[Text]


class MergedShape(Shape):
    """merged.json"""

    sources: list[MergedSourceShape]
