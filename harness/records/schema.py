"""What records must hold for those who read them: other machines wrote some, people edit others.

Only what is read is asked for, and what is there besides stays. See results/README.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backends.objective import ACCURACIES, LOSS_TERMS
from harness.system.errors import UserError
from harness.system.untrusted import LONGEST, shown

# Far beyond whatever is measured, and safe to add up, to draw and to write.
Number = Annotated[float, Field(strict=True, ge=-1e15, le=1e15)]
Positive = Annotated[float, Field(strict=True, gt=0, le=1e15)]
Whole = Annotated[int, Field(strict=True, ge=0, le=2**63 - 1)]
Text = Annotated[str, Field(max_length=1000)]  # which is drawn

LOSS_COLUMNS = (*LOSS_TERMS, *ACCURACIES)
BLOCK_COLUMNS = ("start_step", "steps", "warmup", "train_seconds")
BLOCK_COUNTS = BLOCK_COLUMNS[:3]


class Shape(BaseModel):
    """Numbers are strict: nothing is converted, so "3" in place of 3 would be read as it is."""

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


class EnvironmentShape(Shape):
    """environment.json; which of these there must be, the reader says: see `require`."""

    framework: Text = ""
    device: Text = ""
    device_kind: Text | None = None
    git_revision: Text | None = None
    versions: dict[str, Any] = {}
    libraries: dict[str, Any] = {}
    gpu: GpuShape | None = None


class MemoryShape(Shape):
    bytes: Whole | None
    kind: str


class ResourcesShape(Shape):
    """resources.json; as `Environment`."""

    clocks: dict[str, Number] = {}
    processes: Whole = 1
    peak_memory: MemoryShape | None = None
    flops_per_step: Number | None = None
    energy_source: str | None = None


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
    """Raises UserError for a column of `needed` that is not there, or holds something else."""
    missing = [column for column in needed if column not in table.columns]
    if missing:
        raise UserError(f"{path}: no column {missing[0]}; {advice}")
    if table.empty:  # of which pandas knows no types
        return
    for column in table.columns:
        kinds, numbers = ("iu", "whole numbers") if column in whole else ("iuf", "numbers")
        if table[column].dtype.kind not in kinds:
            raise UserError(f"{path}: column {shown(column)} has more than {numbers}; {advice}")
