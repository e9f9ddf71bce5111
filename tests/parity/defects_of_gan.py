"""Defects to plant in a GAN, one at a time, and the rung that has to name each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from defects import Defect
from plant_networks import Plant, wrapped
from pytest import MonkeyPatch

from harness.plan.gan_plan import GanPlan
from harness.studies.parity import Rung


def network(backend: str, change: Callable[..., tuple]) -> Plant:
    """`change(layers, slope, tanh)`, of every network."""

    def init(real, self, layers, slope, tanh, **rest):
        layers, slope, tanh = change(layers, slope, tanh)
        real(self, layers, slope, tanh=tanh, **rest)

    return wrapped(backend, "gan.Network.__init__", init)


def wider(layers, slope, tanh):
    """A unit more behind the first layer."""
    first, second, *rest = layers
    more = replace(first, outputs=first.outputs + 1), replace(second, inputs=second.inputs + 1)
    return (*more, *rest), slope, tanh


def images(backend: str, change: Callable[[Any], Any]) -> Plant:
    return wrapped(backend, "gan.Backend._images", lambda real, self, x: change(real(self, x)))


def loss(backend: str, change: Callable[..., Any]) -> Plant:
    """`change(real, kind, scores, is_real)` in place of both networks' loss."""
    return wrapped(backend, "gan.adversarial", change)


def batch(backend: str, change: Callable[[Any], dict]) -> Plant:
    """Every step is made of another batch."""

    def step(real, self, given):
        return real(self, given._replace(**change(given)))

    return wrapped(backend, "gan.Trainer.step", step)


def gradients(backend: str, method: str, change: Callable[[Any], Any]) -> Plant:
    """`change(gradient)`; what is recorded stays as it is."""

    def backward(real, self, *given):
        found, recorded = real(self, *given)
        return [change(gradient) for gradient in found], recorded

    return wrapped(backend, f"gan.Trainer.{method}", backward)


def objective(backend: str, **changes: float) -> Plant:
    """The optimisers are given another objective."""

    def init(real, self, networks, right):
        real(self, networks, replace(right, **changes))

    return wrapped(backend, "gan.Trainer.__init__", init)


def generator_first(backend: str) -> Plant:
    """The generator is updated before the discriminator."""

    def step(real, self, given):
        found, _ = self.generator_backward(given.noise_g)
        self.update(self.adam_g, found, given.learning_rate)
        real_update = self.update
        self.update = lambda adam, *rest: None if adam is self.adam_g else real_update(adam, *rest)
        try:
            return real(self, given)
        finally:
            del self.update

    return wrapped(backend, "gan.Trainer.step", step)


def not_loaded(backend: str, prefix: str) -> Plant:
    def load_state(real, self, state):
        real(self, {k: np.zeros_like(v) if k.startswith(prefix) else v for k, v in state.items()})

    return wrapped(backend, "gan.Backend.load_state", load_state)


def planned(change: Callable[..., dict]) -> Plant:
    """`change(plan, step, batch)` of what the plan gives to all backends."""

    def plant(monkeypatch: MonkeyPatch) -> None:
        real = GanPlan.batch

        def made(self, step, *rest):
            given = real(self, step, *rest)
            return given._replace(**change(self, step, given))

        monkeypatch.setattr(GanPlan, "batch", made)

    return plant


def ones_of(plan, step, given):
    return {"noise_d": np.ones_like(given.noise_d)}


def uniform(plan, step, given):
    draw = np.random.default_rng(step)
    return {"noise_g": draw.uniform(-1, 1, given.noise_g.shape)}


NOT_CLIPPED = 1e9
OF_GAN = [
    Defect("a unit more", "torch", network("torch", wider), Rung.PARAMETERS),
    Defect("a unit more", "tf", network("tf", wider), Rung.PARAMETERS),
    Defect("no tanh", "tf", network("tf", lambda x, s, t: (x, s, False)), Rung.ACTIVATIONS),
    Defect("slope 0.01", "torch", network("torch", lambda x, s, t: (x, 0.01, t)), Rung.ACTIVATIONS),
    Defect("slope 0.3", "tf", network("tf", lambda x, s, t: (x, 0.3, t)), Rung.ACTIVATIONS),
    Defect("images in [0, 1]", "torch", images("torch", lambda x: (x + 1) / 2), Rung.ACTIVATIONS),
    Defect("images in [0, 1]", "tf", images("tf", lambda x: (x + 1) / 2), Rung.ACTIVATIONS),
    Defect(
        "a sum for the mean",
        "torch",
        loss("torch", lambda real, kind, s, is_real: real(kind, s, is_real) * len(s)),
        Rung.LOSSES,
    ),
    Defect(
        "real and fake exchanged",
        "tf",
        loss("tf", lambda real, kind, s, is_real: real(kind, s, not is_real)),
        Rung.LOSSES,
    ),
    Defect(
        "the saturating loss",
        "torch",
        wrapped(
            "torch",
            "gan.adversarial_of_generator",
            lambda real, kind, s: -real(kind, -s),
        ),
        Rung.LOSSES,
    ),
    Defect(
        "least squares halved",
        "tf",
        loss("tf", lambda real, kind, s, is_real: real(kind, s, is_real) / 2),
        Rung.LOSSES,
        "least_squares",
    ),
    Defect(
        "noise used twice",
        "tf",
        batch("tf", lambda given: {"noise_g": given.noise_d}),
        Rung.LOSSES,
    ),
    Defect(
        "the generator's gradient 5% up",
        "torch",
        gradients("torch", "generator_backward", lambda g: 1.05 * g),
        Rung.GRADIENTS,
    ),
    Defect(
        "biases of the discriminator left alone",
        "tf",
        gradients("tf", "discriminator_backward", lambda g: g * (len(g.shape) - 1)),
        Rung.GRADIENTS,
    ),
    Defect("Adam's epsilon 1e-7", "torch", objective("torch", epsilon=1e-7), Rung.ADAM),
    Defect("Adam's epsilon 1e-7", "tf", objective("tf", epsilon=1e-7), Rung.ADAM),
    Defect("beta1 0.9", "tf", objective("tf", beta1=0.9), Rung.ADAM),
    Defect(
        "rounded down",
        "torch",
        wrapped(
            "torch", "device.to_images", lambda real, x, rounding: real(x, "down")
        ),
        Rung.LEVELS,
    ),
    Defect("the generator first", "torch", generator_first("torch"), Rung.FREEZING),
    Defect("the generator first", "tf", generator_first("tf"), Rung.FREEZING),
    Defect(
        "one learning rate for both",
        "torch",
        batch("torch", lambda given: {"learning_rate": given.discriminator_learning_rate}),
        Rung.FREEZING,
    ),
    Defect(
        "weights not clipped",
        "torch",
        objective("torch", clip=NOT_CLIPPED),
        Rung.FREEZING,
        "wasserstein",
    ),
    Defect(
        "weights not clipped", "tf", objective("tf", clip=NOT_CLIPPED), Rung.FREEZING, "wasserstein"
    ),
    Defect("first moments not loaded", "tf", not_loaded("tf", "adam_m/"), Rung.EXCHANGE),
    Defect("steps taken not loaded", "torch", not_loaded("torch", "step"), Rung.EXCHANGE),
    Defect("noise that is none", "plan", planned(ones_of), Rung.PLAN),
    Defect("uniform noise", "plan", planned(uniform), Rung.PLAN),
]  # fmt: skip
