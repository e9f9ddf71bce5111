"""One training on several devices, TensorFlow. Read beside torch_impl/replicas.py.

Every replica has the networks, the optimisers and both image pools. What it is given is a share of
the batch; what it gives the others are gradients, losses and fakes. So all make the same step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import tensorflow as tf
from tensorflow import Tensor, Variable

from backends.interface import Batch
from backends.shards import shard, share


class Replicas:
    """`count` of them, all in this process, each on a device: `device` and those after it.

    Variables made within `scope` are in all of them. Methods that speak of this replica are for
    what `run` calls.
    """

    def __init__(self, count: int = 1, device: str = "/CPU:0"):
        self.count, self.strategy = count, None
        self.devices = [f"{device[:-1]}{rank}" for rank in range(count)]
        if count > 1:
            self.strategy = _strategy(*self.devices)

    @property
    def rank(self) -> int:
        """Of this replica."""
        return 0 if self.count == 1 else _rank()

    def scope(self) -> AbstractContextManager:
        return nullcontext() if self.strategy is None else self.strategy.scope()

    def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """`function` in every replica, of its own values where an argument has such."""
        if self.strategy is None:
            return function(*arguments)
        return self.strategy.run(function, arguments)

    def first(self, value: Any) -> Any:
        """Of what `run` returned that of replica 0."""
        return (
            value if self.strategy is None else self.strategy.experimental_local_results(value)[0]
        )

    def hand_out(self, convert: Callable[[Batch], Batch], batch: Batch) -> Batch:
        """Every replica's share of `batch`, converted on its device."""

        def given(rank: int) -> Batch:
            with tf.device(self.devices[rank]):
                return convert(shard(batch, rank, self.count) if self.count > 1 else batch)

        if self.strategy is None:
            return given(0)
        return self.strategy.experimental_distribute_values_from_function(
            lambda context: given(context.replica_id_in_sync_group)
        )

    def average(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Means of what each is in all replicas."""
        if self.count == 1:
            return list(tensors)
        # Added up, then divided, as in PyTorch.
        return [total / self.count for total in _context().all_reduce("sum", list(tensors))]

    def gather(self, images: Tensor) -> Tensor:
        """Images of all replicas, in the order of the batch."""
        if self.count == 1:
            return images
        shape = (self.count * images.shape[0], *images.shape[1:])
        return tf.ensure_shape(_context().all_gather(images, 0), shape)

    def part(self, images: Tensor) -> Tensor:
        """This replica's share of what all have; all of it where it cannot be shared out evenly,
        which has the same mean."""
        even = images.shape[0] % self.count == 0
        return share(images, self.rank, self.count) if even and self.count > 1 else images

    def check_same(self, named: dict[str, Variable]) -> None:
        """Raises RuntimeError that names the first that has not the same bits in all replicas."""
        if self.strategy is None:
            return
        for name, variable in named.items():
            copies = self.strategy.experimental_local_results(variable)
            if len({copy.numpy().tobytes() for copy in copies}) > 1:
                raise RuntimeError(f"replicas differ in {name}")


def own(variable: Variable) -> Variable:
    """This replica's copy: a mirrored variable has no `sparse_read` (TensorFlow 2.21)."""
    if isinstance(variable, tf.distribute.DistributedValues):
        return variable.values[_rank()]
    return variable


@cache
def _strategy(*devices: str) -> tf.distribute.MirroredStrategy:
    """One a process: collectives of two would go by the same keys, and fail (TensorFlow 2.21)."""
    return tf.distribute.MirroredStrategy(devices)


def _context() -> tf.distribute.ReplicaContext:
    return tf.distribute.get_replica_context()


def _rank() -> int:
    """TensorFlow has it as a constant of the graph."""
    return int(tf.get_static_value(_context().replica_id_in_sync_group))
