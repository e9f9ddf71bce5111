"""The options of a configuration, and those that are not for the third implementation."""

from __future__ import annotations

from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from harness.config.experiment import Experiment
from harness.config.sections import ConfigSection

# Reason -> options. All others change what the third implementation computes.
ELSEWHERE = {
    "which images are trained on, and how they are cut; tests/unit/test_plan.py and"
    " tests/unit/test_datasets_resize.py": (
        *("data.load_size", "data.load_size_b", "data.augmentation", "data.flip", "data.resize"),
        *("data.augment", "data.hold_out", "data.train", "data.test"),
    ),
    "the state that training begins with; tests/unit/test_plan.py": ("model.initial_weights",),
    "the size of the pools is the state's, and the decisions of the plan name places in them;"
    " tests/unit/test_plan.py and tests/unit/test_plan_training.py": ("objective.pool_size",),
    "float64 is what backends are held to; fewer bits are the ladder's, harness/studies/parity": (
        *("runtime.precision", "runtime.tf32"),
    ),
    "how something is computed, not what": (
        *("runtime.onednn", "runtime.channels_last", "runtime.compile", "runtime.deterministic"),
        "runtime.replicas",
    ),
    "when images are scored, and what scores have to be": (
        *("evaluation.evaluate_every", "evaluation.evaluate_unit", "evaluation.images"),
        *("evaluation.margins", "evaluation.primary", "evaluation.reals"),
    ),
    "when time is taken, checkpoints are written and workers killed": (
        *("timing.warmup_steps", "timing.block_seconds", "timing.timed_steps"),
        "timing.timed_seeds",
        *("timing.checkpoint_seconds", "timing.checkpoint_steps"),
        *("timing.patience_seconds", "timing.restarts"),
    ),
}


def options(section: type[ConfigSection] = Experiment, prefix: str = "") -> dict[str, Any]:
    """Key -> its type. A section that may be null is one option."""
    found: dict[str, Any] = {}
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, ConfigSection):
            found |= options(field.annotation, f"{prefix}{name}.")
        else:
            found[prefix + name] = field.annotation
    return {key: kind for key, kind in found.items() if key not in ("dataset", "preset")}


def choices(kind: Any) -> set[Any]:
    """The values of an option that has a few; empty for numbers."""
    if kind is bool:
        return {False, True}
    if get_origin(kind) is Literal:
        return set(get_args(kind))
    if get_origin(kind) in (Union, UnionType):
        return set().union(*(choices(each) for each in get_args(kind)))
    return set()


def value(experiment: Experiment, key: str) -> Any:
    """What an experiment has for `key`."""
    found: Any = experiment
    for name in key.split("."):
        found = getattr(found, name)
    return found


def with_value(experiment: Experiment, key: str, other: Any) -> Experiment:
    """The same experiment with another value. Raises ValidationError for what cannot be."""
    settings = experiment.model_dump()
    *sections, name = key.split(".")
    section = settings
    for each in sections:
        section = section[each]
    section[name] = other.model_dump() if isinstance(other, ConfigSection) else other
    return Experiment.model_validate(settings)
