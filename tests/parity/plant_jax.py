"""Planted defects of the JAX backend where its functions are given arrays, or are JAX's own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

from plant_networks import Plant, function, module, wrapped
from plant_training import discriminator_total
from pytest import MonkeyPatch

from backends.interface import POOL_SWAP


def jnp() -> Any:
    import jax.numpy

    return jax.numpy


# ----------------------------------------------------------------------------------- networks


def norm_output(change: Callable[[Any, Any], Any]) -> Plant:
    """`change(norm's output, its input)`."""
    return wrapped(
        "jax",
        "networks.Norm.call",
        lambda real, self, arrays, x, **rest: change(real(self, arrays, x, **rest), x),
    )


def unbiased(y: Any, x: Any) -> Any:
    """The variance that normalises counts one pixel less."""
    pixels = x.shape[1] * x.shape[2]
    return y * ((pixels - 1) / pixels) ** 0.5 if pixels > 1 else y


def reflection(mode: str) -> Plant:
    def padded(real, x, padding):
        sides = (padding, padding)
        return jnp().pad(x, ((0, 0), sides, sides, (0, 0)), mode=mode)

    return wrapped("jax", "networks.reflect", padded)


def bias_left_out(real, self, arrays, x):
    y = real(self, arrays, x)
    return y - self.own(arrays, "bias") if "bias" in self.weights else y


def kernels_as_they_are(real, x, kernel, dropped):
    """As `jax.lax.conv_transpose` takes them by itself."""
    return real(x, kernel[::-1, ::-1], dropped)


def gradient_of_another_kernel(monkeypatch: MonkeyPatch) -> None:
    """The gradient of a transposed convolution's kernel is that of the one turned round."""
    import jax

    layers = module("jax", "networks")

    def backward(dropped, kept, gradient):
        of_x, of_kernel = layers._transposed_backward(dropped, kept, gradient)
        return of_x, of_kernel[::-1, ::-1]

    other = jax.custom_vjp(layers.transposed_convolution.fun, nondiff_argnums=(2,))
    other.defvjp(layers._transposed_forward, backward)
    monkeypatch.setattr(layers, "transposed_convolution", other)


def without_x64(monkeypatch: MonkeyPatch) -> None:
    """float64 is asked for, and JAX left as it comes."""
    import jax

    @contextmanager
    def settings(runtime, device):
        with jax.default_device(device):
            yield

    monkeypatch.setattr(module("jax", "device"), "settings", settings)


def always_by_batch(real, self, arrays, x, training=True):
    return real(self, arrays, x, training=True)


def no_dropout(real, self, arrays, x, kept=(), **rest):
    return real(self, arrays, x, **rest)


def skips_first(monkeypatch: MonkeyPatch) -> None:
    function(
        "jax.numpy.concatenate",
        lambda real, x, *axis: real(x[::-1] if axis else x, *axis),
    )(monkeypatch)


def tiled(monkeypatch: MonkeyPatch) -> None:
    """0 1 0 1 for 0 0 1 1."""
    function("jax.numpy.repeat", lambda real, x, times, axis: jnp().concatenate([x] * times, axis))(
        monkeypatch
    )


def held_still(right, *args):
    """As a number, of which nothing is differentiated."""
    import jax

    return jax.lax.stop_gradient(right(*args))


# --------------------------------------------------------------------------------------- pool


def exchange(change: Callable[..., Any]) -> Plant:
    """`change(exchange, fakes, actions, slots)`; `exchange(actions, slots)` is the right one."""

    def call(real, self, arrays, fakes, decision):
        def exchanged(action, slot):
            return real(self, arrays, fakes, decision._replace(action=action, slot=slot))

        return change(exchanged, fakes, decision.action, decision.slot)

    return wrapped("jax", "image_pool.ImagePool.exchange", call)


def for_swaps(other: int) -> Plant:
    """What should be swapped is treated otherwise."""
    return exchange(
        lambda exchanged, fakes, a, s: exchanged(jnp().where(a == POOL_SWAP, other, a), s)
    )


