"""A batch among replicas: which of its images, masks and mixing shares each takes. NumPy only."""

from __future__ import annotations

from typing import Any, TypeVar

from backends.interface import Batch, Runtime
from backends.model import NETWORKS, Model

Images = TypeVar("Images", bound=Any)  # an array or a tensor, image by image


def check_replicas(model: Model, runtime: Runtime) -> None:
    """Raises ValueError for networks whose images depend on each other across a batch."""
    specs = [getattr(model, network) for network in NETWORKS]
    if runtime.replicas > 1 and any(spec.norm and spec.norm.kind == "batch" for spec in specs):
        raise ValueError(
            f"runtime.replicas: {runtime.replicas} devices would each normalise their own share of"
            " a batch; with model.norm.kind or model.discriminator_norm.kind batch take 1"
        )


def shard(batch: Batch, rank: int, count: int) -> Batch:
    """What replica `rank` of `count` is given: images, masks and mixing shares one after another.

    Decisions of the pools stay whole: every replica has a copy of each pool. Raises ValueError
    where the batch cannot be shared out evenly.
    """
    if len(batch.a) % count:
        raise ValueError(
            f"training.batch_size: {len(batch.a)} images cannot be shared out evenly among"
            f" runtime.replicas={count}"
        )
    kept = {
        name: tuple(share(mask, rank, count) for mask in masks)
        for name, masks in batch.kept.items()
    }
    a, b, mix_a, mix_b = (
        share(x, rank, count) for x in (batch.a, batch.b, batch.mix_a, batch.mix_b)
    )
    return batch._replace(a=a, b=b, mix_a=mix_a, mix_b=mix_b, kept=kept)


def share(images: Images, rank: int, count: int) -> Images:
    """Images `rank` * n to (`rank` + 1) * n - 1 of `count` * n."""
    each = images.shape[0] // count
    return images[rank * each : (rank + 1) * each]
