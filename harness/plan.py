"""Every random choice of a run, drawn once with NumPy and shared by all backends.

Each stream of choices has a Philox generator of its own, keyed by (seed, stream name): no stream
depends on how much another drew, and a longer run begins with the choices of a shorter one.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from backends.interface import (
    POOL_PASS,
    POOL_STORE,
    POOL_SWAP,
    Batch,
    Model,
    Objective,
    PoolDecision,
    state_shapes,
)
from harness.config import Experiment


def stream(seed: int, name: str) -> np.random.Generator:
    """Generator of the stream `name` of run `seed`."""
    key = hashlib.sha256(f"{seed}/{name}".encode()).digest()[:16]
    return np.random.Generator(np.random.Philox(key=np.frombuffer(key, np.uint64)))


@dataclass(frozen=True)
class DomainPlan:
    """Choices about one domain's images; n = steps x batch, batch the inner axis."""

    index: np.ndarray  # (steps, batch) int64: image of the train split
    offset: np.ndarray  # (steps, batch, 2) int64: top and left of the crop, pixels
    flip: np.ndarray  # (steps, batch) bool: left to right
    pool_action: np.ndarray  # (steps, batch) int32: POOL_PASS, POOL_STORE or POOL_SWAP
    pool_slot: np.ndarray  # (steps, batch) int32


@dataclass(frozen=True)
class Plan:
    a: DomainPlan
    b: DomainPlan
    epoch: np.ndarray  # (steps,) int64
    learning_rate: np.ndarray  # (steps,) float64
    crop_size: int

    @property
    def steps(self) -> int:
        return len(self.epoch)

    def batch(self, step: int, images_a: np.ndarray, images_b: np.ndarray) -> Batch:
        """What `Backend.train_step` takes; images are the whole train splits, uint8 NHWC."""
        return Batch(
            a=_cut(images_a, self.a, step, self.crop_size),
            b=_cut(images_b, self.b, step, self.crop_size),
            pool_a=PoolDecision(self.a.pool_action[step], self.a.pool_slot[step]),
            pool_b=PoolDecision(self.b.pool_action[step], self.b.pool_slot[step]),
            learning_rate=float(self.learning_rate[step]),
        )


def make_plan(experiment: Experiment, seed: int, train_a: int, train_b: int) -> Plan:
    """`train_a`, `train_b`: images in the train splits.

    `training.pairing` random_b, as the CycleGAN authors' data set class: A is shuffled (modulo its
    size, each permutation used up before the next), B drawn at random with replacement. zip: rounds
    of as many pairs as the smaller split has images, each with a new permutation of either split;
    what is left over of the larger one is not met in that round.
    """
    training = experiment.training
    steps = total_steps(experiment, train_a, train_b)
    steps_per_epoch = steps // (training.epochs_constant + training.epochs_decay)
    step = np.arange(steps)
    epoch = step // steps_per_epoch
    time, unit = (step, steps_per_epoch) if training.decay == "step" else (epoch, 1)
    factor = learning_rate_factor(
        time, unit * training.epochs_constant, unit * training.epochs_decay
    )
    index_a, index_b = _indices(experiment, seed, train_a, train_b, steps)
    return Plan(
        a=_domain(experiment, seed, "a", index_a, train_a),
        b=_domain(experiment, seed, "b", index_b, train_b),
        epoch=epoch,
        learning_rate=experiment.optimiser.learning_rate * factor,
        crop_size=experiment.data.crop_size,
    )


