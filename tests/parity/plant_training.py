"""Planted defects of losses, optimiser, image pool and training step; and of the plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from plant_networks import Plant, module, wrapped
from pytest import MonkeyPatch

# ------------------------------------------------------------------------------------ losses


def objective(backend: str, **changes: float | Callable[[Any], float]) -> Plant:
    """The step is given another objective; a function is given the right one."""

    def init(real, self, networks, right, pools):
        values = {k: change(right) if callable(change) else change for k, change in changes.items()}
        real(self, networks, replace(right, **values), pools)

    return wrapped(backend, "training.Trainer.__init__", init)


def generator_term(
    backend: str, index: int, weight: Callable[[Any], float], wrong: Callable[..., Any]
) -> Plant:
    """Term `index` is `wrong(losses module, networks, a, b, fake_a, fake_b)` instead."""

    def losses(real, networks, objective, a, b):
        found = real(networks, objective, a, b)
        term = wrong(module(backend, "losses"), networks, a, b, found.fake_a, found.fake_b)
        terms = list(found.terms)
        total = found.total + weight(objective) * (term - terms[index])
        terms[index] = term
        return found._replace(total=total, terms=terms)

    return wrapped(backend, "training.generator_losses", losses)


def generator_total(backend: str, change: Callable[..., Any]) -> Plant:
    """`change(losses, objective)` is minimised; what is recorded stays as it is."""

    def losses(real, networks, objective, a, b):
        found = real(networks, objective, a, b)
        return found._replace(total=change(found, objective))

    return wrapped(backend, "training.generator_losses", losses)


def loss_function(backend: str, name: str, change: Callable[..., Any]) -> Plant:
    """`change(real, x, y)` in place of l1 or least_squares."""
    return wrapped(backend, f"losses.{name}", change)


# -------------------------------------------------------------------------------------- pool


def exchange(backend: str, change: Callable[..., Any]) -> Plant:
    """`change(exchange, fakes, actions, slots)`; `exchange(actions, slots)` is the right one."""

    def call(real, self, fakes, *decision):
        if backend == "tf":
            return change(lambda a, s: real(self, fakes, a, s), fakes, *decision)
        from backends.interface import PoolDecision

        [given] = decision
        return change(
            lambda a, s: real(self, fakes, PoolDecision(np.asarray(a), np.asarray(s))),
            fakes,
            given.action,
            given.slot,
        )

    return wrapped(backend, "training.ImagePool.exchange", call)


def like(decisions: Any, change: Callable[[np.ndarray], np.ndarray]) -> Any:
    """`change` of decisions in NumPy or TensorFlow, in the same kind and type."""
    if isinstance(decisions, np.ndarray):
        return change(decisions).astype(decisions.dtype)
    import tensorflow as tf

    return tf.numpy_function(change, [decisions], decisions.dtype)


def pool_of_copies_missing() -> Plant:
    """A swapped image is overwritten by the new one before anybody has seen it."""

    def call(real, self, fakes, decision):
        real(self, fakes, decision)
        return fakes

    return wrapped("torch", "training.ImagePool.exchange", call)


# -------------------------------------------------------------------------------------- Adam


def adam(backend: str, **changes: Any) -> Plant:
    """Adam is given another objective."""

    def init(real, self, parameters, right):
        real(self, parameters, replace(right, **changes))

    return wrapped(backend, "training.Adam.__init__", init)


def learning_rate(backend: str, change: Callable[[Any, Any], Any]) -> Plant:
    """`change(optimiser, rate)` is used; the optimiser has the number of steps taken."""

    def apply(real, self, *args):
        *gradients, rate = args
        return real(self, *gradients, change(self, rate))

    return wrapped(backend, "training.Adam.apply", apply)


def first_rate(optimiser: Any, rate: Any) -> Any:
    if not hasattr(optimiser, "first_rate"):
        optimiser.first_rate = rate
    return optimiser.first_rate


def rate_before(optimiser: Any, rate: Any) -> Any:
    before = getattr(optimiser, "rate_before", rate)
    optimiser.rate_before = rate
    return before


def steps_taken(optimiser: Any) -> int:
    if hasattr(optimiser, "m"):
        return int(optimiser.step)
    return int(next(iter(optimiser.state.values()))["step"])


def no_bias_correction(optimiser: Any, rate: Any) -> Any:
    """Undoes it for the first moment; the second's would move epsilon too."""
    beta1 = optimiser.beta1 if hasattr(optimiser, "m") else optimiser.defaults["betas"][0]
    return rate * (1 - beta1 ** (steps_taken(optimiser) + 1))


def weakening(optimiser: Any, rate: Any) -> Any:
    """Wrong from the fifteenth step on."""
    return rate * (0.99 if steps_taken(optimiser) >= 15 else 1.0)


def weight_decay() -> Plant:
    def init(real, self, parameters, right):
        real(self, parameters, right)
        for group in self.param_groups:
            group["weight_decay"] = 1e-4

    return wrapped("torch", "training.Adam.__init__", init)


