"""What a training asks of its kind of model: a plan, what is evaluated, a pass before the first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backends.gan import GanBackend
from harness.config.experiment import AnyExperiment, Experiment, GanExperiment
from harness.plan.gan_plan import GanPlan, make_gan_plan
from harness.plan.plan import Plan, make_plan
from harness.training.translations import AT_ONCE, TestImages, evaluation_arrays

AnyPlan = Plan | GanPlan
Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Kind:
    """`make_plan`: of an experiment, a seed, and the numbers of training images of A and B.

    `pass_once`: of a backend, the plan and an image of each domain: through its networks.
    `evaluate`: of a backend, the plan, the test images, whether generators have averages, whether
    all is to be evaluated, and what to call in between; returns arrays by their names in
    results/README.md. `shapes`: what an evaluation of an experiment holds, with so many test images
    of A and of B, before the last step and after it.
    """

    make_plan: Callable[[Any, int, int, int], AnyPlan]
    pass_once: Callable[[Any, Any, TestImages], object]
    evaluate: Callable[..., dict[str, np.ndarray]]
    shapes: Callable[[Any, int, int], tuple[Shapes, Shapes]]


def _translate_once(backend: Any, plan: Plan, images: TestImages) -> None:
    backend.translate(images.a, "ab")
    backend.translate(images.b, "ba")


def _sample_once(backend: GanBackend, plan: GanPlan, images: TestImages) -> None:
    backend.samples(plan.test_noise(1))
    backend.scores(images.a)


def _translations(
    backend: Any,
    plan: Plan,
    images: TestImages,
    averaged: bool,
    everything: bool,
    progress: Callable[[], object],
) -> dict[str, np.ndarray]:
    return evaluation_arrays(backend, images, averaged, everything, progress)


def _samples(
    backend: GanBackend,
    plan: GanPlan,
    images: TestImages,
    averaged: bool,
    everything: bool,
    progress: Callable[[], object],
) -> dict[str, np.ndarray]:
    """As many samples as there are test images of A, always of the same noise; and what the
    discriminator says of them and of these images, (N, 1, 1)."""
    real, noise = images.a, plan.test_noise(len(images.a))
    parts: dict[str, list[np.ndarray]] = {"ba": [], "patches_real_a": [], "patches_fake_a": []}
    for start in range(0, len(real), AT_ONCE):
        end = start + AT_ONCE
        samples = backend.samples(noise[start:end])
        parts["ba"].append(samples)
        for name, shown in (("patches_real_a", real[start:end]), ("patches_fake_a", samples)):
            scores = backend.scores(np.ascontiguousarray(shown)).astype(np.float32)
            parts[name].append(scores[:, None, None])
        progress()
    return {name: np.concatenate(arrays) for name, arrays in parts.items()}


def _of_translations(experiment: Experiment, a: int, b: int) -> tuple[Shapes, Shapes]:
    model = experiment.networks()
    first: Shapes = {"ab": (a, *model.shape_b), "ba": (b, *model.shape_a)}
    last = {**first, "aba": (a, *model.shape_a), "bab": (b, *model.shape_b)}
    if experiment.objective.average:
        last |= {f"last_{name}": shape for name, shape in first.items()}
    return first, last


def _of_samples(experiment: GanExperiment, a: int, b: int) -> tuple[Shapes, Shapes]:
    scores = (a, 1, 1)
    made: Shapes = {"ba": (a, *experiment.networks().shape)}
    made |= {"patches_real_a": scores, "patches_fake_a": scores}
    return made, made


BY_EXPERIMENT: Mapping[type[AnyExperiment], Kind] = {
    Experiment: Kind(make_plan, _translate_once, _translations, _of_translations),
    GanExperiment: Kind(make_gan_plan, _sample_once, _samples, _of_samples),
}


def kind_of(experiment: AnyExperiment) -> Kind:
    return BY_EXPERIMENT[type(experiment)]
