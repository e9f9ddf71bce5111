"""Planted defects of steps: evaluation, Adam, averages, pools, what is not finite."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from plant_networks import Plant, wrapped
from plant_training import steps_taken
from pytest import MonkeyPatch

from backends.interface import POOL_SWAP

# --------------------------------------------------------------------------------- evaluation


def pass_in_evaluation_mode(name: str, network: str, source: str) -> Callable[[str], Plant]:
    """Image `name` of a step is made by `network` out of `source` by running statistics."""

    def plant(backend: str) -> Plant:
        def made(real, networks, objective, batch):
            found, generator = real(networks, objective, batch), getattr(networks, network)
            given = getattr(batch if source in ("a", "b") else found, source)
            if backend == "tf":
                return found._replace(**{name: generator(given, training=False)})
            generator.eval()
            other = generator(given)
            generator.train()
            return found._replace(**{name: other})

        return wrapped(backend, "losses.generated", made)

    return plant


def left_in_evaluation_mode(backend: str) -> Plant:
    def translate(real, self, *args, **rest):
        found = real(self, *args, **rest)
        self.networks.g_ab.eval()
        self.networks.g_ba.eval()
        return found

    return wrapped(backend, "backend.Backend.translate", translate)


def averaged_by_evaluation(backend: str) -> Plant:
    """Images that are looked at go into the running statistics."""

    def forward(real, self, x):
        if not self.training and self.spec is not None and self.spec.kind == "batch":
            self.average(x)
        return real(self, x)

    def call(real, self, x, training=True):
        if not training and self.spec is not None and self.spec.kind == "batch":
            real(self, x, training=True)
        return real(self, x, training=training)

    if backend == "torch":
        return wrapped("torch", "networks.Norm.forward", forward)
    return wrapped("tf", "networks.Norm.call", call)


def biased_alone(backend: str) -> Plant:
    """The running variance of a single image is not corrected."""

    def torch_average(real, self, x):
        import torch

        if len(x) > 1:
            return real(self, x)
        variance, mean = torch.var_mean(x, (0, 2, 3), correction=0)
        self.mean.lerp_(mean, self.spec.momentum)
        self.variance.lerp_(variance, self.spec.momentum)

    def tf_average(real, self, x, mean, variance, is_unbiased=False):
        real(self, x, mean, variance, is_unbiased=is_unbiased or x.shape[0] == 1)

    return wrapped(
        backend, "networks.Norm.average", torch_average if backend == "torch" else tf_average
    )


def not_averaged(backend: str) -> Plant:
    """Averages are given to nobody."""
    return wrapped(
        backend,
        "backend.Backend.translate",
        lambda real, self, images, direction, averaged=False: real(self, images, direction),
    )


def upside_down(backend: str) -> Plant:
    """Scores, bottom row first."""
    return wrapped(
        backend,
        "backend.Backend.patch_scores",
        lambda real, self, *args: real(self, *args)[:, ::-1],
    )


# --------------------------------------------------------------------------------------- Adam


def beta(optimiser: Any, number: int) -> float:
    if hasattr(optimiser, "m"):
        return float(optimiser.beta1 if number == 1 else optimiser.beta2)
    return optimiser.defaults["betas"][number - 1]


def a_step_ahead(optimiser: Any, rate: Any) -> Any:
    """The first moment is corrected as if there had been one step more."""
    step, beta1 = steps_taken(optimiser) + 1, beta(optimiser, 1)
    return rate * (1 - beta1**step) / (1 - beta1 ** (step + 1))


def corrected_no_longer(optimiser: Any, rate: Any) -> Any:
    """From step 2000 on the second moment is not corrected."""
    step = steps_taken(optimiser) + 1
    return rate if step <= 2000 else rate / (1 - beta(optimiser, 2) ** step) ** 0.5


def counted_in_float32(backend: str) -> Plant:
    def apply(real, self, *args):
        real(self, *args)
        if backend == "torch":
            self.count = int(np.float32(self.count))
        else:
            self.step.assign(int(np.float32(self.step.numpy())))

    return wrapped(backend, "training.Adam.apply", apply)


def nesterov(monkeypatch: MonkeyPatch) -> None:
    import tensorflow as tf

    real = tf.raw_ops.ResourceApplyAdam
    monkeypatch.setattr(
        tf.raw_ops, "ResourceApplyAdam", lambda **given: real(**given, use_nesterov=True)
    )


def gradients(backend: str, change: Callable[[list[Any]], list[Any]]) -> Plant:
    """`change` of the gradients that an optimiser is given."""

    def apply(real, self, *args):
        if backend == "tf":
            return real(self, change(args[0]), args[1])
        for parameter, gradient in zip(
            self.state, change([parameter.grad for parameter in self.state]), strict=True
        ):
            parameter.grad = gradient
        return real(self, *args)

    return wrapped(backend, "training.Adam.apply", apply)


def of_length_one(found: list[Any]) -> list[Any]:
    """Clipped by their common norm."""
    length = sum(float((gradient**2).numpy().sum()) for gradient in found) ** 0.5
    return [gradient / max(1.0, length) for gradient in found]


def clipped_before(backend: str) -> Plant:
    """What the step adds is not clipped."""

    def apply(real, self, *args):
        clip, self.clip = self.clip, None
        if clip is not None:
            self.clip_parameters(clip)
        real(self, *args)
        self.clip = clip

    return wrapped(backend, "training.Adam.apply", apply)


def every_other_step(backend: str, side: str) -> Plant:
    """The optimiser of a side leaves out every other step."""
    calls: list[None] = []

    def update(real, self, adam, *args):
        calls.append(None)
        if adam is not getattr(self, side) or len(calls) % 4 < 2:
            real(self, adam, *args)

    return wrapped(backend, "training.Trainer.update", update)


# ----------------------------------------------------------------------------------- averages


def of_the_other_generator(backend: str) -> Plant:
    def init(real, self, networks, *args):
        real(self, networks._replace(g_ab=networks.g_ba, g_ba=networks.g_ab), *args)

    return wrapped(backend, "training.Average.__init__", init)


def weights_alone(backend: str) -> Plant:
    """Averages have the running statistics that they began with."""

    def numbers(real, network):
        if backend == "torch":
            return list(network.parameters())
        return [variable.value for variable in network.trainable_variables]

    return wrapped(backend, "training.numbers", numbers)


def always(step: int) -> Callable[[str], Plant]:
    """Averages with the decay of one step in all of them."""
    return lambda backend: wrapped(
        backend, "training.Average.update", lambda real, self, _: real(self, step)
    )


# -------------------------------------------------------------------------------------- pools


def pools_exchanged(backend: str) -> Plant:
    """Each pool decides as the other should."""

    def judged(real, self, batch, *fakes):
        return real(self, batch._replace(pool_a=batch.pool_b, pool_b=batch.pool_a), *fakes)

    return wrapped(backend, "training.Trainer.discriminators_on_pools", judged)


def drawn_before(real, self, fakes, decision):
    """Out of what the pool held before the new image was stored."""
    before = self.images.clone()
    shown, *drawn = real(self, fakes, decision)
    return [shown, before[decision.drawn.tolist()]] if drawn else [shown]


def stored_as_levels(backend: str) -> Plant:
    """A pool holds images as uint8 has them."""

    def in_torch(real, self, fakes, decision):
        import torch

        [shown] = real(self, ((fakes + 1) * 127.5).round() / 127.5 - 1, decision)
        swapped = torch.from_numpy(decision.action == POOL_SWAP)
        return [shown.where(swapped[:, None, None, None], fakes)]

    def in_tf(real, self, fakes, decision):
        import tensorflow as tf

        [shown] = real(self, tf.round((fakes + 1) * 127.5) / 127.5 - 1, decision)
        return [tf.where((decision.action == POOL_SWAP)[:, None, None, None], shown, fakes)]

    exchange = in_torch if backend == "torch" else in_tf
    return wrapped(backend, "image_pool.ImagePool.exchange", exchange)


# -------------------------------------------------------------------------------- not finite


def finite(found: list[Any]) -> bool:
    return all(bool(np.isfinite(gradient.numpy()).all()) for gradient in found)


def skipped(backend: str) -> Plant:
    """An optimiser makes no step on gradients that are not finite."""

    def apply(real, self, *args):
        given = [parameter.grad for parameter in self.state] if backend == "torch" else args[0]
        if finite(given):
            real(self, *args)

    return wrapped(backend, "training.Adam.apply", apply)


def discriminators_skipped(backend: str) -> Plant:
    """The same of the discriminators in a training step alone."""

    def update(real, self, adam, *args):
        given = [p.grad for p in self.discriminators] if backend == "torch" else args[0]
        if adam is self.adam_g or finite(given):
            real(self, adam, *args)

    return wrapped(backend, "training.Trainer.update", update)


def zero_recorded(backend: str) -> Plant:
    """For losses that are not finite."""

    def step(real, self, batch):
        found = real(self, batch)
        if backend == "torch":
            return found.nan_to_num(0.0, 0.0, 0.0)
        import tensorflow as tf

        return tf.where(tf.math.is_finite(found), found, tf.zeros_like(found))

    return wrapped(backend, "training.Trainer.step", step)
