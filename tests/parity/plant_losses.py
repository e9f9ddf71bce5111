"""Planted defects of losses and penalties, and of layers that few experiments have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from plant_networks import Plant, function, module, wrapped

# ------------------------------------------------------------------------------------- losses


def scores(change: Callable[[str, Any, bool], Any]) -> Callable[[str], Plant]:
    """A discriminator loses by `change(backend, scores, whether of real images)`."""
    return lambda backend: wrapped(
        backend,
        "losses.adversarial",
        lambda right, kind, given, real: right(kind, change(backend, given, real), real=real),
    )


def probabilities(backend: str, given: Any, real: bool) -> Any:
    return (
        1 / (1 + (-given).exp()) if backend == "torch" else module("tf", "losses").tf.sigmoid(given)
    )


def without_margin(backend: str, given: Any, real: bool) -> Any:
    """max(0, -s_r) and max(0, s_f)."""
    return given + (1 if real else -1)


def saturating(backend: str) -> Plant:
    """Generators lose what discriminators win."""

    def loss(real, kind, given):
        return -module(backend, "losses").adversarial(kind, given, real=False)

    return wrapped(backend, "losses.adversarial_of_generator", loss)


def as_fakes(backend: str) -> Plant:
    """Generators are to be told from real images."""

    def loss(real, kind, given):
        return module(backend, "losses").adversarial(kind, given, real=False)

    return wrapped(backend, "losses.adversarial_of_generator", loss)


def accuracies_exchanged(backend: str) -> Plant:
    def losses(real, *args):
        found = real(*args)
        return found._replace(accuracy_real=found.accuracy_fake, accuracy_fake=found.accuracy_real)

    return wrapped(backend, "training.discriminator_losses", losses)


def terms_exchanged(one: int, other: int) -> Callable[[str], Plant]:
    """In what is recorded."""

    def losses(real, *args):
        found = real(*args)
        terms = list(found.terms)
        terms[one], terms[other] = terms[other], terms[one]
        return found._replace(terms=terms)

    return lambda backend: wrapped(backend, "training.generator_losses", losses)


def images_of_a_batch_exchanged(backend: str) -> Plant:
    """What comes back is compared with another image of the batch."""

    def generated(real, *args):
        found = real(*args)
        return found._replace(cycle_a=reversed_batch(backend, found.cycle_a))

    return wrapped(backend, "losses.generated", generated)


def reversed_batch(backend: str, x: Any) -> Any:
    return x.flip(0) if backend == "torch" else x[::-1]


def recorded_late(backend: str) -> Plant:
    """What is recorded of a step is that of the step before, of the first one its own."""

    def step(real, self, batch):
        found = real(self, batch)
        before = getattr(self, "recorded_before", found)
        self.recorded_before = found
        return before

    return wrapped(backend, "training.Trainer.step", step)


# ---------------------------------------------------------------------------------- penalties


def penalty(change: Callable[..., Any]) -> Callable[[str], Plant]:
    """`change(backend, right penalty, discriminator, real images, fakes, mixing shares)`."""
    return lambda backend: wrapped(
        backend, "losses.gradient_penalty", lambda right, *args: change(backend, right, *args)
    )


def held_still(backend: str, right, *args):
    """As without create_graph: a number, of which nothing is differentiated."""
    found = right(*args)
    return found.detach() if backend == "torch" else module("tf", "losses").tf.stop_gradient(found)


def shares_of_fakes(backend: str, right, discriminator, real, fake, mix):
    return right(discriminator, real, fake, 1 - mix)


def share_of_a_batch(backend: str, right, discriminator, real, fake, mix):
    return right(discriminator, real, fake, 0 * mix + mix[:1])


def other_reals(backend: str, right, discriminator, real, fake, mix):
    """Mixtures are of fakes and the real images of other places in the batch."""
    return right(discriminator, reversed_batch(backend, real), fake, mix)


def norm_of_the_batch(backend: str) -> Plant:
    """One norm of the gradients of all images."""
    if backend == "torch":
        return function("torch.sum", lambda real, x, axes: real(x))
    return function("tensorflow.reduce_sum", lambda real, x, axes=None: real(x))


# ------------------------------------------------------------------------------------- layers


def from_block(first: int, **changes: Any) -> Callable[[str], Plant]:
    """Norms of residual blocks from number `first` on are other ones."""

    def plant(backend: str) -> Plant:
        def init(real, self, *args, **rest):
            real(self, *args, **rest)
            for name in self.blocks[first:]:
                for norm in (getattr(self, name).conv0_norm, getattr(self, name).conv1_norm):
                    norm.spec = replace(norm.spec, **changes)

        return wrapped(backend, "networks.ResNet.__init__", init)

    return plant


def skips_of_the_level_below(backend: str) -> Plant:
    """Where there is one: its pixels doubled, as many of its channels as there should be."""
    before: list[Any] = []

    def torch_cat(real, x, *dim):
        if not dim:
            return real(x, *dim)
        up, skip = x
        deeper = before.pop() if before and before[-1].shape[2] * 2 == skip.shape[2] else None
        before.append(skip)
        if deeper is not None:
            doubled = deeper.repeat_interleave(2, 2).repeat_interleave(2, 3)
            skip = doubled[:, : skip.shape[1]]
        return real((up, skip), *dim)

    def tf_concat(real, x, axis):
        if axis != 3:
            return real(x, axis)
        import tensorflow as tf

        up, skip = x
        deeper = before.pop() if before and before[-1].shape[1] * 2 == skip.shape[1] else None
        before.append(skip)
        if deeper is not None:
            skip = tf.repeat(tf.repeat(deeper, 2, 1), 2, 2)[..., : skip.shape[3]]
        return real((up, skip), axis)

    if backend == "torch":
        return function("torch.cat", torch_cat)
    return function("tensorflow.concat", tf_concat)


def unet(change: Callable[[Any], None]) -> Callable[[str], Plant]:
    """`change` of a U-Net that was made."""

    def init(real, self, *args, **rest):
        real(self, *args, **rest)
        change(self)

    return lambda backend: wrapped(backend, "networks.UNet.__init__", init)


def one_level_less(network: Any) -> None:
    network.dropped = network.dropped[:1]


def made_up_for_by_the_other_share(network: Any) -> None:
    network.rate = 1 - network.rate


def rounded_otherwise(backend: str) -> Plant:
    """Always to the nearest level."""
    return wrapped(backend, "device.to_images", lambda real, x, rounding: real(x, "half_even"))


def score_without_bend(backend: str) -> Plant:
    def init(real, self, *args, **rest):
        real(self, *args, **rest)
        self.tanh = False

    return wrapped(backend, "networks.Discriminator.__init__", init)


# ------------------------------------------------------------------------- layouts and kernels


def shape_for_axes(path: str, layout: str) -> Plant:
    """Numbers read in their order for another shape, where axes should change places.

    Only where images are stored as `layout`.
    """

    def moved(real, x, other, asked):
        found = real(x, other, asked)
        if layout not in str(asked):
            return found
        straight = found.permute(0, 2, 3, 1).contiguous()
        return straight.reshape(found.shape).contiguous(memory_format=asked)

    return wrapped("torch", path, moved)


def edge_repeated(real, x, padding):
    from torch.nn import functional

    return functional.pad(x, (padding,) * 4, mode="replicate")


def single_precision_if_deterministic(backend: str) -> Plant:
    """Images lose digits in deterministic mode."""

    def images(real, self, given):
        found = real(self, given)
        if not self.runtime.deterministic:
            return found
        if backend == "torch":
            return found.float().to(found.dtype)
        tf = module("tf", "backend").tf
        return tf.cast(tf.cast(found, "float32"), found.dtype)

    return wrapped(backend, "backend.Backend._images", images)


def transposed(backend: str) -> Plant:
    """Images of uint8 with rows and columns exchanged."""
    rows = (0, 1, 3, 2) if backend == "torch" else (0, 2, 1, 3)

    def images(real, x, *rest):
        turned = (
            x.permute(*rows) if backend == "torch" else module("tf", "device").tf.transpose(x, rows)
        )
        return real(turned, *rest)

    return wrapped(backend, "device.to_images", images)


def turned_in_tf(x: Any) -> Any:
    return module("tf", "device").tf.transpose(x, (0, 2, 1, 3))