def pool_forgotten(real, self, arrays, *rest):
    """What a pool stores nobody keeps, as where a new array is not handed on."""
    return real(self, dict(arrays), *rest)


def pools_exchanged(real, self, arrays, batch, *fakes):
    """Each pool decides as the other should."""
    return real(self, arrays, batch._replace(pool_a=batch.pool_b, pool_b=batch.pool_a), *fakes)


# --------------------------------------------------------------------------------------- Adam


def learning_rate(change: Callable[[Any, float], float]) -> Plant:
    """`change(optimiser, rate)` is used; the optimiser has the number of steps taken."""
    return wrapped(
        "jax", "training.Adam.begin", lambda real, self, rate: real(self, change(self, rate))
    )


def no_bias_correction(optimiser: Any, rate: float) -> float:
    return rate * (1 - optimiser.beta1 ** (optimiser.count + 1))


def weakening(optimiser: Any, rate: float) -> float:
    """Wrong from the fifteenth step on, but not late."""
    return rate * (0.99 if 15 <= optimiser.count < 100 else 1.0)


def gradients(change: Callable[[Any, Any], Any]) -> Plant:
    """`change(gradient, parameter)` of all that an optimiser is given."""

    def apply(real, self, arrays, given, step):
        changed = {name: change(given[name], arrays[name]) for name in self.parameters}
        real(self, arrays, changed, step)

    return wrapped("jax", "training.Adam.apply", apply)


def zero_for_not_finite(gradient: Any, parameter: Any) -> Any:
    return jnp().where(jnp().isfinite(gradient), gradient, 0)


def decayed(gradient: Any, parameter: Any) -> Any:
    return gradient + 1e-4 * parameter


# --------------------------------------------------------------------------------------- step


def fakes_after_the_update(real, self, arrays, batch, fake_a, fake_b):
    """Discriminators see what the generators make after their update."""
    return real(self, arrays, batch, *self.fakes(arrays, batch))


def fakes_not_detached(real, self, arrays, batch):
    """Discriminator losses reach the generators."""

    def total(arrays):
        found = self.generator_losses(arrays, batch)
        fakes = found.fake_a, found.fake_b
        seen = _Seen(self.networks.on(arrays), self.objective)
        return found.total + discriminator_total("jax", seen, batch, *fakes), found

    found, losses = self.gradients(total, self.generators, arrays)
    return found, losses.terms, losses.fake_a, losses.fake_b


class _Seen:
    def __init__(self, networks: Any, objective: Any):
        self.networks, self.objective = networks, objective


def in_a_step(method: str, wrapper: Callable[..., Any]) -> Plant:
    """`wrapper(real, trainer, ...)` for a method of Trainer, but only within a training step."""
    inside: list[bool] = []

    def step(real, self, *args):
        inside.append(True)
        try:
            return real(self, *args)
        finally:
            inside.pop()

    def call(real, self, *args):
        return wrapper(real, self, *args) if inside else real(self, *args)

    def plant(monkeypatch: MonkeyPatch) -> None:
        wrapped("jax", "training.Trainer.step", step)(monkeypatch)
        wrapped("jax", f"training.Trainer.{method}", call)(monkeypatch)

    return plant


def one_rate(real, self, arrays, batch, share):
    """Of the generators, which take the discriminators'."""
    return real(
        self, arrays, batch._replace(learning_rate=batch.discriminator_learning_rate), share
    )


# --------------------------------------------------------------------------------- evaluation


def in_training_mode(real, self, network, arrays, images):
    return real(self, lambda arrays, x, training: network(arrays, x), arrays, images)


def rounded(function_of: Callable[[Any], Any]) -> Plant:
    return function("jax.numpy.round", lambda real, x: function_of(x))


def half_up(x: Any) -> Any:
    return jnp().floor(x + 0.5)


def down(x: Any) -> Any:
    return jnp().floor(x)
