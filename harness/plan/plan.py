"""Every random choice of a run, drawn once with NumPy and shared by all backends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from backends.interface import PASSES, Batch, PoolDecision
from backends.model import ImageShape
from harness.config.experiment import AnyExperiment, Experiment
from harness.data import Images
from harness.plan.learning_rate import factors
from harness.plan.random_streams import history_decisions, pool_decisions, stream


@dataclass(frozen=True)
class ImagePlan:
    """Which of one domain's images are shown, and how they are cut out."""

    index: np.ndarray  # (steps, batch) int64: image of the train split
    offset: np.ndarray  # (steps, batch, 2) float64 in [0, 1): top and left of the crop, as shares
    flip: np.ndarray  # (steps, batch) bool: left to right
    crop_size: int

    def images(self, step: int, images: Images) -> np.ndarray:
        """What the networks see of a train split: uint8 (batch, crop_size, crop_size, C)."""
        size, cut = self.crop_size, []
        rows = zip(self.index[step], self.offset[step], self.flip[step], strict=True)
        for index, shares, flip in rows:
            image = images[index]
            top, left = (
                int(share * (side - size + 1))
                for share, side in zip(shares, image.shape[:2], strict=True)
            )
            image = image[top : top + size, left : left + size]
            cut.append(image[:, ::-1] if flip else image)
        return np.stack(cut)


@dataclass(frozen=True)
class DomainPlan(ImagePlan):
    """All choices about one domain of a CycleGAN."""

    pool_action: np.ndarray  # (steps, batch) int32: POOL_PASS, POOL_STORE or POOL_SWAP
    pool_slot: np.ndarray  # (steps, batch) int32
    pool_drawn: np.ndarray  # (steps, 0 or batch) int32: slots shown besides the new images
    mix: np.ndarray  # (steps, batch) float64 in [0, 1): for a gradient penalty

    def pool(self, step: int) -> PoolDecision:
        return PoolDecision(self.pool_action[step], self.pool_slot[step], self.pool_drawn[step])


@dataclass(frozen=True)
class Dropout:
    """Activations that generators lose, drawn step by step: all at once they would fill memory.

    `shapes`: of the PASSES that a step makes, (height, width, channels) of each layer with dropout.
    """

    seed: int
    rate: float
    batch: int
    shapes: Mapping[str, tuple[ImageShape, ...]]

    def kept(self, step: int) -> dict[str, tuple[np.ndarray, ...]]:
        """See backends.interface.Batch."""
        draw = stream(self.seed, f"dropout/{step}")
        return {
            name: tuple(
                (draw.random((self.batch, *shape)) >= self.rate).astype(np.uint8)
                for shape in shapes
            )
            for name, shapes in self.shapes.items()
        }


@dataclass(frozen=True)
class Plan:
    a: DomainPlan
    b: DomainPlan
    dropout: Dropout
    epoch: np.ndarray  # (steps,) int64
    steps_per_epoch: int
    learning_rate: np.ndarray  # (steps,) float64, of the generators
    discriminator_learning_rate: np.ndarray  # (steps,) float64

    @property
    def steps(self) -> int:
        return len(self.epoch)

    def batch(self, step: int, images_a: Images, images_b: Images, plateau: float = 1.0) -> Batch:
        """What `Backend.train_step` takes; images are the whole train splits, uint8 HWC each.

        `plateau`: factor of both rates, which depends on the losses so far.
        """
        return Batch(
            a=self.a.images(step, images_a),
            b=self.b.images(step, images_b),
            pool_a=self.a.pool(step),
            pool_b=self.b.pool(step),
            mix_a=self.a.mix[step],
            mix_b=self.b.mix[step],
            kept=self.dropout.kept(step),
            learning_rate=plateau * float(self.learning_rate[step]),
            discriminator_learning_rate=plateau * float(self.discriminator_learning_rate[step]),
        )


def make_plan(experiment: Experiment, seed: int, train_a: int, train_b: int) -> Plan:
    """`train_a`, `train_b`: images in the train splits.

    `training.pairing` random_b, as the CycleGAN authors' data set class: A is shuffled (modulo its
    size, each permutation used up before the next), B drawn at random with replacement. oversample
    and zip: rounds of as many pairs as the larger or the smaller split has images, each with new
    permutations of both splits. A round of zip leaves out images of the larger split, one of
    oversample begins the smaller split anew.
    """
    optimiser, model = experiment.optimiser, experiment.networks()
    steps = total_steps(experiment, train_a, train_b)
    per_epoch = epoch_steps(experiment, train_a, train_b)
    factor = factors(experiment.training, steps, per_epoch)
    index_a, index_b = _indices(experiment, seed, train_a, train_b, steps)
    of_discriminators = optimiser.discriminator_learning_rate or optimiser.learning_rate
    shapes = {
        name: model.dropout_shapes(network)
        for name, network in PASSES.items()
        if experiment.objective.identity > 0 or not name.startswith("identity")
    }
    dropout = Dropout(
        seed=seed,
        rate=experiment.model.dropout,
        batch=experiment.training.batch_size,
        shapes={name: of_pass for name, of_pass in shapes.items() if of_pass},
    )
    return Plan(
        a=_domain(experiment, seed, "a", index_a, train_a),
        b=_domain(experiment, seed, "b", index_b, train_b),
        dropout=dropout,
        epoch=np.arange(steps) // per_epoch,
        steps_per_epoch=per_epoch,
        learning_rate=optimiser.learning_rate * factor,
        discriminator_learning_rate=of_discriminators * factor,
    )


