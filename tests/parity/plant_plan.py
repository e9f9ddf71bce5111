"""Planted defects of the plan: images, crops, flips, dropout, pools, rates. All backends get it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import plant_training as of
from plant_networks import Plant, function
from pytest import MonkeyPatch

Planter = Callable[..., Plant]

# ------------------------------------------------------------------------------ of one domain


def domain(**changes: Callable[[np.ndarray], np.ndarray]) -> Plant:
    """Fields of DomainPlan, changed."""

    def planned(real, *args):
        found = real(*args)
        return replace(
            found, **{name: change(getattr(found, name)) for name, change in changes.items()}
        )

    return of.plan("_domain", planned)


def shared_by_a_batch(choices: np.ndarray) -> np.ndarray:
    return np.broadcast_to(choices[:, :1], choices.shape)


def data(**settings: Any) -> Plant:
    """Crops and flips of another experiment."""

    def planned(real, experiment, *args):
        section = experiment.data.model_copy(update=settings)
        return real(experiment.model_copy(update={"data": section}), *args)

    return of.plan("_domain", planned)


def cut_from(change: Callable[[np.ndarray], np.ndarray]) -> Plant:
    """Squares are cut out of `change(image)`."""
    return method(
        "DomainPlan.images",
        lambda real, self, step, images: real(self, step, [change(image) for image in images]),
    )


def shortest_square(image: np.ndarray) -> np.ndarray:
    """What lies within the shorter of its sides."""
    side = min(image.shape[:2])
    return image[:side, :side]


def upside_down(real, self, step, images):
    """Flips go from top to bottom."""
    straight = real(replace(self, flip=np.zeros_like(self.flip)), step, images)
    return np.stack(
        [x[::-1] if flip else x for x, flip in zip(straight, self.flip[step], strict=True)]
    )


def indices(change: Callable[..., tuple[np.ndarray, np.ndarray]]) -> Plant:
    """`change(a, b, images of A, images of B)`; both int (steps, batch)."""

    def planned(real, experiment, seed, train_a, train_b, steps):
        found = real(experiment, seed, train_a, train_b, steps)
        return change(*found, train_a, train_b)

    return of.plan("_indices", planned)


def repeated(index: np.ndarray, images: int) -> np.ndarray:
    """Every round in the order of the first."""
    return np.resize(index.ravel()[:images], index.shape)


def stream(instead: dict[str, str]) -> Plant:
    """Streams of random numbers that are others."""
    return of.plan("stream", lambda real, seed, name: real(seed, instead.get(name, name)))


# ------------------------------------------------------------------------------------ dropout


def dropout(change: Callable[..., Any]) -> Plant:
    """`change(masks of a pass, number of the pass)`, every mask (N, h, w, C)."""

    def kept(real, self, step):
        passes = real(self, step).items()
        return {name: tuple(change(mask) for mask in masks) for name, masks in passes}

    return method("Dropout.kept", kept)


def dropout_rate(real, self, step):
    """The share that is kept for the share that is lost."""
    return real(replace(self, rate=1 - self.rate), step)


# -------------------------------------------------------------------------------------- rates


def factors(change: Callable[..., np.ndarray], **settings: Any) -> Plant:
    """`change(factors with other settings, steps of an epoch)`."""

    def changed(real, training, steps, per_epoch):
        return change(real(training.model_copy(update=settings), steps, per_epoch), per_epoch)

    return of.plan("factors", changed)


def stands_from(epoch: int) -> Callable[[np.ndarray, int], np.ndarray]:
    """As at the beginning of the epoch from there on."""

    def change(factor: np.ndarray, per_epoch: int) -> np.ndarray:
        return factor[np.minimum(np.arange(len(factor)), epoch * per_epoch)]

    return change


def warmed_up(first: float, epochs: int | None) -> Callable[[np.ndarray, int], np.ndarray]:
    """From `first` steps on, over so many epochs; None: over one step."""

    def change(factor: np.ndarray, per_epoch: int) -> np.ndarray:
        steps = 1 if epochs is None else epochs * per_epoch
        return factor * np.minimum(1, (np.arange(len(factor)) + first) / (steps + first))

    return change


def plan_field(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Plant:
    """Fields of the plan, changed."""
    return of.plan("Plan", lambda real, **fields: real(**{**fields, **change(fields)}))


def plateaus(change: Callable[[list[float]], list[float]] = list, **settings: Any) -> Plant:
    """With other settings, then `change` of the factors."""

    def changed(real, training, losses):
        given = {
            key: x(getattr(training, key)) if callable(x) else x for key, x in settings.items()
        }
        return change(real(training.model_copy(update=given), losses))

    return function("harness.studies.parity.planned.plateaus", changed)


def not_multiplied(found: list[float]) -> list[float]:
    """However often it was lowered."""
    return [1.0 if factor == 1 else sorted(set(found))[-2] for factor in found]


# ----------------------------------------------------------------------------------- any class


def method(path: str, wrapper: Callable[..., Any]) -> Plant:
    """`path` is "Class.method" of harness/plan/plan.py; `wrapper(real, self, ...)`."""

    def plant(monkeypatch: MonkeyPatch) -> None:
        from harness.plan import plan

        owner, _, name = path.partition(".")
        real = getattr(getattr(plan, owner), name)
        monkeypatch.setattr(
            getattr(plan, owner), name, lambda self, *a, **k: wrapper(real, self, *a, **k)
        )

    return plant
