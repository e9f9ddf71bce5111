"""What is put into every backend: networks, weights, images and choices."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from pydantic import ValidationError

from backends.architecture import NormSpec
from backends.interface import POOL_PASS, Batch, PoolDecision, State
from backends.model import NETWORKS, Model
from backends.objective import Objective
from harness.config.experiment import Experiment
from harness.data.seasons import render
from harness.data.seasons.paint import Season
from harness.plan.plan import Plan, make_plan
from harness.system.errors import UserError

STEPS = 20
# More than one image, or a sum over the batch would look like a mean.
BATCH = 2
SCENES = 6
COVERING_STEPS = 2
LONGER = 6  # pixels, of a photograph that is not square
# Of the experiment's learning rate. At the whole of it rounding grows twice as large with every
# step, and after twenty a defect has to be large to be seen.
GENTLE = 0.01
MARGIN = 4
# The architecture is the preset's; image size, width and the places of a pool are not: more would
# only add time. A small pool is filled, and used when it is full, as a large one is.
SIZES = (32, 64, 128, 256)
WIDEST = 16
MOST_POOLED = 8


@dataclass(frozen=True)
class ParityCase:
    """`images`: of "a" and "b", uint8 (SCENES, size + MARGIN, size + MARGIN, channels).

    `sources`: what a plan cuts squares out of, uint8 (SCENES, H, W, channels). `batches`: steps
    around the one that fills the pools, at a gentle learning rate. `quick`: no graphs, and of batch
    norms only those that the experiment has.
    """

    experiment: Experiment
    model: Model
    objective: Objective
    images: dict[str, np.ndarray]
    sources: dict[str, np.ndarray]
    batches: list[Batch]
    gradient_batches: int = 6
    quick: bool = False

    make_plan = staticmethod(make_plan)

    @property
    def normed(self) -> Model:
        """Networks that checks of batch norms are made with."""
        return self.model if self.quick else self.with_batch_norm()

    @property
    def batch_size(self) -> int:
        return self.experiment.training.batch_size

    def size(self, network: str) -> int:
        """Height and width of the images that one of NETWORKS is trained on."""
        return self.model.input_shape(network)[0]

    def cut(
        self,
        network: str,
        count: int,
        height: int | None = None,
        width: int | None = None,
        first: int = 0,
    ) -> np.ndarray:
        """`count` images that one of NETWORKS is trained on, from number `first` on.

        uint8 (count, height, width, C); height and width are `size` where not given.
        """
        images = self.images["a" if network in ("g_ab", "d_a") else "b"]
        height, width = height or self.size(network), width or self.size(network)
        return np.ascontiguousarray(images[first : first + count, :height, :width])

    def with_batch_norm(self) -> Model:
        """The same networks with batch norm and learnt scales, where they lack either."""
        changed = {}
        for network in NETWORKS:
            spec = getattr(self.model, network)
            norm = replace(spec.norm or NormSpec(), kind="batch", affine=True)
            changed[network] = replace(spec, norm=norm)
        return replace(self.model, **changed)

    def filling(self, before: int) -> int:
        """The step so many `before` the one that fills the pools."""
        stored = 1 if self.experiment.objective.pool == "half_new" else self.batch_size
        return max(0, self.experiment.objective.pool_size // stored - before)

    def nearly_cancelling(self) -> dict[str, str]:
        """Parameters whose gradient nearly cancels -> the kernel that each is measured with.

        Hinge and Wasserstein take scores as they are: what is added to all of them adds nothing to
        their difference. Nor does what is added in front of the head, where no norm follows and no
        value is on the other side of LeakyReLU's kink.
        """
        if self.objective.adversarial in ("least_squares", "vanilla"):
            return {}
        return {
            f"{network}/{layer.name}/bias": f"{network}/{layer.name}/kernel"
            for network in ("d_a", "d_b")
            for layer in self.model.layers(network)
            if layer.bias and not layer.norm
        }

    def plan(self, first: int, steps: int, seed: int = 0) -> Plan:
        """The harness's plan up to step `first` + `steps`; the learning rate falls within them."""
        per_epoch = 5
        training = self.experiment.training.model_copy(
            update={
                "steps": None,
                "steps_per_epoch": per_epoch,
                "epochs_constant": first // per_epoch + 2,
                "epochs_decay": steps // per_epoch,
            }
        )
        experiment = self.experiment.model_copy(update={"training": training})
        return make_plan(experiment, seed, len(self.sources["a"]), len(self.sources["b"]))

    def plan_batches(self, first: int, steps: int) -> list[Batch]:
        """`steps` batches of that plan, from step `first` on."""
        plan, batches = self.plan(first, steps), []
        for step in range(first, first + steps):
            batch = plan.batch(step, self.sources["a"], self.sources["b"])
            gentle = batch._replace(
                learning_rate=GENTLE * batch.learning_rate,
                discriminator_learning_rate=GENTLE * batch.discriminator_learning_rate,
            )
            batches.append(gentle)
        return batches