def total_steps(experiment: Experiment, train_a: int, train_b: int) -> int:
    """Steps of the whole run: epochs of one round of images, or as long as is set."""
    training = experiment.training
    natural = max(1, _images_per_round(experiment, train_a, train_b) // training.batch_size)
    epochs = training.epochs_constant + training.epochs_decay
    return epochs * (training.steps_per_epoch or natural)


def evaluation_steps(experiment: Experiment, steps: int) -> tuple[int, ...]:
    """Steps done when the test images are to be translated between the first step and the last."""
    evaluation, training = experiment.evaluation, experiment.training
    epochs = training.epochs_constant + training.epochs_decay
    unit = steps // epochs if evaluation.evaluate_unit == "epochs" else 1
    every = unit * evaluation.evaluate_every
    return tuple(range(every, steps, every)) if every else ()


def learning_rate_factor(time: np.ndarray, constant: int, decay: int) -> np.ndarray:
    """Constant, then linear to zero: 1 - max(0, t + 1 - constant) / (decay + 1), t from 0.

    All in epochs, or all in steps. As the authors' code that steps the rate after an epoch; its
    later versions step before, which moves the schedule one epoch ahead and trains the last epoch
    at rate zero.
    """
    return 1 - np.maximum(0, time + 1 - constant) / (decay + 1)


def initial_state(
    model: Model,
    objective: Objective,
    seed: int,
    initial_weights: Literal["normal", "glorot_uniform"] = "normal",
) -> dict[str, np.ndarray]:
    """Weights newly drawn, biases 0, no steps taken, empty pools. float32, `step` int64.

    normal, the authors' choice: kernels N(0, 0.02) as DCGAN, scales of norms N(1, 0.02).
    glorot_uniform, Keras's: kernels as `glorot_limit`, scales 1. Running means 0, variances 1.
    """
    shapes = state_shapes(model, objective)
    state = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    state["step"] = np.array(0, np.int64)
    for name in model.statistic_shapes():
        if name.endswith("_norm/variance"):
            state[name] += 1
    normal = initial_weights == "normal"
    for name, shape in model.parameter_shapes().items():
        draw = stream(seed, f"weights/{name}")
        if name.endswith("/kernel"):
            limit = glorot_limit(shape)
            weights = draw.normal(0, 0.02, shape) if normal else draw.uniform(-limit, limit, shape)
            state[name] = weights.astype(np.float32)
        elif name.endswith("_norm/scale"):
            scales = draw.normal(1, 0.02, shape) if normal else np.ones(shape)
            state[name] = scales.astype(np.float32)
    return state


def glorot_limit(shape: tuple[int, ...]) -> float:
    """Bound of the uniform distribution for a kernel (h, w, .., ..): Glorot & Bengio 2010, eq. 16.

    Fans as Keras takes them, from a kernel's last two dimensions and whatever their order.
    """
    height, width, *channels = shape
    return math.sqrt(6 / (height * width * sum(channels)))


def pool_decisions(
    swap: np.ndarray, slot: np.ndarray, pool_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Actions and slots (images,) of the authors' image pool, in the order images are made.

    Until it is full a new image is stored and shown; then, where `swap` (bool, probability 1/2),
    the one in `slot` (uniform) is shown and the new one takes its place.
    """
    action = np.where(swap, POOL_SWAP, POOL_PASS).astype(np.int32)
    slot = slot.astype(np.int32)
    filling = min(pool_size, len(action))
    action[:filling], slot[:filling] = POOL_STORE, np.arange(filling)
    if pool_size == 0:
        action[:] = POOL_PASS
    return action, slot


def _images_per_round(experiment: Experiment, train_a: int, train_b: int) -> int:
    """Images of a domain before its permutation is used up; a zip ends with the smaller split."""
    longest = experiment.training.pairing == "random_b"
    return max(train_a, train_b) if longest else min(train_a, train_b)


def _indices(
    experiment: Experiment, seed: int, train_a: int, train_b: int, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Images of A and B for every step: int64 (steps, batch)."""
    batch = experiment.training.batch_size
    per_round = _images_per_round(experiment, train_a, train_b)
    rounds = -(-steps * batch // per_round)

    def shuffled(name: str, images: int) -> np.ndarray:
        draw = stream(seed, name)
        order = np.concatenate([draw.permutation(images)[:per_round] for _ in range(rounds)])
        return order[: steps * batch].reshape(steps, batch)

    if experiment.training.pairing == "zip":
        return shuffled("index_a", train_a), shuffled("index_b_shuffled", train_b)
    index_b = stream(seed, "index_b").integers(train_b, size=(steps, batch))
    return shuffled("index_a", per_round) % train_a, index_b


def _domain(
    experiment: Experiment, seed: int, domain: str, index: np.ndarray, images: int
) -> DomainPlan:
    data = experiment.data
    margin = data.load_size - data.crop_size
    frozen = data.augment == "frozen"
    shape = (images,) if frozen else index.shape
    flip = stream(seed, f"flip_{domain}").random(shape) > 0.5
    offset = stream(seed, f"crop_{domain}").integers(margin + 1, size=(*shape, 2))
    if frozen:
        flip, offset = flip[index], offset[index]
    pool_size = experiment.objective.pool_size
    swap = stream(seed, f"pool_swap_{domain}").random(index.size) > 0.5
    slot = stream(seed, f"pool_slot_{domain}").integers(max(pool_size, 1), size=index.size)
    action, slot = pool_decisions(swap, slot, pool_size)
    return DomainPlan(
        index=index,
        offset=offset,
        flip=flip if data.flip else np.zeros_like(flip),
        pool_action=action.reshape(index.shape),
        pool_slot=slot.reshape(index.shape),
    )


def _cut(images: np.ndarray, plan: DomainPlan, step: int, size: int) -> np.ndarray:
    rows = zip(plan.index[step], plan.offset[step], plan.flip[step], strict=True)
    cut = []
    for index, (top, left), flip in rows:
        image = images[index, top : top + size, left : left + size]
        cut.append(image[:, ::-1] if flip else image)
    return np.stack(cut)
