"""How much each benchmark is given. The defaults are those of a long training of real images."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    planned_steps: int = 100_000
    batches: int = 2_000  # taken from the plan, 64 px
    pooled_images: int = 1_000_000
    files: int = 200  # JPEG, decoded into the cache
    file_side: int = 512  # px
    logged_steps: int = 1_000_000  # of a run, each side of a report
    block_steps: int = 40  # logged at once
    scored_steps: int = 100  # evaluations of a reported run
    shown_images: int = 64  # test images of a reported run, 64 px
    weights: int = 85_000_000  # float32 in a state: weights and moments of the paper's networks
    feature_sets: tuple[tuple[int, int], ...] = (
        (120, 1280), (500, 1280), (120, 2048), (500, 2048),
    )  # (images, dimensions)  # fmt: skip
    extracted_images: tuple[int, ...] = (1, 256)  # the first shows what starting costs
    repeat_seconds: float = 5.0  # a benchmark is repeated until so long has gone by
