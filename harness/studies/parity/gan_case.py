"""What is put into every backend's GAN: networks, images, noise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from backends.gan import GanBatch, GanModel, GanObjective
from harness.config.experiment import GanExperiment
from harness.plan.gan_plan import GanPlan, make_gan_plan
from harness.studies.parity.parity_case import BATCH, GENTLE, MARGIN, SCENES, STEPS, scenes

# As `parity_case` has it for CycleGANs: more units would only add time.
MOST_UNITS = 48
LARGEST = 28  # pixels


@dataclass(frozen=True)
class GanCase:
    """`images`: uint8 (SCENES, size, size, channels), `sources` what a plan cuts them out of."""

    experiment: GanExperiment
    model: GanModel
    objective: GanObjective
    images: np.ndarray
    sources: np.ndarray
    quick: bool = False

    make_plan = staticmethod(make_gan_plan)

    @property
    def noise(self) -> np.ndarray:
        """float64 (SCENES, noise)."""
        draw = np.random.Generator(np.random.Philox(13))
        return draw.standard_normal((SCENES, self.model.noise))

    def inputs(self, network: str) -> np.ndarray:
        """What one of NETWORKS is given."""
        return self.noise if network == "g" else self.images

    def plan(self, steps: int, seed: int = 0) -> GanPlan:
        """The harness's plan of so many steps; the learning rate falls within them."""
        update: dict[str, Any] = {
            "steps": steps,
            "steps_per_epoch": None,
            "epochs_constant": 1,
            "epochs_decay": 1,
        }
        update |= {"policy": "linear", "decay": "epoch", "warmup_epochs": 0}
        training = self.experiment.training.model_copy(update=update)
        experiment = self.experiment.model_copy(update={"training": training})
        return make_gan_plan(experiment, seed, len(self.sources), 0)

    @cached_property
    def batches(self) -> list[GanBatch]:
        """STEPS of them, at a gentle learning rate."""
        plan, none = self.plan(STEPS), self.sources[:0]
        return [
            batch._replace(
                learning_rate=GENTLE * batch.learning_rate,
                discriminator_learning_rate=GENTLE * batch.discriminator_learning_rate,
            )
            for batch in (plan.batch(step, self.sources, none) for step in range(STEPS))
        ]


def make_gan_case(experiment: GanExperiment) -> GanCase:
    """A small case with the layers, objective and optimiser of `experiment`."""
    settings = experiment.model_dump()
    model, data = settings["model"], settings["data"]
    for key in ("hidden", "discriminator_hidden"):
        model[key] = [min(units, MOST_UNITS) for units in model[key]]
    settings["training"]["batch_size"] = BATCH
    size = min(data["crop_size"], LARGEST)
    data |= {"crop_size": size, "load_size": size + MARGIN}
    small = GanExperiment.model_validate(settings)
    sources = scenes(0, "summer", size + MARGIN, small.data.channels_a)
    images = np.ascontiguousarray(sources[:, :size, :size])
    return GanCase(small, small.networks(), small.loss(), images, sources)


def standing(batch: GanBatch) -> GanBatch:
    """The same step at learning rate zero: losses are of the state given."""
    return batch._replace(learning_rate=0.0, discriminator_learning_rate=0.0)


def with_adversarial(case: GanCase, adversarial: str) -> GanCase:
    """The same case with another loss."""
    objective = case.experiment.objective.model_copy(update={"adversarial": adversarial})
    experiment = case.experiment.model_copy(update={"objective": objective})
    return replace(case, experiment=experiment, objective=experiment.loss())
