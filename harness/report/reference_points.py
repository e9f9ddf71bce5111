"""Published numbers and how they were measured: reference_points.yaml, strictly read.

What the keys mean: docs/reference-points.md.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from harness.config.metric_table import Reals
from harness.system.strict_yaml import parse_yaml

FILE = "reference_points.yaml"
Text = Annotated[str, Field(strict=True, min_length=1, max_length=400)]
Name = Annotated[str, Field(strict=True, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)]
Whole = Annotated[int, Field(strict=True, ge=1, le=10**9)]


class StrictModel(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


class PointSource(StrictModel):
    """`says`: what the text there says, in other words."""

    where: Text
    section: Text
    says: Text


class Protocol(StrictModel):
    """None: the source does not state it. `images`: translations scored. `inception`: the weights'
    name. `size`: pixels. `network`: of the generators, as `network_name` in
    comparison/published.py."""

    images: Whole | None = None
    reals: Reals | None = None
    inception: Text | None = None
    size: Whole | None = None
    batch: Whole | None = None
    steps: Whole | None = None
    epochs: Whole | None = None
    network: Text | None = None


class ReferencePoint(StrictModel):
    """`direction`: "ab" is from domain A to B of the data set as it is known here. `checked`: the
    number was read in the source itself; if not, `why` says why."""

    name: Name
    what: Text
    source: PointSource
    metric: Literal["fid", "step_ms", "generator_parameters"]
    value: Annotated[float, Field(strict=True, gt=0)]
    dataset: Text | None = None
    direction: Literal["ab", "ba"] | None = None
    protocol: Protocol = Protocol()
    device: Text | None = None
    checked: Annotated[bool, Field(strict=True)] = True
    why: Text | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> ReferencePoint:
        if (self.metric == "fid") != (self.direction is not None):
            raise ValueError("direction: FID has one, nothing else has")
        if self.metric == "fid" and self.dataset is None:
            raise ValueError("dataset: FID is of one")
        if self.checked == (self.why is not None):
            raise ValueError("why: for what is not checked, and for nothing else")
        return self


def parse_points(text: str) -> tuple[ReferencePoint, ...]:
    """Raises ValueError that names point and key."""
    document = parse_yaml(text)
    if not isinstance(document, list):
        raise ValueError("a list of points is needed")
    try:
        points = TypeAdapter(tuple[ReferencePoint, ...]).validate_python(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place, *key = first["loc"]
        one = document[place] if isinstance(place, int) else {}
        name = one.get("name", place) if isinstance(one, dict) else place
        raise ValueError(f"{name}: {'.'.join(map(str, key))}: {first['msg']}") from None
    names = [point.name for point in points]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name}: name: is there twice")
    return points


@cache
def reference_points() -> tuple[ReferencePoint, ...]:
    """Of the file that comes with the program."""
    text = resources.files("harness.report").joinpath(FILE).read_text("utf-8")
    return parse_points(text)
