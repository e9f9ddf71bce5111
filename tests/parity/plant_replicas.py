"""Planted defects of a training on several devices. Each function returns what plants one.

PyTorch's replicas are threads of this process here (`in_threads`), so that a defect is in all.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from plant_networks import Plant, module, wrapped
from pytest import MonkeyPatch

from backends import shards


def in_threads(monkeypatch: MonkeyPatch) -> None:
    """In place of processes; else PyTorch's replicas are as they are."""
    from torch.distributed import HashStore

    from backends.torch_impl import backend, follower
    from backends.torch_impl.replicas import Replicas

    def begin(model, objective, runtime, device):
        count, store, pipes = runtime.replicas, HashStore(), []
        if count == 1:
            return Replicas()

        def follow(rank, commands):
            replicas = Replicas(count, rank, device, store)
            follower.serve(commands, model, objective, runtime, replicas)

        for rank in range(1, count):
            end, pipe = os.pipe()
            pipes.append(os.fdopen(pipe, "wb"))
            arguments = rank, os.fdopen(end, "rb")
            threading.Thread(target=follow, args=arguments, daemon=True).start()

        def tell(command, given):
            for rank, pipe in enumerate(pipes, 1):
                follower.write(pipe, [command, given[rank] if isinstance(given, list) else given])

        return Replicas(count, 0, device, store, tell)

    monkeypatch.setattr(backend.follower, "begin", begin)


# -------------------------------------------------------------------------- what is handed out


def handed_out(change: Callable[..., Any]) -> Plant:
    """`change(real, batch, rank, count)` in place of a replica's share of a batch."""

    def plant(monkeypatch: MonkeyPatch) -> None:
        real = shards.shard
        for name in ("torch", "tf"):
            monkeypatch.setattr(
                module(name, "replicas"), "shard", lambda *given: change(real, *given)
            )

    return plant


def overlapping(real, batch, rank, count):
    """Each but the first begins with the last image of the one before."""
    return real(batch._replace(a=shifted(batch.a, rank), b=shifted(batch.b, rank)), rank, count)


def shifted(images, rank):
    return np.roll(images, 1, axis=0) if rank else images


def turned(real, batch, rank, count):
    """The last share goes to replica 0."""
    return real(batch, count - 1 - rank, count)


def of_replica_0(*fields: str) -> Callable[..., Any]:
    """All replicas are given those of replica 0."""

    def change(real, batch, rank, count):
        first = real(batch, 0, count)
        return real(batch, rank, count)._replace(**{x: getattr(first, x) for x in fields})

    return change


# ---------------------------------------------------------------------------- what is averaged


def averaged(backend: str, change: Callable[[Any, Any, Any], Any], single: bool = False) -> Plant:
    """Every gradient, or (`single`) all that is recorded, is `change(replicas, mean, own)`."""

    def average(real, self, tensors):
        if self.count == 1 or (len(tensors) == 1) != single:
            return real(self, tensors)
        if backend == "tf":
            means = real(self, tensors)
            return [change(self, mean, own) for mean, own in zip(means, tensors, strict=True)]
        own = [tensor.clone() for tensor in tensors]
        real(self, tensors)
        for tensor, before in zip(tensors, own, strict=True):
            tensor.copy_(change(self, tensor.clone(), before))
        return None

    return wrapped(backend, "replicas.Replicas.average", average)


def left_out(backend: str) -> Plant:
    """The last replica puts nothing into the sum."""

    def average(real, self, tensors):
        last = self.count > 1 and self.rank == self.count - 1 and len(tensors) > 1
        if not last:
            return real(self, tensors)
        if backend == "tf":
            return real(self, [0 * tensor for tensor in tensors])
        for tensor in tensors:
            tensor.zero_()
        return real(self, tensors)

    return wrapped(backend, "replicas.Replicas.average", average)


def discriminators_alone(backend: str) -> Plant:
    """Gradients of discriminators stay where they are made."""

    def backward(real, self, *args):
        replicas = self.replicas
        self.replicas = Own(replicas)
        try:
            return real(self, *args)
        finally:
            self.replicas = replicas

    return wrapped(backend, "training.Trainer.discriminator_backward", backward)


class Own:
    """Replicas that average nothing."""

    def __init__(self, replicas: Any):
        self.count, self.rank = replicas.count, replicas.rank

    def average(self, tensors):
        return list(tensors)


# ---------------------------------------------------------------------- pools, rates, averages


def own_pool(backend: str) -> Plant:
    """Every replica's fakes meet its own pool, by its share of the decision."""

    def exchanged(real, self, batch, fake_a, fake_b):
        replicas = self.replicas
        if replicas.count == 1:
            return real(self, batch, fake_a, fake_b)
        rank, count = replicas.rank, replicas.count

        def own(decision):
            action, slot = (shards.share(x, rank, count) for x in (decision.action, decision.slot))
            return decision._replace(action=action, slot=slot)

        batch = batch._replace(pool_a=own(batch.pool_a), pool_b=own(batch.pool_b))
        shown_a = self.pool_a.exchange(fake_a, batch.pool_a)
        shown_b = self.pool_b.exchange(fake_b, batch.pool_b)
        return self.discriminator_backward(batch, shown_a, shown_b)

    return wrapped(backend, "training.Trainer.discriminators_on_pools", exchanged)


def gathered_turned(backend: str) -> Plant:
    """Fakes of the last replica come first."""

    def gather(real, self, images):
        found = real(self, images)
        if self.count == 1:
            return found
        parts = [shards.share(found, rank, self.count) for rank in range(self.count)]
        join = module(backend, "replicas")
        if backend == "torch":
            return join.torch.cat(parts[::-1])
        return join.tf.concat(parts[::-1], 0)

    return wrapped(backend, "replicas.Replicas.gather", gather)


def rate_times_count(backend: str) -> Plant:
    """The linear scaling rule, unasked."""
    return wrapped(
        backend,
        "training.Trainer.update",
        lambda real, self, *args: real(self, *args[:-1], args[-1] * self.replicas.count),
    )


def on_replica_0(backend: str, method: str) -> Plant:
    """The others leave out `method` of a trainer."""

    def call(real, self, *args):
        return real(self, *args) if self.replicas.rank == 0 else None

    return wrapped(backend, f"training.Trainer.{method}", call)


def not_spread(backend: str) -> Plant:
    """A state that is loaded stays with replica 0."""
    return wrapped(backend, "replicas.Replicas.spread", lambda real, self, tensors: None)
