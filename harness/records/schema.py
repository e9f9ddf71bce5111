"""What records must contain. They may come from another machine, or be edited by a person.

Only the keys that are read are checked; others are kept. See results/README.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError, model_validator

from backends.gan import RECORDED as GAN_RECORDED
from backends.objective import ACCURACIES, LOSS_TERMS
from harness.system.errors import UserError
from harness.system.untrusted import LONGEST, shown

# Far beyond whatever is measured, and safe to add up, to draw and to write.
Number = Annotated[float, Field(strict=True, ge=-1e15, le=1e15)]
Positive = Annotated[float, Field(strict=True, gt=0, le=1e15)]
Whole = Annotated[int, Field(strict=True, ge=0, le=2**63 - 1)]
Text = Annotated[str, Field(max_length=1000)]  # which is drawn
Pixels = Annotated[int, Field(strict=True, ge=1, le=2**15)]
Channels = Literal[1, 3]

# By kind of model: of a CycleGAN, of a GAN.
LOSS_COLUMNS = ((*LOSS_TERMS, *ACCURACIES), GAN_RECORDED)
BLOCK_COLUMNS = ("start_step", "steps", "warmup", "train_seconds")
BLOCK_COUNTS = BLOCK_COLUMNS[:3]


class Shape(BaseModel):
    """Numbers are strict: documents are checked but not converted, so "3" is refused for 3."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)


class StatusShape(Shape):
    """status.json"""

    backend: str
    seed: Whole
    state: Literal["running", "interrupted", "failed", "complete"]
    step: Whole
    steps: Whole
    why: str | None = None


class GpuClocksShape(Shape):
    """MHz."""

    graphics_mhz: Number | None = None
    memory_mhz: Number | None = None


class GpuShape(Shape):
    """Of environment.json what a report shows of a GPU."""

    memory: Whole | None = None
    capability: list[Whole] | None = None
    driver_cuda: list[Whole] | None = None
    power_limit_watts: Number | None = None
    default_power_limit_watts: Number | None = None
    max_clocks: GpuClocksShape | None = None
    ecc: bool | None = None


class BesideShape(Shape):
    """From which step on a run trained beside others, with how many threads, and whether in turns
    with the backends of its seed."""

    start: Whole
    threads: Annotated[int, Field(strict=True, ge=1, le=2**15)]
    turns: bool = False


class EnvironmentShape(Shape):
    """environment.json. `require` says which keys a reader needs."""

    framework: Text = ""
    device: Text = ""
    device_kind: Text | None = None
    git_revision: Text | None = None
    versions: dict[str, Any] = {}
    libraries: dict[str, Any] = {}
    gpu: GpuShape | None = None
    beside: BesideShape | None = None


class MemoryShape(Shape):
    bytes: Whole | None
    kind: str


class ResourcesShape(Shape):
    """resources.json. `require` says which keys a reader needs."""

    clocks: dict[str, Number] = {}
    processes: Whole = 1
    peak_memory: MemoryShape | None = None
    flops_per_step: Number | None = None
    energy_source: str | None = None


class DataShape(Shape):
    crop_size: Pixels = 1
    crop_size_b: Pixels | None = None
    channels_a: Channels = 3
    channels_b: Channels = 3


class TrainingShape(Shape):
    batch_size: Annotated[int, Field(strict=True, ge=1, le=2**31)] = 1


class EvaluationShape(Shape):
    margins: dict[str, Positive] = Field({})
    primary: Text | None = None
    reals: Literal["test", "train", "both"] = "test"


class ConfigurationShape(Shape):
    """A missing key is an error only where it is used: see `ExperimentFolder.setting`."""

    data: DataShape = DataShape()
    objective: dict[str, Number | bool | str | None] = Field({})
    training: TrainingShape = TrainingShape()
    evaluation: EvaluationShape | None = None
    backends: list[str] | None = None
    titles: dict[str, Text | None] | None = None
    directions: list[Literal["ab", "ba"]] | None = None


class HeadShape(Shape):
    """experiment.json"""

    dataset: Text
    preset: Text
    hash: Text
    configuration: ConfigurationShape


