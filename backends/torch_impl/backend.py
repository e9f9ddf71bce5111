"""The interface, PyTorch. Read beside tf_impl/backend.py."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from typing import Any

import numpy as np
import torch

from backends.interface import (
    Batch,
    Direction,
    Domain,
    Laps,
    PeakMemory,
    Peaks,
    Runtime,
    State,
    check_state,
)
from backends.model import Model, levels
from backends.objective import RECORDED, Objective
from backends.shards import check_replicas
from backends.torch_impl import device, follower, networks, weights
from backends.torch_impl.image_pool import ImagePool
from backends.torch_impl.losses import Networks
from backends.torch_impl.networks import Discriminator, generator
from backends.torch_impl.replicas import Replicas
from backends.torch_impl.training import Average, Trainer, in_pieces


class Backend:
    """CycleGAN in PyTorch, run eagerly. See backends.interface.Backend."""

    def __init__(
        self,
        model: Model,
        objective: Objective,
        runtime: Runtime,
        replicas: Replicas | None = None,
    ):
        check_replicas(model, runtime)
        self.model, self.objective, self.runtime = model, objective, runtime
        self.device = device.configure(runtime, replicas.rank if replicas else 0)
        self.replicas = replicas or follower.begin(model, objective, runtime, self.device)
        self.dtype = getattr(torch, runtime.stored)
        self.levels = torch.from_numpy(levels(runtime.stored)).to(self.device)
        self.networks = Networks(
            generator(model.g_ab), generator(model.g_ba),
            Discriminator(model.d_a), Discriminator(model.d_b),
        )  # fmt: skip
        averaged = [generator(model.g_ab), generator(model.g_ba)] if objective.average else []
        cuda, channels_last = runtime.device == "cuda", device.channels_last(runtime)
        self.layout = torch.channels_last if channels_last else torch.contiguous_format
        kernels = networks.Kernels(
            whole_batch=cuda and not channels_last, pads_in_pieces=cuda and channels_last
        )
        for network in (*self.networks, *averaged):
            network.to(self.device, self.dtype, memory_format=self.layout)
            networks.use_kernels(network, kernels)
            if runtime.compile != "none":
                network.forward = torch.compile(
                    network.forward, mode=runtime.compile, dynamic=False
                )
            if runtime.precision == "bfloat16":
                network.forward = torch.autocast(self.device.type, torch.bfloat16)(network.forward)
        like = torch.zeros((), device=self.device, dtype=self.dtype)
        pool_a = ImagePool(objective.pool_size, model.shape_a, like)
        pool_b = ImagePool(objective.pool_size, model.shape_b, like)
        average = Average(self.networks, objective, *averaged) if averaged else None
        self.trainer = Trainer(self.networks, objective, (pool_a, pool_b), average, self.replicas)
        self.laps = Laps(self.synchronize)
        self.pending: list[torch.Tensor] = []

    def environment(self) -> dict[str, Any]:
        return device.environment(self.runtime)

    def load_state(self, state: State) -> None:
        check_state(state, self.model.state_shapes(self.objective))
        weights.load_state(self.trainer, state)
        self.share_state()

    def state(self) -> dict[str, np.ndarray]:
        self.compare_state()
        return weights.read_state(self.trainer)

    def train_step(self, batch: Batch) -> None:
        self._begin_step()
        tensors = self._tensors(self.replicas.hand_out("train_step", batch))
        self.pending.append(self.trainer.step(tensors))

    def timed_step(self, batch: Batch) -> dict[str, float]:
        self._begin_step()
        self.laps.begin()
        tensors = self._tensors(self.replicas.hand_out("train_step", batch))
        self.laps.end("host")
        self.pending.append(self.in_pieces.step(tensors))
        self.laps.end("host")
        return self.laps.seconds

    def losses(self) -> np.ndarray:
        pending, self.pending = self.pending, []
        if not pending:
            return np.zeros((0, len(RECORDED)))
        losses = torch.stack(pending).cpu().numpy()
        self.replicas.check_there()
        return losses

    @torch.inference_mode()
    def translate(
        self, images: np.ndarray, direction: Direction, averaged: bool = False
    ) -> np.ndarray:
        networks = self.trainer.average if averaged else self.networks
        network = networks.g_ab if direction == "ab" else networks.g_ba
        network.eval()
        one_by_one = (network(self._images(images[i : i + 1])) for i in range(len(images)))
        parts = [device.to_images(image, self.model.rounding) for image in one_by_one]
        network.train()
        return np.concatenate(parts)

    @torch.inference_mode()
    def patch_scores(self, images: np.ndarray, domain: Domain) -> np.ndarray:
        network = self.networks.d_a if domain == "a" else self.networks.d_b
        network.eval()
        one_by_one = (network(self._images(images[i : i + 1])) for i in range(len(images)))
        parts = [device.to_numpy(scores)[..., 0] for scores in one_by_one]
        network.train()
        return np.concatenate(parts)

    def gradients(self, batch: Batch) -> dict[str, np.ndarray]:
        batch = self._tensors(self.replicas.hand_out("gradients", batch))
        pools = (self.trainer.pool_a.images, self.trainer.pool_b.images)
        kept = [*pools, *weights.statistics(self.networks).values()]
        before = [tensor.clone() for tensor in kept]
        _, fake_a, fake_b = self.trainer.generator_backward(batch)
        self.trainer.discriminators_on_pools(batch, fake_a, fake_b)
        for tensor, value in zip(kept, before, strict=True):
            tensor.copy_(value)
        named = weights.parameters(self.networks)
        return {name: weights.to_canonical(p.grad) for name, p in named.items()}

    def apply_gradients(
        self, gradients: State, learning_rate: float, discriminator_learning_rate: float
    ) -> None:
        weights.set_gradients(self.networks, gradients)
        self.trainer.adam_g.apply(learning_rate)
        self.trainer.adam_d.apply(discriminator_learning_rate)
        self.share_state()

    @torch.no_grad()
    def activations(
        self, network: str, images: np.ndarray, training: bool = False
    ) -> dict[str, np.ndarray]:
        module = getattr(self.networks, network).train(training)
        with self._uncompiled():
            outputs = networks.activations(module, self._images(images))
        module.train()
        return {name: device.to_numpy(networks.full(tensor)) for name, tensor in outputs.items()}

    def synchronize(self) -> None:
        device.synchronize(self.device)
        self.replicas.check_there()

    def reset_peak_memory(self) -> None:
        device.reset_peak_memory(self.device)

    def peak_memory(self) -> PeakMemory:
        return device.peak_memory(self.device, self.runtime.compile != "none")

    def peaks(self) -> Peaks:
        return device.peaks(self.device, self.runtime.precision)

    def share_state(self) -> None:
        """What replica 0 has goes to the others."""
        self.replicas.tell("load_state", self.trainer.adam_g.count)
        self.receive_state(self.trainer.adam_g.count)

    def receive_state(self, count: int) -> None:
        """As replica 0 has it after `count` steps."""
        for adam in (self.trainer.adam_g, self.trainer.adam_d):
            adam.set_count(count)
        self.replicas.spread(weights.everything(self.trainer).values())

    def compare_state(self) -> None:
        """Raises RuntimeError if replicas are not the same to the last bit."""
        self.replicas.tell("compare_state")
        self.replicas.check_same(weights.everything(self.trainer))

    @cached_property
    def in_pieces(self) -> Trainer:
        return in_pieces(self.trainer, self.laps.end)

    def _uncompiled(self) -> AbstractContextManager:
        """A compiled network calls no hooks. Without one, the compiler need not be imported."""
        eager = self.runtime.compile == "none"
        return nullcontext() if eager else torch.compiler.set_stance("force_eager")

    def _begin_step(self) -> None:
        """What replayed graphs put out in the step before may be written over from here on."""
        if self.runtime.compile != "none":
            torch.compiler.cudagraph_mark_step_begin()

    def _tensors(self, batch: Batch) -> Batch:
        """Images and masks NCHW; what only decides (pools, rates) stays as it is.

        So do mixing shares, unless there is a gradient penalty.
        """
        kept = {
            name: tuple(device.to_nchw(mask, self.device, self.layout) for mask in masks)
            for name, masks in batch.kept.items()
        }
        if self.objective.adversarial == "wasserstein_gp":
            mix_a, mix_b = (
                device.to_device(mix, self.device).to(self.dtype)
                for mix in (batch.mix_a, batch.mix_b)
            )
            batch = batch._replace(mix_a=mix_a, mix_b=mix_b)
        images_a, images_b = self._images(batch.a), self._images(batch.b)
        return batch._replace(a=images_a, b=images_b, kept=kept)

    def _images(self, images: np.ndarray) -> torch.Tensor:
        return device.to_tensor(images, self.levels, self.layout)
