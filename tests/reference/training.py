"""A training step of all four networks, and what can be read of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from backends.interface import Batch
from harness.config.experiment import Experiment
from reference.layers import Weights, from_levels, to_levels
from reference.losses import (
    distance,
    for_generator,
    gradient_penalty,
    middle,
    of_fake,
    of_real,
)
from reference.networks import Masks, discriminator, generator
from reference.optimiser import adam, averaged
from reference.pool import shown

GENERATORS, DISCRIMINATORS = ("g_ab/", "g_ba/"), ("d_a/", "d_b/")


class Reference:
    """Training as `experiment` says, from `state` on (canonical name -> array)."""

    def __init__(self, experiment: Experiment, state: Mapping[str, np.ndarray]):
        self.experiment = experiment
        self.arrays = {
            name: torch.from_numpy(np.array(array, np.float64))
            for name, array in state.items()
            if name != "step"
        }
        self.steps = int(state["step"])

    def state(self) -> dict[str, np.ndarray]:
        """The arrays of a state, float64."""
        arrays = {name: array.detach().numpy() for name, array in self.arrays.items()}
        return {**arrays, "step": np.array(self.steps)}

    # ------------------------------------------------------------------------------- networks

    def generate(
        self, network: str, x: Tensor, kept: Masks = (), training: bool = True,
        averages: bool = False,
    ) -> Tensor:  # fmt: skip
        data, name = self.experiment.data, f"average/{network}" if averages else network
        source, target = network[-2:]
        growth = data.crop(target) - data.crop(source)
        weights, model = Weights(self.arrays, name, training), self.experiment.model
        return generator(weights, model, x, data.channels(target), growth, kept)

    def judge(self, domain: str, x: Tensor, training: bool = True) -> Tensor:
        weights = Weights(self.arrays, f"d_{domain}", training)
        return discriminator(weights, self.experiment.model, x)

    @torch.no_grad()
    def translate(self, images: np.ndarray, direction: str, averaged: bool = False) -> np.ndarray:
        """uint8 (N, H, W, C) to uint8."""
        translations = [
            self.generate(f"g_{direction}", from_levels(image[None]), (), False, averaged)
            for image in images
        ]
        return to_levels(torch.cat(translations), self.experiment.model.rounding)

    @torch.no_grad()
    def patch_scores(self, images: np.ndarray, domain: str) -> np.ndarray:
        """Scores (N, h, w) of uint8 (N, H, W, C)."""
        scores = [self.judge(domain, from_levels(image[None]), False) for image in images]
        return torch.cat(scores)[:, 0].numpy()

    # ---------------------------------------------------------------------------------- a step

    def train_step(self, batch: Batch) -> dict[str, float]:
        """Update all four networks; returns what is recorded."""
        order = self.experiment.objective.update_order
        generators = self.learnt(GENERATORS)
        if order == "discriminators_first":
            with torch.no_grad():
                fakes = self.fakes(batch)
            recorded_d, gradients = self.discriminator_gradients(batch, *fakes)
            self.update_discriminators(gradients, batch)
            recorded_g, gradients, *_ = self.generator_gradients(batch, generators)
            self.update(gradients, batch.learning_rate)
        else:
            recorded_g, gradients_g, *fakes = self.generator_gradients(batch, generators)
            if order == "generators_first":
                self.update(gradients_g, batch.learning_rate)
            recorded_d, gradients_d = self.discriminator_gradients(batch, *fakes)
            if order == "simultaneous":
                self.update(gradients_g, batch.learning_rate)
            self.update_discriminators(gradients_d, batch)
        self.steps += 1
        self.update_averages()
        return recorded_g | recorded_d

    def fakes(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Of A and of B."""
        fake_b = self.generate("g_ab", from_levels(batch.a), batch.kept.get("fake_b", ()))
        fake_a = self.generate("g_ba", from_levels(batch.b), batch.kept.get("fake_a", ()))
        return fake_a, fake_b

    def generator_gradients(
        self, batch: Batch, names: list[str]
    ) -> tuple[dict[str, float], dict[str, Tensor], Tensor, Tensor]:
        """What is recorded, gradients, and the fakes of A and B."""
        objective, kept = self.experiment.objective, batch.kept
        a, b = from_levels(batch.a), from_levels(batch.b)
        self.watch(names)
        fake_a, fake_b = self.fakes(batch)
        cycle_a = self.generate("g_ba", fake_b, kept.get("cycle_a", ()))
        cycle_b = self.generate("g_ab", fake_a, kept.get("cycle_b", ()))
        kind = objective.adversarial
        terms = {
            "adversarial_ab": for_generator(kind, self.judge("b", fake_b)),
            "adversarial_ba": for_generator(kind, self.judge("a", fake_a)),
            "cycle_a": distance(objective.cycle_norm, cycle_a, a),
            "cycle_b": distance(objective.cycle_norm, cycle_b, b),
        }
        weights = {"cycle_a": objective.lambda_a, "cycle_b": objective.lambda_b}
        if objective.identity > 0:
            same_a = self.generate("g_ba", a, kept.get("identity_a", ()))
            same_b = self.generate("g_ab", b, kept.get("identity_b", ()))
            terms["identity_a"] = distance(objective.identity_norm, same_a, a)
            terms["identity_b"] = distance(objective.identity_norm, same_b, b)
            relative = objective.identity_unit == "relative"
            weights["identity_a"] = objective.identity * (objective.lambda_a if relative else 1)
            weights["identity_b"] = objective.identity * (objective.lambda_b if relative else 1)
        total = sum(weights.get(name, 1.0) * term for name, term in terms.items())
        recorded = {"identity_a": 0.0, "identity_b": 0.0} | values(terms)
        return recorded, self.gradients(total, names), fake_a.detach(), fake_b.detach()

    def discriminator_gradients(
        self, batch: Batch, fake_a: Tensor, fake_b: Tensor
    ) -> tuple[dict[str, float], dict[str, Tensor]]:
        """What is recorded, and gradients, on what the pools show in place of the fakes."""
        objective = self.experiment.objective
        kind, names = objective.adversarial, self.learnt(DISCRIMINATORS)
        self.watch(names)
        recorded, total = {}, torch.zeros((), dtype=torch.float64)
        domains = (
            ("a", batch.a, fake_a, batch.pool_a, batch.mix_a),
            ("b", batch.b, fake_b, batch.pool_b, batch.mix_b),
        )
        for domain, images, fake, decision, mix in domains:
            real, pool = from_levels(images), self.arrays[f"pool_{domain}"]
            batches = shown(objective.pool, pool, fake, decision)
            on_real = self.judge(domain, real)
            on_fakes = [self.judge(domain, fakes) for fakes in batches]
            loss = of_real(kind, on_real) + sum(of_fake(kind, scores) for scores in on_fakes)
            total = total + (0.5 if objective.halve_discriminator else 1.0) * loss
            penalty = torch.zeros(())
            if kind == "wasserstein_gp":
                shares = [float(share) for share in mix]
                penalty = gradient_penalty(
                    lambda x, domain=domain: self.judge(domain, x), real, batches[0], shares
                )
                total = total + objective.gradient_penalty * penalty
            right = {
                f"accuracy_real_{domain}": on_real > middle(kind),
                f"accuracy_fake_{domain}": torch.cat(on_fakes) < middle(kind),
            }
            recorded |= values({f"discriminator_{domain}": loss, f"penalty_{domain}": penalty})
            recorded |= {name: float(share.double().mean()) for name, share in right.items()}
        return recorded, self.gradients(total, names)

    # --------------------------------------------------------------------------------- updates

    def learnt(self, networks: tuple[str, ...]) -> list[str]:
        """Names of the weights of some networks."""
        statistics = ("_norm/mean", "_norm/variance")
        return [
            name
            for name in self.arrays
            if name.startswith(networks) and not name.endswith(statistics)
        ]

    def watch(self, names: list[str]) -> None:
        """Derivatives are of these weights, and of no others."""
        for name, array in self.arrays.items():
            self.arrays[name] = array.detach().requires_grad_(name in names)

    def gradients(self, total: Tensor, names: list[str]) -> dict[str, Tensor]:
        """By name. Raises RuntimeError for a weight that nothing depends on."""
        found = torch.autograd.grad(total, [self.arrays[name] for name in names])
        return dict(zip(names, found, strict=True))

    @torch.no_grad()
    def update(self, gradients: dict[str, Tensor], rate: float) -> None:
        for name, gradient in gradients.items():
            weight, m, v = adam(
                self.experiment.optimiser,
                (self.arrays[name], self.arrays[f"adam_m/{name}"], self.arrays[f"adam_v/{name}"]),
                gradient,
                rate,
                self.steps + 1,
            )
            self.arrays |= {name: weight, f"adam_m/{name}": m, f"adam_v/{name}": v}

    @torch.no_grad()
    def update_discriminators(self, gradients: dict[str, Tensor], batch: Batch) -> None:
        self.update(gradients, batch.discriminator_learning_rate)
        objective = self.experiment.objective
        if objective.adversarial == "wasserstein":
            for name in gradients:
                self.arrays[name] = self.arrays[name].clamp(-objective.clip, objective.clip)

    @torch.no_grad()
    def update_averages(self) -> None:
        for name, array in self.arrays.items():
            if name.startswith("average/"):
                current = self.arrays[name.removeprefix("average/")]
                decay = self.experiment.objective.average
                self.arrays[name] = averaged(array, current, decay, self.steps)


def values(terms: dict[str, Tensor]) -> dict[str, float]:
    return {name: term.item() for name, term in terms.items()}