class ManifestShape(Shape):
    """manifest.json: of its files nothing is read."""

    paired: StrictBool


class ImageShape(Shape):
    split: str
    name: str


class DuplicateShape(ImageShape):
    other_split: str
    other_name: str


class UnreadableShape(ImageShape):
    problem: str


class AuditShape(Shape):
    """audit.json"""

    duplicates: list[DuplicateShape]
    greyscale: list[ImageShape]
    turned: list[ImageShape] = []
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
    weights: Literal["average", "last"] = "last"


class ScoreShape(ScoredShape):
    backend: str


class DifferenceShape(ScoredShape):
    backends: Annotated[list[str], Field(min_length=2, max_length=2)]


class ReferenceShape(Shape):
    metric: str
    direction: str
    floor: Number | None
    identity_baseline: Number | None
    colour_baseline: Number | None = None
    mean_baseline: Number | None = None
    n: Whole | None = None


class JudgementShape(Shape):
    device: str
    backend: str
    seed: Whole
    step: Whole
    domain: str
    accuracy_real: Number
    accuracy_fake: Number


class ScoresShape(Shape):
    scores: list[ScoreShape] = Field(default=[])
    differences: list[DifferenceShape] = Field(default=[])


class SharesShape(Shape):
    """Of the classes that a judge reads in a run's samples."""

    backend: str
    shares: list[Number]


class ClassesShape(Shape):
    real: list[Number] = Field(default=[])
    samples: list[SharesShape] = Field(default=[])

    @model_validator(mode="after")
    def _of_the_same_classes(self) -> ClassesShape:
        if any(len(each.shares) != len(self.real) for each in self.samples):
            raise ValueError("samples: not a share for each class")
        return self


class MetricsShape(ScoresShape):
    """metrics.json"""

    last_step: ScoresShape = ScoresShape()
    references: list[ReferenceShape] = Field([])
    discriminators: list[JudgementShape] = Field([])
    classes: ClassesShape = ClassesShape()


class MergedSourceShape(Shape):
    name: Text
    finished: list[Text]


class MergedShape(Shape):
    """merged.json"""

    sources: list[MergedSourceShape]


class LookShape(Shape):
    device: Text
    seeds: list[Whole]


class SeedsShape(Shape):
    """seeds.json"""

    design: Literal["fixed", "auto"]
    maximum: Annotated[int, Field(strict=True, ge=3, le=1000)] | None
    looked_before: StrictBool
    looks: list[LookShape]

    @model_validator(mode="after")
    def _a_design_has_a_maximum(self) -> SeedsShape:
        if (self.design == "auto") != (self.maximum is not None):
            raise ValueError("maximum: a number for the design auto, null for fixed")
        return self


def check_shape(
    path: Path, document: Mapping[str, Any], shape: type[BaseModel], advice: str
) -> None:
    """Raises UserError: the file, the first key that is wrong and how, `advice`."""
    try:
        shape.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        problem = first["msg"].removeprefix("Value error, ")
        problem = problem[:1].lower() + problem[1:]
        if first["loc"]:
            problem = f"{'.'.join(map(str, first['loc']))[:LONGEST]}: {problem}"
        raise UserError(f"{path}: {problem}; {advice}") from None


def require(path: Path, document: Mapping[str, Any], keys: Sequence[str], advice: str) -> None:
    """Raises UserError for a key that is missing, or null."""
    missing = [key for key in keys if document.get(key) is None]
    if missing:
        raise UserError(f"{path}: no {', '.join(missing)} in it; {advice}")


def check_columns(
    path: Path, table: pd.DataFrame, needed: Sequence[str], whole: Sequence[str], advice: str
) -> None:
    """Raises UserError for a column of `needed` that is missing, and one without numbers."""
    missing = [column for column in needed if column not in table.columns]
    if missing:
        raise UserError(f"{path}: no column {missing[0]}; {advice}")
    if table.empty:  # pandas has no types for its columns
        return
    for column in table.columns:
        kinds, numbers = ("iu", "whole numbers") if column in whole else ("iuf", "numbers")
        if table[column].dtype.kind not in kinds:
            raise UserError(f"{path}: column {shown(column)} has more than {numbers}; {advice}")
