"""What is trained for one step: networks of the size of preset paper, but for their width."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backends.architecture import DiscriminatorSpec, NormSpec, ResNetSpec, UNetSpec
from backends.interface import PASSES, POOL_SWAP, Batch, PoolDecision, Runtime
from backends.model import Model
from backends.objective import Objective

SIZE, FILTERS = 64, 8
MEETING = NormSpec("batch", affine=True)
# Norm applications of a step, by kernels for batches: five batches go through generators of 23
# norms, one after the other (two of two or three images together); the discriminators' 3 norms see
# fakes of both domains twice and real images together with those of the pool.
GENERATORS = {"resnet": ResNetSpec(filters=FILTERS), "unet": UNetSpec(
    filters=FILTERS, depth=6, dropout=0.5, norm=MEETING)}  # fmt: skip
DISCRIMINATORS = {
    "resnet": DiscriminatorSpec(filters=FILTERS),
    "unet": DiscriminatorSpec(filters=FILTERS, norm=MEETING),
}


@dataclass(frozen=True)
class Setting:
    """`networks`: "resnet", with instance norm, or "unet", with batch norm and dropout."""

    networks: str
    count: int
    precision: str = "float32"
    adversarial: str = "least_squares"
    channels_last: bool | None = None

    def __str__(self) -> str:
        penalty = " WGAN-GP" if self.adversarial == "wasserstein_gp" else ""
        layout = {None: "", True: " channels last", False: " channels first"}[self.channels_last]
        return f"{self.networks}{penalty} batch {self.count} {self.precision}{layout}"

    def model(self) -> Model:
        shape = (SIZE, SIZE, 3)
        generator, discriminator = GENERATORS[self.networks], DISCRIMINATORS[self.networks]
        return Model(shape, shape, generator, generator, discriminator, discriminator)

    def objective(self) -> Objective:
        return Objective(adversarial=self.adversarial, pool_size=4)  # type: ignore[arg-type]

    def runtime(self, device: str) -> Runtime:
        return Runtime(
            device,  # type: ignore[arg-type]
            threads=2,
            precision=self.precision,  # type: ignore[arg-type]
            channels_last=self.channels_last,
        )

    def batch(self) -> Batch:
        draw = np.random.default_rng(0)
        shape = (self.count, SIZE, SIZE, 3)
        a, b = (draw.integers(256, size=shape, dtype=np.uint8) for _ in "ab")
        # Swapped with the pool: all that a step may have to do.
        pool = PoolDecision(
            np.full(self.count, POOL_SWAP, np.int32), np.arange(self.count, dtype=np.int32)
        )
        model, kept = self.model(), {}
        for name, network in PASSES.items():
            shapes = model.dropout_shapes(network)
            if shapes:
                kept[name] = tuple(
                    draw.integers(2, size=(self.count, *shape), dtype=np.uint8) for shape in shapes
                )
        mix = draw.random(self.count)
        return Batch(a, b, pool, pool, mix, mix, kept, 2e-4, 2e-4)


SETTINGS = (
    *(
        Setting(networks, count, precision)
        for networks in ("resnet", "unet")
        for count in (1, 4)
        for precision in ("float32", "bfloat16")
    ),
    # A penalty in bfloat16 the configuration refuses.
    *(Setting("resnet", count, adversarial="wasserstein_gp") for count in (1, 4)),
)
