"""Planted defects of evaluation, of what is not finite, of bfloat16, and of choices in a batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from plant_networks import Plant, wrapped
from pytest import MonkeyPatch

# -------------------------------------------------------------------------------- evaluation


def scores_in_training_mode(backend: str) -> Plant:
    def in_torch(real, self, images, domain):
        network = self.networks.d_a if domain == "a" else self.networks.d_b
        network.eval = network.train
        return real(self, images, domain)

    def in_tf(real, self, images, network):
        return real(self, images, lambda x, training: network(x, training=True))

    if backend == "torch":
        return wrapped("torch", "backend.Backend.patch_scores", in_torch)
    return wrapped("tf", "backend.Backend._eager_scores", in_tf)


def translations_in_training_mode(backend: str) -> Plant:
    def in_torch(real, self, images, direction, averaged=False):
        for network in (self.networks.g_ab, self.networks.g_ba):
            network.eval = network.train
        return real(self, images, direction, averaged)

    def in_tf(real, self, network, images):
        return real(self, lambda x, training: network(x, training=True), images)

    if backend == "torch":
        return wrapped("torch", "backend.Backend.translate", in_torch)
    return wrapped("tf", "backend.Backend._eager_translate", in_tf)


# ------------------------------------------------------------------------------ not finite


def zero_for_not_finite(backend: str) -> Plant:
    """Gradients that are not finite are taken for zero."""

    def in_torch(real, self, rate):
        import torch

        for parameter in self.state:
            parameter.grad = torch.nan_to_num(parameter.grad, 0.0, 0.0, 0.0)
        return real(self, rate)

    def in_tf(real, self, gradients, rate):
        import tensorflow as tf

        finite = [tf.where(tf.math.is_finite(g), g, tf.zeros_like(g)) for g in gradients]
        return real(self, finite, rate)

    return wrapped(backend, "training.Adam.apply", in_torch if backend == "torch" else in_tf)


# -------------------------------------------------------------------------------- bfloat16


def losses_in_bfloat16(backend: str) -> Plant:
    def losses(real, self):
        found = real(self)
        return found if self.runtime.precision != "bfloat16" else cut(found)

    return wrapped(backend, "backend.Backend.losses", losses)


def weights_in_bfloat16(backend: str) -> Plant:
    """After a step on given gradients."""

    def apply(real, self, *args):
        real(self, *args)
        if self.runtime.precision == "bfloat16":
            state = self.state()
            kept = {key: cut(x) for key, x in state.items() if key in self.model.parameter_shapes()}
            self.load_state({**state, **kept})

    return wrapped(backend, "backend.Backend.apply_gradients", apply)


def cut(array: np.ndarray) -> np.ndarray:
    """float32 with bfloat16's digits."""
    return (np.array(array, np.float32).view(np.uint32) & np.uint32(2**32 - 2**16)).view(np.float32)


# ------------------------------------------------------------------------------------ plan


def of_domain(change: Callable) -> Plant:
    """`change` of a domain's plan."""

    def plant(monkeypatch: MonkeyPatch) -> None:
        from harness.plan import plan

        real = plan._domain
        monkeypatch.setattr(plan, "_domain", lambda *args: change(real(*args)))

    return plant


def one_flip_a_batch(planned):
    return replace(planned, flip=np.broadcast_to(planned.flip[:, :1], planned.flip.shape))


def one_offset_for_both_sides(planned):
    return replace(planned, offset=planned.offset[..., [0, 0]])


def masks_of_the_first_pass(monkeypatch: MonkeyPatch) -> None:
    """Both passes of a generator lose the same activations."""
    from harness.plan.plan import Dropout

    def kept(self, step, real=Dropout.kept):
        found = real(self, step)
        return {**found, "cycle_a": found["fake_a"], "cycle_b": found["fake_b"]}

    monkeypatch.setattr(Dropout, "kept", kept)