def make_case(experiment: Experiment, gradient_batches: int = 6) -> ParityCase:
    """A small case with the networks, objective and schedule of `experiment`."""
    small = _small(experiment)
    images = _images(small)
    case = ParityCase(small, small.networks(), small.loss(), images, images, [], gradient_batches)
    # Begun just before the pool is full: twenty steps store, swap and pass.
    return replace(case, batches=case.plan_batches(case.filling(STEPS // 4), STEPS))


def covering_case(experiment: Experiment) -> ParityCase:
    """`experiment` as it is: it must be small. Of square crops the images are not square."""
    model, images, sources = experiment.networks(), _images(experiment), {}
    for domain, (height, width) in {"a": (0, LONGER), "b": (LONGER, 0)}.items():
        load = experiment.data.load(domain)
        longer = (height, width) if experiment.data.augmentation == "square_crop" else (0, 0)
        season: Season = "summer" if domain == "a" else "winter"
        drawn = scenes(0, season, load + LONGER, experiment.data.channels(domain))
        sources[domain] = drawn[:, : load + longer[0], : load + longer[1]]
    # Splits of different sizes, of which every pairing makes something else.
    sources["b"] = sources["b"][: SCENES - 2]
    case = ParityCase(experiment, model, experiment.loss(), images, sources, [], 1, quick=True)
    return replace(case, batches=case.plan_batches(case.filling(1), COVERING_STEPS))


def _small(experiment: Experiment) -> Experiment:
    """The experiment with narrow networks, on the smallest images that they can take."""
    settings = experiment.model_dump()
    for key in ("filters", "discriminator_filters"):
        settings["model"][key] = min(settings["model"][key], WIDEST)
    pool = settings["objective"]
    pool["pool_size"] = min(pool["pool_size"], MOST_POOLED)
    # Batch norm needs more than one image, where it sees one pixel.
    settings["training"]["batch_size"] = BATCH
    data = settings["data"]
    if experiment.data.crop("a") != experiment.data.crop("b"):
        data["load_size"] = experiment.data.crop("a") + MARGIN
        data["load_size_b"] = experiment.data.crop("b") + MARGIN
        return Experiment.model_validate(settings)
    for size in SIZES:
        data |= {"crop_size": size, "load_size": size + MARGIN}
        data |= {"crop_size_b": None, "load_size_b": None}
        with suppress(ValidationError):
            return Experiment.model_validate(settings)
    raise UserError(
        f"preset {experiment.preset}: its networks need images above {SIZES[-1]} pixels"
    )


def _images(experiment: Experiment) -> dict[str, np.ndarray]:
    data = experiment.data
    return {
        "a": scenes(0, "summer", data.crop("a") + MARGIN, data.channels_a),
        "b": scenes(10, "winter", data.crop("b") + MARGIN, data.channels_b),
    }


def scenes(first: int, season: Season, side: int, channels: int) -> np.ndarray:
    return _drawn(first, season, side)[..., :channels].copy()


@cache
def _drawn(first: int, season: Season, side: int) -> np.ndarray:
    return np.stack([render(scene, season, side) for scene in range(first, first + SCENES)])


def used_state(model: Any, objective: Any) -> dict[str, np.ndarray]:
    """A state as after some training: biases, norms, Adam moments and pools are not zero, so that
    all of them count."""
    draw = np.random.Generator(np.random.Philox(7))
    state = {}
    for name, shape in model.state_shapes(objective).items():
        if name.startswith("adam_m/"):
            values = draw.normal(0, 1e-3, shape)
        elif name.startswith("adam_v/"):
            values = draw.uniform(1e-8, 1e-5, shape)
        elif name.startswith("pool_"):
            values = draw.uniform(-1, 1, shape)
        elif name.endswith("/kernel"):
            # Sums over 1x1 kernels are small: draw wider, or they hardly tell images apart.
            narrow = 0.3 if shape[0] == 1 else 0.02
            values = draw.normal(0, shape[0] ** -0.5 if len(shape) == 2 else narrow, shape)
        elif name.endswith("/scale"):
            values = draw.normal(1, 0.2, shape)
        elif name.endswith("/variance"):
            values = draw.uniform(0.5, 1.5, shape)
        else:
            values = draw.normal(0, 0.1, shape)
        state[name] = np.asarray(values, np.float32)
    for name in state:
        # Scores on both sides of the middle between the two targets, so that accuracies count.
        if name.startswith("d") and name.endswith("/head/bias"):
            state[name] += np.float32(objective.middle)
    if objective.adversarial == "wasserstein":
        # As after any step: so that nothing moves at learning rate zero. The bound is rounded down:
        # above it float64 would clip once more.
        clip = np.float32(objective.clip)
        clip = np.nextafter(clip, np.float32(0)) if float(clip) > objective.clip else clip
        for name in model.parameter_shapes():
            if name.startswith("d"):
                state[name] = np.clip(state[name], -clip, clip)
    return {**state, "step": np.array(3, np.int64)}


def fresh_optimiser(state: State) -> dict[str, np.ndarray]:
    """`state` with weights and moments of zero and no step taken: one step leaves its update."""
    kept = ("_norm/mean", "_norm/variance", "pool_a", "pool_b")
    return {
        name: array if name.endswith(kept) else np.zeros_like(array)
        for name, array in state.items()
    }


def passing(batch: Batch) -> Batch:
    """The same step with image pools that return every fake and store none."""
    decision = PoolDecision(
        np.full(len(batch.a), POOL_PASS, np.int32), np.zeros(len(batch.a), np.int32)
    )
    return batch._replace(pool_a=decision, pool_b=decision)


def standing(batch: Batch) -> Batch:
    """The same step without dropout at learning rate zero: losses are of the state given."""
    return batch._replace(kept={}, learning_rate=0.0, discriminator_learning_rate=0.0)
