"""One training on several devices, PyTorch. Read beside tf_impl/replicas.py.

Every replica has the networks, the optimisers and both image pools. What it is given is a share of
the batch; what it gives the others are gradients, losses and fakes. So all make the same step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor
from torch.distributed import ProcessGroupGloo, Store

from backends import ReplicaLost
from backends.interface import Batch
from backends.shards import shard, share

LOST_SECONDS = 5.0  # that a process may take to end once its end of a connection is gone
CONNECTED = timedelta(minutes=5)  # within that, by replicas that have imported everything
PATIENCE = timedelta(minutes=30)  # with a replica that is there but says nothing: it may compile


class Replicas:
    """Replica `rank` of `count`, each in a process of its own; 0 is the one that is spoken to.

    `store`: where they find each other. `tell`: sends the others a command, and each its share of
    what belongs to it. `lost`: says which of them has ended, or ends within so many seconds.
    """

    def __init__(
        self,
        count: int = 1,
        rank: int = 0,
        device: torch.device | None = None,
        store: Store | None = None,
        tell: Callable[[str, Any], None] | None = None,
        lost: Callable[[float], str] = lambda seconds: "",
    ):
        self.count, self.rank, self._tell, self._lost = count, rank, tell, lost
        self.group = None if store is None else connect(store, rank, count, device)

    def hand_out(self, command: str, batch: Batch) -> Batch:
        """This replica's share of `batch`. Replica 0 has the whole and gives each of the others
        its own, for `command`."""
        if self.count == 1 or self.rank > 0:
            return batch
        shards = [shard(batch, rank, self.count) for rank in range(self.count)]
        self.tell(command, shards)
        return shards[0]

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Make each the mean of what it is in all replicas."""
        if self.count == 1:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        self._wait(lambda: self.group.allreduce([flat]))
        flat /= self.count  # the collective adds up
        for tensor, mean in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
            tensor.copy_(mean.view(tensor.shape))

    def gather(self, images: Tensor) -> Tensor:
        """Images of all replicas, in the order of the batch."""
        if self.count == 1:
            return images
        mine = images.contiguous()
        parts = [torch.empty_like(mine) for _ in range(self.count)]
        self._wait(lambda: self.group.allgather([parts], [mine]))
        return torch.cat(parts)

    def part(self, images: Tensor) -> Tensor:
        """This replica's share of what all have; all of it where it cannot be shared out evenly,
        which has the same mean."""
        even = len(images) % self.count == 0
        return share(images, self.rank, self.count) if even and self.count > 1 else images

    @torch.no_grad()
    def spread(self, tensors: Iterable[Tensor]) -> None:
        """Make each what it is in replica 0."""
        if self.count == 1:
            return
        for tensor in tensors:
            given = tensor.contiguous()
            self._wait(lambda given=given: self.group.broadcast([given]))
            tensor.copy_(given)

    def check_same(self, named: dict[str, Tensor]) -> None:
        """Raises RuntimeError that names the first that has not the same bits in all replicas."""
        if self.count == 1:
            return
        of_bits = [_bits(tensor) for tensor in named.values()]
        sums = self.gather(torch.stack(of_bits)[None])
        for name, one in zip(named, (sums != sums[0]).any(0).tolist(), strict=True):
            if one:
                raise RuntimeError(f"replicas differ in {name}")

    def check_there(self) -> None:
        """Raises ReplicaLost if another replica has ended."""
        if gone := self._lost(0.0):
            raise ReplicaLost(gone)

    def tell(self, command: str, given: Any = None) -> None:
        """The others, where this is replica 0, do `command` with `given`, or each with its entry of
        that list."""
        if self._tell is None:
            return
        try:
            self._tell(command, given)
        except OSError as error:
            raise self._error(error) from error

    def _wait(self, collective: Callable[[], Any]) -> None:
        try:
            collective().wait()
        except RuntimeError as error:
            raise self._error(error) from error

    def _error(self, error: Exception) -> ReplicaLost:
        lost = self._lost(LOST_SECONDS)
        return ReplicaLost(lost or f"a replica is out of reach: {str(error)[:200]}")


def connect(store: Store, rank: int, count: int, device: torch.device | None):
    """What collectives go through: NCCL between GPUs, else gloo on this machine's loopback.

    Not `init_process_group`, of which a process has one: it may have several backends.
    """
    if device is not None and device.type == "cuda":
        options = torch.distributed.ProcessGroupNCCL.Options()
        options._timeout = PATIENCE
        group = torch.distributed.ProcessGroupNCCL(store, rank, count, options)
    else:
        options = ProcessGroupGloo._Options()
        options._devices = [ProcessGroupGloo.create_device(hostname="127.0.0.1")]
        options._threads, options._timeout = 2, CONNECTED
        group = ProcessGroupGloo(store, rank, count, options)
        group._set_default_timeout(PATIENCE)
    # Behind this all are connected, and nobody needs the store any longer.
    met = torch.ones(1, device=device)
    group.allreduce([met]).wait()
    if met.item() != count:
        raise ReplicaLost(f"{met.item():.0f} of {count} replicas met")
    return group


def _bits(tensor: Tensor) -> Tensor:
    """The sum of a tensor's bits, as whole numbers."""
    numbers = torch.int64 if tensor.element_size() == 8 else torch.int32
    return tensor.detach().contiguous().view(numbers).sum(dtype=torch.int64)
