"""The last rung of a GAN's ladder: what its plan chooses, and the same choices written out."""

from __future__ import annotations

import numpy as np

from harness.plan.random_streams import stream
from harness.studies.parity.backend_cache import BackendCache, Facts
from harness.studies.parity.gan import case_of

PLANNED = 8  # steps
SEED = 1  # not the one of other checks, which a plan that knows no seeds would draw by


def planned(cache: BackendCache, name: str) -> Facts:
    """Images, noise and learning rates of the first steps."""
    case, facts = case_of(cache), Facts()
    plan = case.plan(PLANNED, SEED)
    for step in range(PLANNED):
        batch = plan.batch(step, case.sources, case.sources[:0])
        facts["images", f"step {step}"] = batch.images
        facts["noise", f"of the discriminator, step {step}"] = batch.noise_d
        facts["noise", f"of the generator, step {step}"] = batch.noise_g
        rates = (batch.learning_rate, batch.discriminator_learning_rate)
        facts["rates", f"step {step}"] = np.array(rates)
    facts["noise", "of samples"] = plan.test_noise(3)
    return facts


def planned_written_out(cache: BackendCache, name: str) -> Facts:
    """The same by the rules of docs/architecture.md, one image after the other."""
    case, facts = case_of(cache), Facts()
    size, count = case.experiment.training.batch_size, len(case.sources)
    order: list[int] = []
    draw = stream(SEED, "index_a")
    # One choice each time that an image is shown, or one an image.
    frozen = case.experiment.data.augment == "frozen"
    times = (count,) if frozen else (PLANNED, size)
    flips = stream(SEED, "flip_a").random(times) > 0.5
    shares = stream(SEED, "crop_a").random((*times, 2))
    optimiser, side = case.experiment.optimiser, case.model.shape[0]
    # Linear: half of the epochs at the whole rate, of one image set each.
    epochs = -(-PLANNED // max(1, count // size))
    constant = round(epochs * 0.5)
    for step in range(PLANNED):
        images = []
        for place in range(size):
            if not order:
                order = draw.permutation(count).tolist()
            number = order.pop(0)
            image, choice = case.sources[number], number if frozen else (step, place)
            room = len(image) - side + 1
            top, left = (int(share * room) for share in shares[choice])
            image = image[top : top + side, left : left + side]
            flip = case.experiment.data.flip and flips[choice]
            images.append(image[:, ::-1] if flip else image)
        facts["images", f"step {step}"] = np.stack(images)
        drawn = stream(SEED, f"noise/{step}")
        for owner in ("discriminator", "generator"):
            noise = drawn.standard_normal((size, case.model.noise))
            facts["noise", f"of the {owner}, step {step}"] = noise
        late = max(0, step // max(1, count // size) + 1 - constant)
        factor = 1 - late / (epochs - constant + 1)
        rate = optimiser.learning_rate * factor
        of_d = (optimiser.discriminator_learning_rate or optimiser.learning_rate) * factor
        facts["rates", f"step {step}"] = np.array([rate, of_d])
    facts["noise", "of samples"] = stream(SEED, "noise/test").standard_normal((3, case.model.noise))
    return facts