def epoch_steps(experiment: AnyExperiment, train_a: int, train_b: int) -> int:
    """Steps of an epoch: one round of images, or as long as is set."""
    training = experiment.training
    natural = max(1, experiment.images_per_round(train_a, train_b) // training.batch_size)
    return training.steps_per_epoch or natural


def total_steps(experiment: AnyExperiment, train_a: int, train_b: int) -> int:
    """Steps of the whole run."""
    training = experiment.training
    return training.steps or training.epochs * epoch_steps(experiment, train_a, train_b)


def evaluation_steps(experiment: AnyExperiment, steps: int, per_epoch: int) -> tuple[int, ...]:
    """Steps done when the test images are to be translated between the first step and the last."""
    evaluation = experiment.evaluation
    every = evaluation.evaluate_every * (per_epoch if evaluation.evaluate_unit == "epochs" else 1)
    return tuple(range(every, steps, every)) if every else ()


def evenly(count: int, most: int | None) -> np.ndarray:
    """int64 indices of at most `most` of `count` images, evenly spaced; None: of all."""
    return np.linspace(0, count - 1, min(count, most or count)).round().astype(int)


def _indices(
    experiment: Experiment, seed: int, train_a: int, train_b: int, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Images of A and B for every step: int64 (steps, batch)."""
    batch = experiment.training.batch_size
    per_round = experiment.images_per_round(train_a, train_b)
    rounds = -(-steps * batch // per_round)

    def shuffled(name: str, images: int) -> np.ndarray:
        draw, passes, order = stream(seed, name), -(-per_round // images), []
        for _ in range(rounds):
            permutations = [draw.permutation(images) for _ in range(passes)]
            order.append(np.concatenate(permutations)[:per_round])
        return np.concatenate(order)[: steps * batch].reshape(steps, batch)

    if experiment.training.pairing != "random_b":
        return shuffled("index_a", train_a), shuffled("index_b_shuffled", train_b)
    index_b = stream(seed, "index_b").integers(train_b, size=(steps, batch))
    return shuffled("index_a", per_round) % train_a, index_b


def _domain(
    experiment: Experiment, seed: int, domain: str, index: np.ndarray, images: int
) -> DomainPlan:
    action, slot, drawn = _pool(experiment, seed, domain, index.shape)
    return DomainPlan(
        **vars(image_plan(experiment, seed, domain, index, images)),
        pool_action=action,
        pool_slot=slot,
        pool_drawn=drawn,
        mix=stream(seed, f"mix_{domain}").random(index.shape),
    )


def image_plan(
    experiment: AnyExperiment, seed: int, domain: str, index: np.ndarray, images: int
) -> ImagePlan:
    """How the images `index` (steps, batch) are cut out of those of a train split, `images`."""
    data = experiment.data
    frozen = data.augment == "frozen"
    shape = (images,) if frozen else index.shape
    flip = stream(seed, f"flip_{domain}").random(shape) > 0.5
    offset = stream(seed, f"crop_{domain}").random((*shape, 2))
    if frozen:
        flip, offset = flip[index], offset[index]
    flip = flip if data.flip else np.zeros_like(flip)
    return ImagePlan(index, offset, flip, data.crop(domain))


def _pool(
    experiment: Experiment, seed: int, domain: str, shape: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Actions and slots (steps, batch), drawn slots (steps, 0 or batch)."""
    steps, batch = shape
    size = experiment.loss().pool_size
    if experiment.objective.pool == "half_new":
        chosen = stream(seed, f"pool_chosen_{domain}").integers(batch, size=steps)
        share = stream(seed, f"pool_drawn_{domain}").random(shape)
        return history_decisions(chosen, share, size)
    swap = stream(seed, f"pool_swap_{domain}").random(steps * batch) > 0.5
    slot = stream(seed, f"pool_slot_{domain}").integers(max(size, 1), size=steps * batch)
    action, slot = pool_decisions(swap, slot, size)
    return action.reshape(shape), slot.reshape(shape), np.zeros((steps, 0), np.int32)
