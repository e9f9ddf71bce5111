"""The axes of a grid: a config key and its values, or a name and variants of several keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SPECIAL = ("dataset", "preset")  # keys of a grid that are no section.key
LARGEST = 2**63


@dataclass(frozen=True)
class GridAxis:
    """`settings[i]`: what the variant `labels[i]` sets, config key -> value."""

    key: str
    title: str
    labels: tuple[str, ...]
    settings: tuple[Mapping[str, Any], ...]

    @property
    def keys(self) -> set[str]:
        """Everything that some variant sets."""
        return {key for variant in self.settings for key in variant}

    def find(self, wanted: Any) -> str:
        """The label of a value, or the label itself. Raises ValueError."""
        if label(wanted) not in self.labels:
            raise ValueError(f"{self.key}: {wanted!r} is none of {', '.join(self.labels)}")
        return label(wanted)


def make_axes(grid: Mapping[str, Any]) -> tuple[GridAxis, ...]:
    """Raises ValueError for what is no axis."""
    axes = [_axis(key, content) for key, content in grid.items()]
    titles = Counter(axis.title for axis in axes)
    owner: dict[str, str] = {}
    for axis in axes:
        for key in axis.keys:
            if owner.setdefault(key, axis.key) != axis.key:
                raise ValueError(f"grid.{axis.key}: {key} is varied by {owner[key]} already")
    return tuple(
        GridAxis(axis.key, axis.key, axis.labels, axis.settings) if titles[axis.title] > 1 else axis
        for axis in axes
    )


def label(value: Any) -> str:
    """How a value is written on a page: "0.001", "true", "none". Raises ValueError for numbers of
    more digits than that."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, int) and abs(value) >= LARGEST:
        raise ValueError("a number larger than any setting takes; give a smaller one")
    return str(value)


def number(text: str) -> float | None:
    """What a label says, where it says a finite number."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None


def refuse_no_setting(
    where: str, settings: Mapping[Any, Any], special: Sequence[str] = SPECIAL
) -> None:
    """Raises ValueError unless keys are section.key and values are plain."""
    for key, value in settings.items():
        if key not in special and not (isinstance(key, str) and "." in key.strip(".")):
            raise ValueError(f"{where}.{key}: write section.key, such as model.blocks")
        if not isinstance(value, (str, int, float, bool, type(None))):
            raise ValueError(f"{where}.{key}: a number, a text, true, false or null is needed")


def _axis(key: str, content: Any) -> GridAxis:
    try:
        return _labelled_axis(key, content)
    except ValueError as error:
        where, said = f"grid.{key}", str(error)
        raise ValueError(said if said.startswith("grid") else f"{where}: {said}") from None


def _labelled_axis(key: str, content: Any) -> GridAxis:
    where = f"grid.{key}"
    if isinstance(content, list):
        variants: list[tuple[str, Mapping[str, Any]]] = [(label(v), {key: v}) for v in content]
    elif isinstance(content, Mapping):
        variants = []
        for name, settings in content.items():
            if not isinstance(settings, Mapping) or not settings:
                raise ValueError(f"{where}.{label(name)}: a mapping of keys to values is needed")
            variants.append((label(name), dict(settings)))
    else:
        raise ValueError(f"{where}: a list of values, or a mapping of variants, is needed")
    if not variants:
        raise ValueError(f"{where}: no values")
    for name, settings in variants:
        inner = where if isinstance(content, Mapping) else "grid"
        refuse_no_setting(f"{inner}.{name}" if inner == where else inner, settings)
    labels = tuple(name for name, _ in variants)
    repeated = next((name for name, count in Counter(labels).items() if count > 1), None)
    if repeated is not None:
        raise ValueError(f"{where}: {repeated} comes twice")
    return GridAxis(key, _title(key), labels, tuple(settings for _, settings in variants))


def _title(key: str) -> str:
    return key.rpartition(".")[2].replace("_", " ")