# -------------------------------------------------------------------------------------- step


def gradients_pile_up(side: str) -> Plant:
    def plant(monkeypatch: MonkeyPatch) -> None:
        def init(real, self, *args):
            real(self, *args)
            getattr(self, side).zero_grad = lambda: None

        wrapped("torch", "training.Trainer.__init__", init)(monkeypatch)

    return plant


def torch_fakes_not_detached(monkeypatch: MonkeyPatch) -> None:
    """Discriminator losses reach the generators, which are updated afterwards."""
    training = module("torch", "training")

    def update_generators(self, real_a, real_b, learning_rate):
        terms, _, _ = self.generator_backward(real_a, real_b)
        for parameter in self.discriminators:
            parameter.requires_grad_(True)
        fakes = self.networks.g_ba(real_b), self.networks.g_ab(real_a)
        a = training.discriminator_losses(self.networks.d_a, real_a, fakes[0])
        b = training.discriminator_losses(self.networks.d_b, real_b, fakes[1])
        (0.5 * (a.total + b.total)).backward()
        self.adam_g.apply(learning_rate)
        return terms, fakes[0].detach(), fakes[1].detach()

    monkeypatch.setattr(training.Trainer, "update_generators", update_generators)


def tf_fakes_not_detached(monkeypatch: MonkeyPatch) -> None:
    import tensorflow as tf

    training = module("tf", "training")

    def update_generators(self, real_a, real_b, learning_rate):
        with tf.GradientTape() as tape:
            found = training.generator_losses(self.networks, self.objective, real_a, real_b)
            a = training.discriminator_losses(self.networks.d_a, real_a, found.fake_a)
            b = training.discriminator_losses(self.networks.d_b, real_b, found.fake_b)
            total = found.total + 0.5 * (a.total + b.total)
        self.adam_g.apply(tape.gradient(total, self.generators), learning_rate)
        return found.terms, found.fake_a, found.fake_b

    monkeypatch.setattr(training.Trainer, "update_generators", update_generators)


def torch_discriminators_not_frozen(monkeypatch: MonkeyPatch) -> None:
    """The generators' loss leaves gradients in the discriminators, which are not cleared."""
    training = module("torch", "training")

    def update_generators(self, real_a, real_b, learning_rate):
        for parameter in self.discriminators:
            parameter.requires_grad_(True)
        self.adam_g.zero_grad()
        self.adam_d.zero_grad()
        found = training.generator_losses(self.networks, self.objective, real_a, real_b)
        found.total.backward()
        self.left = [parameter.grad.clone() for parameter in self.discriminators]
        self.adam_g.apply(learning_rate)
        terms = [term.detach() for term in found.terms]
        return terms, found.fake_a.detach(), found.fake_b.detach()

    def update_discriminators(self, reals, fakes, pools, learning_rate):
        shown_a = self.pool_a.exchange(fakes[0], pools[0])
        shown_b = self.pool_b.exchange(fakes[1], pools[1])
        found = self.discriminator_backward(*reals, shown_a, shown_b)
        for parameter, left in zip(self.discriminators, self.left, strict=True):
            parameter.grad += left
        self.adam_d.apply(learning_rate)
        return found

    monkeypatch.setattr(training.Trainer, "update_generators", update_generators)
    monkeypatch.setattr(training.Trainer, "update_discriminators", update_discriminators)


def tf_discriminators_not_frozen(monkeypatch: MonkeyPatch) -> None:
    """The discriminators take a step on the generators' loss as well."""
    import tensorflow as tf

    training = module("tf", "training")

    def update(real, self, real_a, real_b, learning_rate):
        with tf.GradientTape() as tape:
            found = training.generator_losses(self.networks, self.objective, real_a, real_b)
        gradients = tape.gradient(found.total, self.discriminators)
        result = real(self, real_a, real_b, learning_rate)
        for variable, gradient in zip(self.discriminators, gradients, strict=True):
            variable.assign_sub(tf.cast(learning_rate, gradient.dtype) * gradient)
        return result

    wrapped("tf", "training.Trainer.update_generators", update)(monkeypatch)


def fakes_after_the_update(backend: str) -> Plant:
    """Discriminators see what the generators make after their update."""

    def update(real, self, real_a, real_b, learning_rate):
        terms, _, _ = real(self, real_a, real_b, learning_rate)
        fake_a, fake_b = self.networks.g_ba(real_b), self.networks.g_ab(real_a)
        if backend == "torch":
            fake_a, fake_b = fake_a.detach(), fake_b.detach()
        return terms, fake_a, fake_b

    return wrapped(backend, "training.Trainer.update_generators", update)


# -------------------------------------------------------------------------------------- plan


def plan(name: str, change: Callable[..., Any]) -> Plant:
    """`change(real, ...)` in place of a function of harness/plan.py: all backends are wrong."""

    def plant(monkeypatch: MonkeyPatch) -> None:
        from harness import plan

        real = getattr(plan, name)
        monkeypatch.setattr(plan, name, lambda *a, **k: change(real, *a, **k))

    return plant
