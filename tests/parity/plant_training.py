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

    def init(real, self, networks, right, *rest):
        values = {k: change(right) if callable(change) else change for k, change in changes.items()}
        real(self, networks, replace(right, **values), *rest)

    return wrapped(backend, "training.Trainer.__init__", init)


def average(backend: str, decay: Callable[[Any], float]) -> Plant:
    """Averages of the generators' weights are given another decay."""

    def init(real, self, networks, right, *generators):
        real(self, networks, replace(right, average=decay(right)), *generators)

    return wrapped(backend, "training.Average.__init__", init)


def average_late(backend: str) -> Plant:
    return wrapped(
        backend, "training.Average.update", lambda real, self, step: real(self, step + 1)
    )


def average_before_the_update(backend: str) -> Plant:
    """Weights as they were before the step go into the average."""

    def update_all(real, self, batch):
        self.average.update(self.adam_g.count + 1)
        self.update_average = lambda: None
        return real(self, batch)

    return wrapped(backend, "training.Trainer.update_all", update_all)


def generator_term(
    backend: str, index: int, weight: Callable[[Any], float], wrong: Callable[..., Any]
) -> Plant:
    """Term `index` is `wrong(losses module, networks, a, b, fake_a, fake_b)` instead."""

    def losses(real, networks, objective, batch):
        found = real(networks, objective, batch)
        images = batch.a, batch.b, found.fake_a, found.fake_b
        term = wrong(module(backend, "losses"), networks, *images)
        terms = list(found.terms)
        total = found.total + weight(objective) * (term - terms[index])
        terms[index] = term
        return found._replace(total=total, terms=terms)

    return wrapped(backend, "training.generator_losses", losses)


def generator_total(backend: str, change: Callable[..., Any]) -> Plant:
    """`change(losses, objective)` is minimised; what is recorded stays as it is."""

    def losses(real, networks, objective, batch):
        found = real(networks, objective, batch)
        return found._replace(total=change(found, objective))

    return wrapped(backend, "training.generator_losses", losses)


def loss_function(backend: str, name: str, change: Callable[..., Any]) -> Plant:
    """`change(real, x, y)` in place of l1 or least_squares."""
    return wrapped(backend, f"losses.{name}", change)


# -------------------------------------------------------------------------------------- pool


def exchange(backend: str, change: Callable[..., Any]) -> Plant:
    """`change(exchange, fakes, actions, slots)`; `exchange(actions, slots)` is the right one."""

    def call(real, self, fakes, decision):
        def exchanged(action, slot):
            return real(self, fakes, decision._replace(action=action, slot=slot))

        return change(exchanged, fakes, decision.action, decision.slot)

    return wrapped(backend, "image_pool.ImagePool.exchange", call)


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
        return [fakes]

    return wrapped("torch", "image_pool.ImagePool.exchange", call)


# -------------------------------------------------------------------------------------- Adam


def adam(backend: str, **changes: Any) -> Plant:
    """Adam is given another objective."""

    def init(real, self, parameters, right, *clip):
        real(self, parameters, replace(right, **changes), *clip)

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
    """Wrong from the fifteenth step on, but not late."""
    return rate * (0.99 if 15 <= steps_taken(optimiser) < 100 else 1.0)


def weight_decay() -> Plant:
    def init(real, self, *args):
        real(self, *args)
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


def in_step(backend: str, method: str, wrapper: Callable[..., Any]) -> Plant:
    """`wrapper(real, trainer, ...)` for a method of Trainer, but only within a training step."""

    def plant(monkeypatch: MonkeyPatch) -> None:
        def step(real, self, batch):
            self.stepping = True
            try:
                return real(self, batch)
            finally:
                self.stepping = False

        def call(real, self, *args):
            stepping = getattr(self, "stepping", False)
            return wrapper(real, self, *args) if stepping else real(self, *args)

        wrapped(backend, "training.Trainer.step", step)(monkeypatch)
        wrapped(backend, f"training.Trainer.{method}", call)(monkeypatch)

    return plant


