"""The configurations that are measured: the base once, and what each axis makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.config.experiment import Experiment, load_experiment
from harness.studies.scaling.axes import ScalingAxis, default_values, settings
from harness.system.errors import UserError

BASE = "base"


@dataclass(frozen=True)
class ScalingPoint:
    """`axis`: a name, or "base", which has no value of its own and belongs to every axis."""

    axis: str
    value: int | None
    settings: Mapping[str, int]
    experiment: Experiment

    @property
    def key(self) -> tuple[str, int | None]:
        return self.axis, self.value

    @property
    def label(self) -> str:
        return self.axis if self.value is None else f"{self.axis} {self.value}"


def make_points(
    base: Experiment,
    overrides: Sequence[str],
    axes: Sequence[ScalingAxis],
    values: Mapping[str, Sequence[int]],
) -> tuple[list[ScalingPoint], list[str]]:
    """The points, base first, and what of the default values is impossible, and why.

    `overrides`: those that made `base` of its preset. `values`: by axis, where the user gave any.
    Raises UserError for given values that are impossible, or of an axis that is not varied.
    """
    for name in values:
        if name not in [axis.name for axis in axes]:
            raise UserError(
                f"--values {name}=...: that axis is not varied; one of"
                f" {', '.join(axis.name for axis in axes)}"
            )
    points, left_out = [ScalingPoint(BASE, None, {}, base)], []
    for axis in axes:
        for value in values.get(axis.name, default_values(axis)):
            if value == axis.base:
                continue
            try:
                points.append(_point(base, overrides, axis, value))
            except UserError as error:
                if axis.name in values:
                    raise UserError(f"--values {axis.name}={value}: {error}") from None
                left_out.append(f"{axis.name} {value}: {error}")
    return points, left_out


def _point(
    base: Experiment, overrides: Sequence[str], axis: ScalingAxis, value: int
) -> ScalingPoint:
    changed = settings(base, axis, value)
    written = [f"{key}={number}" for key, number in changed.items()]
    experiment = load_experiment(None, base.preset, [*overrides, *written])
    return ScalingPoint(axis.name, value, changed, experiment)
