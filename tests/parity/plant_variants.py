"""Planted defects of U-Nets, dropout, penalties, clipping, histories and rates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from plant_networks import Plant, function, module, wrapped
from pytest import MonkeyPatch

Planter = Callable[[str], Plant]

# ------------------------------------------------------------------------------------ layers


def skips_first(backend: str) -> Plant:
    """The skip's channels before those that come up."""
    if backend == "torch":
        return function("torch.cat", lambda real, x, *dim: real(x[::-1] if dim else x, *dim))
    return function("tensorflow.concat", lambda real, x, axis: real(x[::-1] if axis else x, axis))


def bilinear(monkeypatch: MonkeyPatch) -> None:
    function(
        "torch.nn.functional.interpolate",
        lambda real, x, scale_factor, mode: real(x, scale_factor=scale_factor, mode="bilinear"),
    )(monkeypatch)


def tiled(monkeypatch: MonkeyPatch) -> None:
    """0 1 0 1 for 0 0 1 1."""
    import tensorflow as tf

    function("tensorflow.repeat", lambda real, x, times, axis: tf.concat([x] * times, axis))(
        monkeypatch
    )


def own_moments(monkeypatch: MonkeyPatch) -> None:
    """`tf.nn.moments`, wrong where it is differentiated twice."""
    import tensorflow as tf

    monkeypatch.setattr(module("tf", "networks"), "moments", tf.nn.moments)


# ----------------------------------------------------------------------------------- dropout


def dropout_rate(rate: float) -> Planter:
    """What is dropped stays the same, what is kept is made up for by another rate."""

    def init(real, self, *args, **rest):
        real(self, *args, **rest)
        self.rate = rate

    return lambda backend: wrapped(backend, "networks.UNet.__init__", init)


def no_dropout(backend: str) -> Plant:
    """As in evaluation."""
    method = "forward" if backend == "torch" else "call"

    def call(real, self, x, kept=(), **rest):
        return real(self, x, **rest)

    return wrapped(backend, f"networks.UNet.{method}", call)


def masks(instead: dict[str, str]) -> Plant:
    """Passes take the masks of others."""

    def losses(real, networks, objective, batch):
        kept = {one: batch.kept.get(instead.get(one, one), ()) for one in batch.kept}
        return real(networks, objective, batch._replace(kept=kept))

    return wrapped("torch", "training.generator_losses", losses)


# ------------------------------------------------------------------------------------ losses


def hinge_for_generators(backend: str) -> Plant:
    return wrapped(
        backend,
        "losses.adversarial_of_generator",
        lambda real, kind, scores: module(backend, "losses").adversarial(kind, scores, real=True),
    )


def sign_reversed(backend: str) -> Plant:
    return wrapped(
        backend,
        "losses.adversarial",
        lambda right, kind, scores, real: right(kind, scores, real=not real),
    )


def penalty_at(share: float) -> Planter:
    """At mixtures of one share for all."""
    return lambda backend: wrapped(
        backend,
        "losses.gradient_penalty",
        lambda right, discriminator, real, fake, mix: right(
            discriminator, real, fake, 0 * mix + share
        ),
    )


def penalty_of_one(backend: str) -> Plant:
    """Every other one is zero, which is that of B."""
    calls: list[None] = []

    def losses(right, *args):
        calls.append(None)
        found = right(*args)
        return found._replace(penalty=found.penalty * (len(calls) % 2))

    return wrapped(backend, "training.discriminator_losses", losses)


# ------------------------------------------------------------------------- pools and optimiser


def shown(change: Callable[[list[Any]], list[Any]]) -> Planter:
    """`change` of the batches that a pool shows."""
    return lambda backend: wrapped(
        backend,
        "image_pool.ImagePool.exchange",
        lambda real, self, *args: change(real(self, *args)),
    )


def not_clipped(backend: str) -> Plant:
    return wrapped(backend, "training.Adam.clip_parameters", lambda real, *args: None)


def all_clipped(backend: str) -> Plant:
    def init(real, self, parameters, objective, clip=None):
        real(self, parameters, objective, objective.clip)

    return wrapped(backend, "training.Adam.__init__", init)


def one_rate(backend: str) -> Plant:
    """In a training step; given gradients are applied as they should be."""

    def step(real, self, batch):
        return real(self, batch._replace(learning_rate=batch.discriminator_learning_rate))

    return wrapped(backend, "training.Trainer.step", step)


def rates_exchanged(backend: str) -> Plant:
    return wrapped(
        backend,
        "backend.Backend.apply_gradients",
        lambda real, self, gradients, one, two: real(self, gradients, two, one),
    )


def otherwise(**settings: Any) -> Callable[..., Any]:
    """The learning rate's factors with other settings."""
    return lambda real, training, *rest: real(training.model_copy(update=settings), *rest)
