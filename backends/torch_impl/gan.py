"""A GAN of dense layers, PyTorch. Read beside tf_impl/gan.py.

Images are rows of their values, NHWC, in [-1, 1]; attribute names are the canonical layer names.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from backends.gan import RECORDED, DenseLayer, GanBatch, GanModel, GanObjective, check_runtime
from backends.interface import PeakMemory, Peaks, Runtime, State, check_state
from backends.model import levels
from backends.torch_impl import device, networks, weights
from backends.torch_impl.losses import adversarial, adversarial_of_generator, at_once
from backends.torch_impl.training import Adam


class Networks(NamedTuple):
    g: nn.Module
    d: nn.Module


class Network(nn.Module):
    """Dense layers with LeakyReLU in between. `tanh`: behind the head, which a generator has."""

    def __init__(self, layers: tuple[DenseLayer, ...], slope: float, tanh: bool):
        super().__init__()
        # In float32 as TensorFlow's op holds it, so that float64 runs agree to float64.
        self.slope, self.tanh = float(np.float32(slope)), tanh
        self.hidden = [layer.name for layer in layers[:-1]]
        for layer in layers:
            setattr(self, layer.name, nn.Linear(layer.inputs, layer.outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs) to (N, outputs)."""
        for name in self.hidden:
            x = F.leaky_relu(getattr(self, name)(x), self.slope)
        x = self.head(x)
        return torch.tanh(x) if self.tanh else x


class Trainer:
    """Gradients and updates of the generator and the discriminator."""

    average, pools = None, {}  # a GAN has none

    def __init__(self, networks: Networks, objective: GanObjective):
        self.networks, self.objective = networks, objective
        clip = objective.clip if objective.adversarial == "wasserstein" else None
        self.adam_g = Adam([*networks.g.parameters()], objective)
        self.adam_d = Adam([*networks.d.parameters()], objective, clip)

    def discriminator_backward(self, real: Tensor, noise: Tensor) -> tuple[list[Tensor], list]:
        """Returns gradients of the discriminator, and RECORDED values but the generator's loss."""
        kind, middle, (g, d) = self.objective.adversarial, self.objective.middle, self.networks
        with torch.no_grad():
            fake = g(noise)
        real_scores, fake_scores = at_once(d, real, fake)
        total = adversarial(kind, real_scores, True) + adversarial(kind, fake_scores, False)
        gradients = torch.autograd.grad(total, [*d.parameters()])
        accuracy_real = torch.mean((real_scores > middle).to(total.dtype))
        accuracy_fake = torch.mean((fake_scores < middle).to(total.dtype))
        recorded = [total, accuracy_real, accuracy_fake, real_scores.mean(), fake_scores.mean()]
        return list(gradients), [value.detach() for value in recorded]

    def generator_backward(self, noise: Tensor) -> tuple[list[Tensor], Tensor]:
        """Returns gradients of the generator, and its loss."""
        g, d = self.networks
        loss = adversarial_of_generator(self.objective.adversarial, d(g(noise)))
        return list(torch.autograd.grad(loss, [*g.parameters()])), loss.detach()

    def update(self, adam: Adam, gradients: list[Tensor], learning_rate: float) -> None:
        for parameter, gradient in zip(adam.state, gradients, strict=True):
            parameter.grad = gradient
        adam.apply(learning_rate)

    def step(self, batch: GanBatch) -> Tensor:
        """The discriminator's update, then the generator's; images are (N, values) in [-1, 1].

        Returns the RECORDED values, still on the device.
        """
        gradients, recorded = self.discriminator_backward(batch.images, batch.noise_d)
        self.update(self.adam_d, gradients, batch.discriminator_learning_rate)
        gradients, loss = self.generator_backward(batch.noise_g)
        self.update(self.adam_g, gradients, batch.learning_rate)
        return torch.stack([loss, *recorded])


