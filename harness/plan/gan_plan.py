"""Every random choice of a GAN's training: images, noise, learning rates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backends.gan import GanBatch
from harness.config.experiment import GanExperiment
from harness.data import Images
from harness.plan.learning_rate import factors
from harness.plan.plan import ImagePlan, epoch_steps, image_plan, total_steps
from harness.plan.random_streams import stream


@dataclass(frozen=True)
class GanPlan:
    """`noise`: numbers that the generator takes. Drawn step by step: all would fill memory."""

    seed: int
    shown: ImagePlan
    noise: int
    epoch: np.ndarray  # (steps,) int64
    steps_per_epoch: int
    learning_rate: np.ndarray  # (steps,) float64, of the generator
    discriminator_learning_rate: np.ndarray  # (steps,) float64

    @property
    def steps(self) -> int:
        return len(self.epoch)

    def batch(
        self, step: int, images_a: Images, images_b: Images, plateau: float = 1.0
    ) -> GanBatch:
        """What a GAN's `train_step` takes; `images_a`: the whole train split. As `Plan.batch`."""
        size = (2, self.shown.index.shape[1], self.noise)
        noise_d, noise_g = stream(self.seed, f"noise/{step}").standard_normal(size)
        return GanBatch(
            images=self.shown.images(step, images_a),
            noise_d=noise_d,
            noise_g=noise_g,
            learning_rate=plateau * float(self.learning_rate[step]),
            discriminator_learning_rate=plateau * float(self.discriminator_learning_rate[step]),
        )

    def test_noise(self, count: int) -> np.ndarray:
        """What samples are made of at every evaluation: float64 (count, noise)."""
        return stream(self.seed, "noise/test").standard_normal((count, self.noise))


def make_gan_plan(experiment: GanExperiment, seed: int, train_a: int, train_b: int) -> GanPlan:
    """As `harness.plan.plan.make_plan`. Each permutation of A is used up before the next."""
    optimiser, batch = experiment.optimiser, experiment.training.batch_size
    steps = total_steps(experiment, train_a, train_b)
    per_epoch = epoch_steps(experiment, train_a, train_b)
    factor = factors(experiment.training, steps, per_epoch)
    draw = stream(seed, "index_a")
    rounds = [draw.permutation(train_a) for _ in range(-(-steps * batch // train_a))]
    index = np.concatenate(rounds)[: steps * batch].reshape(steps, batch)
    of_discriminator = optimiser.discriminator_learning_rate or optimiser.learning_rate
    return GanPlan(
        seed=seed,
        shown=image_plan(experiment, seed, "a", index, train_a),
        noise=experiment.model.noise,
        epoch=np.arange(steps) // per_epoch,
        steps_per_epoch=per_epoch,
        learning_rate=optimiser.learning_rate * factor,
        discriminator_learning_rate=of_discriminator * factor,
    )
