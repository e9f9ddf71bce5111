"""The interface, PyTorch. Read beside tf_impl/backend.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from backends.interface import (
    RECORDED,
    Batch,
    Direction,
    Model,
    Objective,
    PeakMemory,
    Runtime,
    State,
    check_state,
    state_shapes,
)
from backends.torch_impl import device, weights
from backends.torch_impl.losses import Networks
from backends.torch_impl.networks import Discriminator, Generator
from backends.torch_impl.training import ImagePool, Trainer


class Backend:
    """CycleGAN in PyTorch, run eagerly. See backends.interface.Backend."""

    def __init__(self, model: Model, objective: Objective, runtime: Runtime):
        self.model, self.objective, self.runtime = model, objective, runtime
        self.device = device.configure(runtime)
        self.dtype = getattr(torch, runtime.precision)
        self.networks = Networks(
            Generator(model.g_ab), Generator(model.g_ba),
            Discriminator(model.d_a), Discriminator(model.d_b),
        )  # fmt: skip
        for network in self.networks:
            network.to(self.device, self.dtype)
        like = torch.zeros((), device=self.device, dtype=self.dtype)
        pool_a = ImagePool(objective.pool_size, model.shape_a, like)
        pool_b = ImagePool(objective.pool_size, model.shape_b, like)
        self.trainer = Trainer(self.networks, objective, (pool_a, pool_b))
        self.pending: list[torch.Tensor] = []

    def environment(self) -> dict[str, Any]:
        return device.environment(self.runtime)

    def load_state(self, state: State) -> None:
        check_state(state, state_shapes(self.model, self.objective))
        weights.load_state(self.trainer, state)

    def state(self) -> dict[str, np.ndarray]:
        return weights.read_state(self.trainer)

    def train_step(self, batch: Batch) -> None:
        real_a, real_b = self._images(batch.a), self._images(batch.b)
        recorded = self.trainer.step(
            real_a, real_b, batch.pool_a, batch.pool_b, batch.learning_rate
        )
        self.pending.append(recorded)

    def losses(self) -> np.ndarray:
        pending, self.pending = self.pending, []
        if not pending:
            return np.zeros((0, len(RECORDED)))
        return torch.stack(pending).cpu().numpy()

    @torch.inference_mode()
    def translate(self, images: np.ndarray, direction: Direction) -> np.ndarray:
        network = self.networks.g_ab if direction == "ab" else self.networks.g_ba
        one_by_one = (network(self._images(images[i : i + 1])) for i in range(len(images)))
        return np.concatenate([device.to_images(translated) for translated in one_by_one])

    def gradients(self, batch: Batch) -> dict[str, np.ndarray]:
        real_a, real_b = self._images(batch.a), self._images(batch.b)
        pools = (self.trainer.pool_a, self.trainer.pool_b)
        before = [pool.images.clone() for pool in pools]
        _, fake_a, fake_b = self.trainer.generator_backward(real_a, real_b)
        shown_a = self.trainer.pool_a.exchange(fake_a, batch.pool_a)
        shown_b = self.trainer.pool_b.exchange(fake_b, batch.pool_b)
        self.trainer.discriminator_backward(real_a, real_b, shown_a, shown_b)
        for pool, images in zip(pools, before, strict=True):
            pool.images.copy_(images)
        named = weights.parameters(self.networks)
        return {name: weights.to_canonical(p.grad) for name, p in named.items()}

    def synchronize(self) -> None:
        device.synchronize(self.device)

    def peak_memory(self) -> PeakMemory:
        return device.peak_memory(self.device)

    def _images(self, images: np.ndarray) -> torch.Tensor:
        return device.to_tensor(images, self.device, self.dtype)
