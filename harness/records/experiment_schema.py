"""What the records of an experiment must hold for its report: see harness.records.schema."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool

from harness.records.schema import Number, Positive, Shape, Text, Whole

Pixels = Annotated[int, Field(strict=True, ge=1, le=2**15)]
Channels = Literal[1, 3]


class Data(Shape):
    crop_size: Pixels = 1
    crop_size_b: Pixels | None = None
    channels_a: Channels = 3
    channels_b: Channels = 3


class Training(Shape):
    batch_size: Annotated[int, Field(strict=True, ge=1, le=2**31)] = 1


class Evaluation(Shape):
    margins: dict[str, Positive] = Field({})


class Configuration(Shape):
    """Keys that are not there are asked for by who needs them."""

    data: Data = Data()
    objective: dict[str, Number | bool | str | None] = Field({})
    training: Training = Training()
    evaluation: Evaluation | None = None
    backends: list[str] | None = None
    titles: dict[str, Text | None] | None = None


class Head(Shape):
    """experiment.json"""

    dataset: Text
    preset: Text
    hash: Text
    configuration: Configuration


class Manifest(Shape):
    """manifest.json: of its files nothing is read."""

    paired: StrictBool


class Duplicate(Shape):
    split: str
    name: str
    other_split: str
    other_name: str


class Greyscale(Shape):
    split: str
    name: str


class Unreadable(Shape):
    split: str
    name: str
    problem: str


class Audit(Shape):
    """audit.json"""

    duplicates: list[Duplicate]
    greyscale: list[Greyscale]
    unreadable: list[Unreadable]
    counts: dict[str, Whole]


class Scored(Shape):
    metric: str
    direction: str
    device: str
    seed: Whole
    step: Whole
    value: Number | None
    low: Number | None
    high: Number | None
    n: Whole | None


class Score(Scored):
    backend: str


class Difference(Scored):
    backends: Annotated[list[str], Field(min_length=2, max_length=2)]


class Reference(Shape):
    metric: str
    direction: str
    floor: Number | None
    identity_baseline: Number | None
    n: Whole | None = None


class Judgement(Shape):
    device: str
    backend: str
    seed: Whole
    step: Whole
    domain: str
    accuracy_real: Number
    accuracy_fake: Number


class Metrics(Shape):
    """metrics.json"""

    scores: list[Score] = Field([])
    differences: list[Difference] = Field([])
    references: list[Reference] = Field([])
    discriminators: list[Judgement] = Field([])


class MergedSource(Shape):
    name: Text
    finished: list[Text]


class Merged(Shape):
    """merged.json"""

    sources: list[MergedSource]
