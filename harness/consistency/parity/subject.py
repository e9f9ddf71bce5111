"""What is put into every backend: networks, weights, images and choices."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from backends.architecture import NormSpec
from backends.interface import (
    NETWORKS,
    POOL_PASS,
    Batch,
    Model,
    Objective,
    PoolDecision,
    State,
    state_shapes,
)
from harness.config import Experiment
from harness.datasets.seasons import render
from harness.plan import make_plan

STEPS = 20
# More than one image, or a sum over the batch would look like a mean.
BATCH = 2
SCENES = 6
# Of the experiment's learning rate. At the whole of it rounding grows twice as large with every
# step, and after twenty a defect has to be large to be seen.
GENTLE = 0.01
MARGIN = 4
# The architecture is the preset's, the image size is not: larger ones would only add time.
SMALLEST = 32


@dataclass(frozen=True)
class Subject:
    """`summer`, `winter`: uint8 (SCENES, size + MARGIN, size + MARGIN, 3).

    `batches`: twenty steps around the one that fills the pools, at a gentle learning rate.
    """

    experiment: Experiment
    model: Model
    objective: Objective
    size: int
    summer: np.ndarray
    winter: np.ndarray
    batches: list[Batch]
    gradient_batches: int = 6

    def with_batch_norm(self) -> Model:
        """The same networks with batch norm and learnt scales, where they have not both."""
        specs = {network: getattr(self.model, network) for network in NETWORKS}
        return replace(
            self.model,
            **{
                network: replace(spec, norm=_batch_norm(spec.norm))
                for network, spec in specs.items()
            },
        )

    def plan_batches(self, batch_size: int, first: int, steps: int) -> list[Batch]:
        """`steps` batches of the harness's plan, from step `first` on."""
        images = (self.summer, self.winter)
        return _batches(self.experiment, self.size, images, batch_size, first, steps)


def make_subject(experiment: Experiment, gradient_batches: int = 6) -> Subject:
    """A small subject with the networks, objective and schedule of `experiment`."""
    size = max(SMALLEST, 2 ** (experiment.model.discriminator_layers + 1) * 2)
    side = size + MARGIN
    summer = np.stack([render(scene, "summer", side) for scene in range(SCENES)])
    winter = np.stack([render(scene, "winter", side) for scene in range(10, 10 + SCENES)])
    # Begun just before the pool is full: twenty steps store, swap and pass.
    first = max(0, experiment.objective.pool_size // BATCH - STEPS // 4)
    model = replace(experiment.networks(), shape_a=(size, size, 3), shape_b=(size, size, 3))
    return Subject(
        experiment,
        model,
        experiment.loss(),
        size,
        summer,
        winter,
        _batches(experiment, size, (summer, winter), BATCH, first, STEPS),
        gradient_batches,
    )


def used_state(model: Model, objective: Objective) -> dict[str, np.ndarray]:
    """A state that is not fresh: biases, norms, Adam moments and pools are filled, so all count."""
    draw = np.random.Generator(np.random.Philox(7))
    shapes = state_shapes(model, objective)
    state = {name: _drawn(name, shape, draw) for name, shape in shapes.items()}
    for network in ("d_a", "d_b"):
        # Scores on both sides of the middle between the two targets, so that accuracies count.
        state[f"{network}/head/bias"] += np.float32(0.5)
    return {**state, "step": np.array(3, np.int64)}


def fresh_optimiser(state: State) -> dict[str, np.ndarray]:
    """`state` with weights and moments of zero, no step taken: what comes out is the update."""
    kept = ("_norm/mean", "_norm/variance", "pool_a", "pool_b")
    return {
        name: array if name.endswith(kept) else np.zeros_like(array)
        for name, array in state.items()
    }


def passing(batch: Batch) -> Batch:
    """The same step with image pools that hand every fake on and keep none."""
    decision = PoolDecision(
        np.full(len(batch.a), POOL_PASS, np.int32), np.zeros(len(batch.a), np.int32)
    )
    return replace(batch, pool_a=decision, pool_b=decision)


def standing(batch: Batch) -> Batch:
    """The same step at learning rate zero: no weight moves, so losses are of the state given."""
    return replace(batch, learning_rate=0.0)


def _drawn(name: str, shape: tuple[int, ...], draw: np.random.Generator) -> np.ndarray:
    if name.startswith("adam_m/"):
        values = draw.normal(0, 1e-3, shape)
    elif name.startswith("adam_v/"):
        values = draw.uniform(1e-8, 1e-5, shape)
    elif name.startswith("pool_"):
        values = draw.uniform(-1, 1, shape)
    elif name.endswith("/kernel"):
        values = draw.normal(0, 0.02, shape)
    elif name.endswith("/scale"):
        values = draw.normal(1, 0.2, shape)
    elif name.endswith("/variance"):
        values = draw.uniform(0.5, 1.5, shape)
    else:
        values = draw.normal(0, 0.1, shape)
    return np.asarray(values, np.float32)


def _batch_norm(norm: NormSpec) -> NormSpec:
    return replace(norm, kind="batch", affine=True)


def _batches(
    experiment: Experiment,
    size: int,
    images: tuple[np.ndarray, np.ndarray],
    batch_size: int,
    first: int,
    steps: int,
) -> list[Batch]:
    """A schedule in which the learning rate falls within the steps taken."""
    per_epoch = 5
    training = experiment.training.model_copy(
        update={
            "batch_size": batch_size,
            "steps_per_epoch": per_epoch,
            "epochs_constant": first // per_epoch + 2,
            "epochs_decay": steps // per_epoch,
        }
    )
    data = experiment.data.model_copy(update={"crop_size": size, "load_size": size + MARGIN})
    small = experiment.model_copy(update={"data": data, "training": training})
    plan = make_plan(small, 0, SCENES, SCENES)
    batches = [plan.batch(step, *images) for step in range(first, first + steps)]
    return [replace(batch, learning_rate=GENTLE * batch.learning_rate) for batch in batches]