class Backend:
    """A GAN in PyTorch, run eagerly. See backends.gan.GanBackend."""

    def __init__(self, model: GanModel, objective: GanObjective, runtime: Runtime):
        check_runtime(runtime)
        self.model, self.objective, self.runtime = model, objective, runtime
        self.device = device.configure(runtime)
        self.dtype = getattr(torch, runtime.stored)
        self.levels = torch.from_numpy(levels(runtime.stored)).to(self.device)
        self.networks = Networks(
            Network(model.layers("g"), model.slope, tanh=True),
            Network(model.layers("d"), model.slope, tanh=False),
        )
        for network in self.networks:
            network.to(self.device, self.dtype)
            if runtime.compile != "none":
                network.forward = torch.compile(
                    network.forward, mode=runtime.compile, dynamic=False
                )
        self.trainer = Trainer(self.networks, objective)
        self.pending: list[Tensor] = []

    def environment(self) -> dict[str, Any]:
        return device.environment(self.runtime)

    def load_state(self, state: State) -> None:
        check_state(state, self.model.state_shapes(self.objective))
        weights.load_state(self.trainer, state)

    def state(self) -> dict[str, np.ndarray]:
        return weights.read_state(self.trainer)

    def train_step(self, batch: GanBatch) -> None:
        if self.runtime.compile != "none":
            torch.compiler.cudagraph_mark_step_begin()
        self.pending.append(self.trainer.step(self._tensors(batch)))

    def losses(self) -> np.ndarray:
        pending, self.pending = self.pending, []
        if not pending:
            return np.zeros((0, len(RECORDED)))
        return torch.stack(pending).cpu().numpy()

    @torch.inference_mode()
    def samples(self, noise: np.ndarray) -> np.ndarray:
        images = self.networks.g(self._noise(noise)).reshape(-1, *self.model.shape)
        return device.to_images(images.permute(0, 3, 1, 2), self.model.rounding)

    @torch.inference_mode()
    def scores(self, images: np.ndarray) -> np.ndarray:
        return self.networks.d(self._images(images))[:, 0].cpu().numpy()

    def gradients(self, batch: GanBatch) -> dict[str, np.ndarray]:
        batch = self._tensors(batch)
        of_d, _ = self.trainer.discriminator_backward(batch.images, batch.noise_d)
        of_g, _ = self.trainer.generator_backward(batch.noise_g)
        names = weights.parameters(self.networks)
        return {
            name: weights.to_canonical(gradient)
            for name, gradient in zip(names, (*of_g, *of_d), strict=True)
        }

    def apply_gradients(
        self, gradients: State, learning_rate: float, discriminator_learning_rate: float
    ) -> None:
        weights.set_gradients(self.networks, gradients)
        self.trainer.adam_g.apply(learning_rate)
        self.trainer.adam_d.apply(discriminator_learning_rate)

    @torch.no_grad()
    def activations(self, network: str, inputs: np.ndarray) -> dict[str, np.ndarray]:
        given = self._noise(inputs) if network == "g" else self._images(inputs)
        module = getattr(self.networks, network)
        with self._uncompiled():
            outputs = networks.activations(module, given, kinds=(nn.Linear,))
        return {name: tensor.cpu().numpy() for name, tensor in outputs.items()}

    def synchronize(self) -> None:
        device.synchronize(self.device)

    def reset_peak_memory(self) -> None:
        device.reset_peak_memory(self.device)

    def peak_memory(self) -> PeakMemory:
        return device.peak_memory(self.device, self.runtime.compile != "none")

    def peaks(self) -> Peaks:
        return device.peaks(self.device, self.runtime.precision)

    def _uncompiled(self) -> AbstractContextManager:
        """A compiled network calls no hooks. Without one, the compiler need not be imported."""
        eager = self.runtime.compile == "none"
        return nullcontext() if eager else torch.compiler.set_stance("force_eager")

    def _tensors(self, batch: GanBatch) -> GanBatch:
        noise_d, noise_g = self._noise(batch.noise_d), self._noise(batch.noise_g)
        return batch._replace(images=self._images(batch.images), noise_d=noise_d, noise_g=noise_g)

    def _noise(self, noise: np.ndarray) -> Tensor:
        return device.to_device(noise, self.device).to(self.dtype)

    def _images(self, images: np.ndarray) -> Tensor:
        tensor = device.to_tensor(images, self.levels, torch.contiguous_format)
        return tensor.permute(0, 2, 3, 1).reshape(len(images), -1)
