"""Planted defects of networks, images and state. Each function returns what plants one."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any

import numpy as np
from pytest import MonkeyPatch

from backends.architecture import NormSpec

Plant = Callable[[MonkeyPatch], None]
BATCH_NORM = NormSpec(kind="batch")


def module(backend: str, name: str) -> Any:
    return importlib.import_module(f"backends.{backend}_impl.{name}")


def wrapped(backend: str, path: str, wrapper: Callable[..., Any]) -> Plant:
    """`path` is "module.function" or "module.Class.method"; `wrapper(real, *args, **kwargs)`."""

    def plant(monkeypatch: MonkeyPatch) -> None:
        name, *owners, attribute = path.split(".")
        owner = module(backend, name)
        for step in owners:
            owner = getattr(owner, step)
        real = getattr(owner, attribute)

        @wraps(real)
        def planted(*args, **kwargs):
            return wrapper(real, *args, **kwargs)

        # Keras reads it.
        planted.__signature__ = inspect.signature(real)
        monkeypatch.setattr(owner, attribute, planted)

    return plant


# ------------------------------------------------------------------------------------- specs


def norm(backend: str, only: str | None = None, **changes: Any) -> Plant:
    """Another norm than the specification asks for; `only` of one kind."""

    def init(real, self, *args, **rest):
        args = [
            replace(x, **changes) if hasattr(x, "epsilon") and only in (None, x.kind) else x
            for x in args
        ]
        real(self, *args, **rest)

    return wrapped(backend, "networks.Norm.__init__", init)


def network(backend: str, kind: str, **changes: Any) -> Plant:
    """Another ResNet, UNet or Discriminator than the specification asks for."""

    def init(real, self, spec, *args, **rest):
        real(self, replace(spec, **changes), *args, **rest)

    return wrapped(backend, f"networks.{kind}.__init__", init)


# ------------------------------------------------------------------------------------ layers


def norm_output(backend: str, change: Callable[[Any, Any], Any]) -> Plant:
    """`change(norm's output, its input)`, in the backend's own tensors."""
    method = "forward" if backend == "torch" else "call"

    def call(real, self, x, *args, **rest):
        return change(real(self, x, *args, **rest), x)

    return wrapped(backend, f"networks.Norm.{method}", call)


def unbiased(backend: str) -> Plant:
    """The variance that normalises counts one pixel less."""
    rows, columns = (2, 3) if backend == "torch" else (1, 2)

    def change(y, x):
        pixels = int(x.shape[rows] * x.shape[columns])
        return y * ((pixels - 1) / pixels) ** 0.5 if pixels > 1 else y

    return norm_output(backend, change)


def norm_always_by_batch(backend: str) -> Plant:
    """Batch norms that normalise by the batch in evaluation too."""
    if backend == "tf":
        return wrapped("tf", "networks.Norm.call", lambda real, self, x, training=True: (
            real(self, x, training=True)
        ))  # fmt: skip

    def forward(real, self, x):
        self.training = True
        return real(self, x)

    return wrapped("torch", "networks.Norm.forward", forward)


def no_statistics(backend: str) -> Plant:
    """Running statistics that stay as they are."""
    return wrapped(backend, "networks.Norm.average", lambda real, self, *args: None)


def reflection(mode: str) -> Plant:
    def torch_reflect(real, x, padding, kernels):
        from torch.nn import functional

        return functional.pad(x, (padding,) * 4, mode=mode)

    def tf_reflect(real, x, padding):
        import tensorflow as tf

        sides = [padding, padding]
        return tf.pad(x, [[0, 0], sides, sides, [0, 0]], mode=mode)

    if mode.isupper():
        return wrapped("tf", "networks.reflect", tf_reflect)
    return wrapped("torch", "networks.reflect", torch_reflect)


def after_bfloat16(backend: str) -> Plant:
    """Only where bfloat16 becomes float32 again."""

    def change(real, x):
        return 1.3 * real(x) if "bfloat16" in str(x.dtype) else real(x)

    return wrapped(backend, "networks.full", change)


