"""What is varied, one thing at a time, and the configurations that are measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.config.experiment import Experiment
from harness.config.load import load_experiment
from harness.studies.scaling.record import BASE, ScalingAxis
from harness.system.errors import UserError

HALVES = (1, 2, 4, 6)  # of the base: 0.5, 1, 2, 3 times
BATCHES = (1, 2, 4, 8)
BLOCKS = (1, 3, 6, 9)
DIGITS = 9  # of a value, at most


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


def axes_of(base: Experiment) -> tuple[ScalingAxis, ...]:
    """All that there are for a configuration."""
    model = base.model
    axes = [
        ("size", "Image size", "px", base.data.crop_size),
        ("batch", "Batch", "", base.training.batch_size),
        ("filters", "Filters", "", model.filters),
        ("blocks", "Residual blocks", "", model.blocks)
        if model.generator == "resnet"
        else ("depth", "U-Net depth", "", model.depth),
    ]
    return tuple(
        ScalingAxis(name=name, title=title, unit=unit, base=value)
        for name, title, unit, value in axes
    )


def choose(base: Experiment, names: Sequence[str] | None) -> tuple[ScalingAxis, ...]:
    """The named ones of `axes_of`, in its order; None: all. Raises UserError for another name."""
    axes = axes_of(base)
    possible = [axis.name for axis in axes]
    for name in names or ():
        if name not in possible:
            raise UserError(
                f"axes: {name!r} is none of {', '.join(possible)}, which {base.preset} has with"
                f" model.generator={base.model.generator}"
            )
    return tuple(axis for axis in axes if names is None or axis.name in names)


def default_values(axis: ScalingAxis) -> tuple[int, ...]:
    """Values around the base, the base included. Some of them may be impossible."""
    if axis.name in ("size", "filters"):
        values = [axis.base * halves // 2 for halves in HALVES]
    elif axis.name == "depth":
        values = list(range(axis.base - 3, axis.base + 2))
    else:
        values = list(BATCHES if axis.name == "batch" else BLOCKS)
    return tuple(sorted({axis.base, *(value for value in values if value >= 1)}))


def parse_values(texts: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """`["size=32,64", "batch=1,2"]` by axis. Raises UserError for what is not of that form."""
    by_axis: dict[str, tuple[int, ...]] = {}
    for text in texts:
        name, equals, values = (part.strip() for part in text.partition("="))
        numbers = [part.strip() for part in values.split(",")]
        if not equals or not all(n.isdecimal() and len(n) <= DIGITS for n in numbers):
            raise UserError(f"--values {text}: write axis=whole numbers, such as size=32,64,96")
        if name in by_axis:
            raise UserError(f"--values {text}: {name} is given twice; put all values in one list")
        by_axis[name] = tuple(sorted({int(number) for number in numbers}))
    return by_axis


def settings(base: Experiment, axis: ScalingAxis, value: int) -> Mapping[str, int]:
    """What differs from `base`, by configuration key, for this value of the axis.

    Of image sizes: images keep their proportion to what is cut out of them; B its distance from A,
    in pixels.
    """
    if axis.name == "filters":
        beside = max(1, round(base.model.discriminator_filters * value / axis.base))
        return {"model.filters": value, "model.discriminator_filters": beside}
    if axis.name != "size":
        key = {"batch": "training.batch_size", "blocks": "model.blocks", "depth": "model.depth"}
        return {key[axis.name]: value}
    data = base.data
    changed = {
        "data.load_size": _enlarged(data.load_size, data.crop_size, value),
        "data.crop_size": value,
    }
    if data.crop_size_b or data.load_size_b:
        beside = value + data.crop("b") - data.crop("a")
        changed["data.load_size_b"] = _enlarged(data.load("b"), data.crop("b"), beside)
        changed["data.crop_size_b"] = beside
    return changed


def _enlarged(load: int, crop: int, value: int) -> int:
    """Rounded up: never smaller than the crop."""
    return -(-load * value // crop)


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
    names = [axis.name for axis in axes]
    for name in values:
        if name not in names:
            raise UserError(
                f"--values {name}=...: that axis is not varied; one of {', '.join(names)}"
            )
    points, left_out = [ScalingPoint(BASE, None, {}, base)], []
    for axis in axes:
        for value in values.get(axis.name, default_values(axis)):
            if value == axis.base:
                continue
            changed = settings(base, axis, value)
            written = [f"{key}={number}" for key, number in changed.items()]
            try:
                experiment = load_experiment(None, base.preset, [*overrides, *written])
            except UserError as error:
                if axis.name in values:
                    raise UserError(f"--values {axis.name}={value}: {error}") from None
                left_out.append(f"{axis.name} {value}: {error}")
            else:
                points.append(ScalingPoint(axis.name, value, changed, experiment))
    return points, left_out
