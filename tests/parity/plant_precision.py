"""Planted defects of bfloat16 and of compilers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from plant_networks import Plant, wrapped
from pytest import MonkeyPatch

# ---------------------------------------------------------------------------------- bfloat16


def in_bfloat16(backend: str, path: str, wrapper: Callable[..., Any]) -> Plant:
    """As `wrapped`, within calls of a backend that computes in bfloat16."""
    inside: list[bool] = []

    def entered(real, self, *args, **rest):
        inside.append(self.runtime.precision == "bfloat16")
        try:
            return real(self, *args, **rest)
        finally:
            inside.pop()

    def call(real, *args, **rest):
        return wrapper(real, *args, **rest) if inside and inside[-1] else real(*args, **rest)

    def plant(monkeypatch: MonkeyPatch) -> None:
        for method in ("load_state", "train_step", "gradients", "apply_gradients", "activations"):
            wrapped(backend, f"backend.Backend.{method}", entered)(monkeypatch)
        wrapped(backend, path, call)(monkeypatch)

    return plant


def cut(x: Any) -> Any:
    """With bfloat16's digits, in the type that it has."""
    if hasattr(x, "bfloat16"):
        return x.bfloat16().to(x.dtype)
    import tensorflow as tf

    return tf.cast(tf.cast(x, "bfloat16"), x.dtype)


def kept_in_bfloat16(backend: str, what: str) -> Plant:
    """`what`: "weights" or "moments", after every step of an optimiser."""

    def apply(real, self, *args):
        real(self, *args)
        if backend == "tf":
            for variable in self.parameters if what == "weights" else [*self.m, *self.v]:
                variable.assign(cut(variable))
            return
        for parameter, state in self.state.items():
            moments = (state["exp_avg"], state["exp_avg_sq"])
            for tensor in (parameter.data,) if what == "weights" else moments:
                tensor.copy_(cut(tensor))

    return in_bfloat16(backend, "training.Adam.apply", apply)


def loaded_in_bfloat16(backend: str) -> Plant:
    def load(real, trainer, state):
        real(trainer, {name: float_cut(array) for name, array in state.items()})

    return in_bfloat16(backend, "weights.load_state", load)


def float_cut(array: np.ndarray) -> np.ndarray:
    if array.dtype != np.float32:
        return array
    return (array.view(np.uint32) & np.uint32(2**32 - 2**16)).view(np.float32)


def results_in_bfloat16(backend: str, path: str) -> Plant:
    """What a function returns."""
    return in_bfloat16(backend, path, lambda real, *args, **rest: cut(real(*args, **rest)))


def not_unscaled(backend: str) -> Plant:
    """Losses are scaled up for bfloat16, gradients not down again."""

    def backward(real, self, *args):
        found = real(self, *args)
        if backend == "tf":
            return [1024 * gradient for gradient in found[0]], *found[1:]
        for parameter in self.generators:
            parameter.grad *= 1024
        return found

    return in_bfloat16(backend, "training.Trainer.generator_backward", backward)


# ---------------------------------------------------------------------------------- compilers


def compiler_loses(backend: str, change: Callable[[Callable], Callable]) -> Plant:
    """A compiler, here one that compiles nothing, makes `change(function)` out of a function."""

    def plant(monkeypatch: MonkeyPatch) -> None:
        if backend == "torch":
            import torch

            monkeypatch.setattr(torch, "compile", lambda function, **options: change(function))
            return
        import tensorflow as tf

        real = tf.function

        def compiled(function=None, **options):
            """Keras compiles by it, too."""
            step = getattr(function, "__name__", "") == "_eager_step"
            return change(function) if step else real(function, **options)

        monkeypatch.setattr(tf, "function", compiled)

    return plant


def masks(backend: str) -> Plant:
    """Of dropout, which a compiler drops."""
    if backend == "torch":
        return compiler_loses("torch", lambda forward: lambda x, kept=(): forward(x))
    return compiler_loses("tf", lambda step: lambda batch: step(batch._replace(kept={})))


def digits(backend: str) -> Plant:
    """A compiler computes images in float32."""
    if backend == "torch":
        return compiler_loses(
            "torch", lambda forward: lambda x, *kept: forward(x.float().to(x.dtype), *kept)
        )

    def single(levels: Any) -> Any:
        import tensorflow as tf

        return tf.cast(levels, "float32") / 127.5 - 1

    return compiler_loses(
        "tf", lambda step: lambda batch: step(batch._replace(a=single(batch.a), b=single(batch.b)))
    )