def strided_same(backend: str) -> Plant:
    """TensorFlow's SAME in the strided convolutions: more after than before."""

    def init(real, self, *args, **rest):
        # (before,) after, kernel, stride.
        at = 2 if backend == "tf" else 3
        stride = rest.get("stride", args[at] if len(args) > at else 1)
        real(self, *args, **{**rest, "same": stride == 2})

    return wrapped(backend, "networks.Conv.__init__", init)


def no_bias(backend: str) -> Plant:
    return network(backend, "ResNet", bias=False)


def bias_left_out(backend: str) -> Plant:
    """The parameter is there, and is not added."""

    def torch_call(real, self, x):
        return real(self, x) - self.bias.reshape(1, -1, 1, 1)

    def tf_call(real, self, x):
        return real(self, x) - self.bias.value

    if backend == "torch":
        return wrapped("torch", "networks.Conv.forward", torch_call)
    return wrapped("tf", "networks.Conv.call", tf_call)


def function(path: str, other: Callable[..., Any]) -> Plant:
    """A framework's own function replaced: `other(real, ...)`."""

    def plant(monkeypatch: MonkeyPatch) -> None:
        owner, _, name = path.rpartition(".")
        holder = importlib.import_module(owner)
        real = getattr(holder, name)
        monkeypatch.setattr(holder, name, lambda *a, **k: other(real, *a, **k))

    return plant


def residual(backend: str, change: Callable[[Any, Any], Any]) -> Plant:
    """`change(block's output, its input)`."""
    method = "forward" if backend == "torch" else "call"

    def call(real, self, x, *args, **rest):
        return change(real(self, x, *args, **rest), x)

    return wrapped(backend, f"networks.ResidualBlock.{method}", call)


# ------------------------------------------------------------------------------------ images


def images_in(backend: str, change: Callable[[Any], Any]) -> Plant:
    """`change(images in [-1, 1])`, channels second in torch and last in tf."""
    return wrapped(
        backend, "device.to_tensor", lambda real, *args, **rest: change(real(*args, **rest))
    )


def images_out(backend: str, change: Callable[[Any], Any]) -> Plant:
    """`change(images in [-1, 1])` before they become uint8."""
    return wrapped(
        backend, "device.to_images", lambda real, x, *args, **rest: real(change(x), *args, **rest)
    )


def channels_reversed(backend: str) -> Callable[[Any], Any]:
    return (lambda x: x.flip(1)) if backend == "torch" else (lambda x: x[..., ::-1])


# ------------------------------------------------------------------------------------- state


def layout(backend: str, change: Callable[[np.ndarray], np.ndarray], part: str = "") -> Plant:
    """Kernels (of layers named like `part`) laid out otherwise, in and out: `change` undoes itself.

    Only where the shape allows.
    """

    def changed_array(name: str, array: np.ndarray) -> np.ndarray:
        kernel = name.endswith("/kernel") and part in name
        return change(array) if kernel and change(array).shape == array.shape else array

    def changed(state):
        return {name: changed_array(name, array) for name, array in state.items()}

    def plant(monkeypatch: MonkeyPatch) -> None:
        load = lambda real, trainer, state, *to: real(trainer, changed(state), *to)  # noqa: E731
        read = lambda real, trainer: changed(real(trainer))  # noqa: E731
        wrapped(backend, "weights.load_state", load)(monkeypatch)
        wrapped(backend, "weights.read_state", read)(monkeypatch)

    return plant


def forgotten_on_load(backend: str, part: str) -> Plant:
    """Entries with `part` in their name stay what they were."""

    def load(real, trainer, state, *to):
        if not getattr(trainer, "arrays", True):  # of JAX, which has none before
            return real(trainer, state, *to)
        old = module(backend, "weights").read_state(trainer)
        return real(
            trainer, {name: old[name] if part in name else x for name, x in state.items()}, *to
        )

    return wrapped(backend, "weights.load_state", load)