def discriminator_total(backend: str, trainer: Any, batch: Any, fake_a: Any, fake_b: Any) -> Any:
    losses, objective = module(backend, "losses").discriminator_losses, trainer.objective
    a = losses(trainer.networks.d_a, objective, batch.a, [fake_a], batch.mix_a)
    b = losses(trainer.networks.d_b, objective, batch.b, [fake_b], batch.mix_b)
    return 0.5 * (a.total + b.total)


def fakes_not_detached(backend: str) -> Plant:
    """Discriminator losses reach the generators, which are updated afterwards."""

    def in_torch(real, self, batch):
        found = real(self, batch)
        fakes = self.networks.g_ba(batch.b), self.networks.g_ab(batch.a)
        discriminator_total("torch", self, batch, *fakes).backward()
        return found

    def in_tf(real, self, batch):
        import tensorflow as tf

        with tf.GradientTape() as tape:
            found = module("tf", "losses").generator_losses(self.networks, self.objective, batch)
            fakes = found.fake_a, found.fake_b
            total = found.total + discriminator_total("tf", self, batch, *fakes)
        return tape.gradient(total, self.generators), found.terms, *fakes

    return in_step(backend, "generator_backward", in_torch if backend == "torch" else in_tf)


def torch_discriminators_not_frozen(monkeypatch: MonkeyPatch) -> None:
    """The generators' loss leaves gradients in the discriminators, which are not cleared."""

    def generators(real, self, batch):
        for parameter in self.discriminators:
            parameter.requires_grad_(True)
        self.adam_g.zero_grad()
        self.adam_d.zero_grad()
        losses = module("torch", "losses").generator_losses
        found = losses(self.networks, self.objective, batch)
        found.total.backward()
        self.left = [parameter.grad.clone() for parameter in self.discriminators]
        terms = [term.detach() for term in found.terms]
        return terms, found.fake_a.detach(), found.fake_b.detach()

    def discriminators(real, self, *args):
        found = real(self, *args)
        for parameter, left in zip(self.discriminators, self.left, strict=True):
            parameter.grad += left
        return found

    in_step("torch", "generator_backward", generators)(monkeypatch)
    in_step("torch", "discriminator_backward", discriminators)(monkeypatch)


def tf_discriminators_not_frozen(monkeypatch: MonkeyPatch) -> None:
    """The discriminators take a step on the generators' loss as well."""
    import tensorflow as tf

    def generators(real, self, batch):
        with tf.GradientTape() as tape:
            losses = module("tf", "losses").generator_losses
            found = losses(self.networks, self.objective, batch)
        gradients = tape.gradient(found.total, self.discriminators)
        result = real(self, batch)
        for variable, gradient in zip(self.discriminators, gradients, strict=True):
            variable.assign_sub(tf.cast(batch.learning_rate, gradient.dtype) * gradient)
        return result

    in_step("tf", "generator_backward", generators)(monkeypatch)


def fakes_after_the_update(backend: str) -> Plant:
    """Discriminators see what the generators make after their update."""

    def judged(real, self, batch, fake_a, fake_b):
        fake_a, fake_b = self.networks.g_ba(batch.b), self.networks.g_ab(batch.a)
        if backend == "torch":
            fake_a, fake_b = fake_a.detach(), fake_b.detach()
        return real(self, batch, fake_a, fake_b)

    return in_step(backend, "discriminators_on_pools", judged)


# -------------------------------------------------------------------------------------- plan


def plan(name: str, change: Callable[..., Any]) -> Plant:
    """`change(real, ...)` in place of a function of harness/plan/plan.py: all are wrong."""

    def plant(monkeypatch: MonkeyPatch) -> None:
        from harness.plan import plan

        real = getattr(plan, name)
        monkeypatch.setattr(plan, name, lambda *a, **k: change(real, *a, **k))

    return plant
