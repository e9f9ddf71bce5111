"""Rung 16: what the plan chooses, image by image. It is given to all backends alike."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from backends.interface import PASSES, POOL_PASS, POOL_STORE, POOL_SWAP
from harness.config.experiment import Experiment
from harness.config.sections import TrainingSection
from harness.plan.learning_rate import plateaus
from harness.plan.plan import make_plan
from harness.plan.random_streams import stream
from harness.studies.parity.backend_cache import BackendCache, Facts

Acted = tuple[int, int]  # action and place
STEPS = 8  # more than images, one at a time
POOLED = 12  # steps of pools, most of which are full by then
SEED = 1  # not the one of other checks, which a plan that knows no seeds would draw by
# Means of epochs: better, by less than any threshold, as they were, then better again.
MEANS = (1.0, 0.8, 0.799, *(0.8,) * 9, 0.5, *(0.5,) * 4)


def planned(cache: BackendCache, name: str) -> Facts:
    """Images as networks see them, dropout's masks, mixing shares, what pools do, lengths of
    epochs, and rates past a plateau."""
    case, facts = cache.case, Facts()
    plan = case.plan(0, STEPS, SEED)
    lowered = plateaus(case.experiment.training, MEANS)
    facts["plateaus", "factors"] = np.array(lowered)
    for step in range(STEPS):
        batch = plan.batch(step, case.sources["a"], case.sources["b"], lowered[-1])
        rates = np.array([batch.learning_rate, batch.discriminator_learning_rate])
        before = np.array([plan.learning_rate[step], plan.discriminator_learning_rate[step]])
        facts["plateaus", f"rates of step {step}"] = rates / before
        facts["images", f"a, step {step}"] = batch.a
        facts["images", f"b, step {step}"] = batch.b
        facts["mixing shares", f"step {step}"] = np.array([batch.mix_a, batch.mix_b])
        for made, masks in batch.kept.items():
            for i, mask in enumerate(masks):
                facts["dropout", f"{made}, layer {i}, step {step}"] = mask
    pooled = case.plan(0, POOLED, SEED)
    for step in range(POOLED):
        for domain, chosen in (("a", pooled.a.pool(step)), ("b", pooled.b.pool(step))):
            # Of what passes by no place is asked for.
            places = np.where(chosen.action == POOL_PASS, 0, chosen.slot)
            both = np.stack([chosen.action, places])
            facts["pools", f"{domain}, step {step}"] = both
            facts["pools", f"{domain}, drawn in step {step}"] = chosen.drawn
    counts = len(case.sources["a"]), len(case.sources["b"])
    whole = make_plan(_without_lengths(case.experiment), SEED, *counts)
    facts["epochs", "steps of each"] = np.array(whole.steps_per_epoch)
    facts["epochs", "steps of all"] = np.array(whole.steps)
    facts["epochs", "the last"] = np.array(whole.epoch[-1])
    return facts


def planned_written_out(cache: BackendCache, name: str) -> Facts:
    """The same in loops: every image of a batch has choices of its own, and so has every pass."""
    case, facts = cache.case, Facts()
    experiment, size = case.experiment, case.batch_size
    factors = _plateaus(experiment.training)
    facts["plateaus", "factors"] = np.array(factors)
    images = {domain: _cut(cache, domain) for domain in "ab"}
    mixes = {domain: stream(SEED, f"mix_{domain}") for domain in "ab"}
    for step in range(STEPS):
        facts["plateaus", f"rates of step {step}"] = np.array([factors[-1]] * 2)
        for domain in "ab":
            batch = np.stack([next(images[domain]) for _ in range(size)])
            facts["images", f"{domain}, step {step}"] = batch
        shares = [[mixes[domain].random() for _ in range(size)] for domain in "ab"]
        facts["mixing shares", f"step {step}"] = np.array(shares)
        draw = stream(SEED, f"dropout/{step}")
        for made, network in PASSES.items():
            if made.startswith("identity") and not experiment.objective.identity:
                continue
            for i, shape in enumerate(case.model.dropout_shapes(network)):
                kept = draw.random((size, *shape)) >= experiment.model.dropout
                facts["dropout", f"{made}, layer {i}, step {step}"] = kept.astype(np.uint8)
    for domain in "ab":
        for step, (acted, drawn) in enumerate(_pooled(cache, domain)):
            facts["pools", f"{domain}, step {step}"] = np.array(acted).T
            facts["pools", f"{domain}, drawn in step {step}"] = np.array(drawn)
    of_both = [len(case.sources[domain]) for domain in "ab"]
    shown = min(of_both) if experiment.training.pairing == "zip" else max(of_both)
    each, epochs = max(1, shown // size), experiment.training.epochs
    facts["epochs", "steps of each"] = np.array(each)
    facts["epochs", "steps of all"] = np.array(each * epochs)
    facts["epochs", "the last"] = np.array(epochs - 1)
    return facts


def _without_lengths(experiment: Experiment) -> Experiment:
    """Epochs as long as the images make them."""
    training = experiment.training.model_copy(update={"steps": None, "steps_per_epoch": None})
    return experiment.model_copy(update={"training": training})


def _cut(cache: BackendCache, domain: str) -> Iterator[np.ndarray]:
    """Crops of one domain, in the order in which they are shown."""
    data, sources = cache.case.experiment.data, cache.case.sources[domain]
    flips, crops = stream(SEED, f"flip_{domain}"), stream(SEED, f"crop_{domain}")
    size = data.crop(domain)

    def choose() -> tuple[bool, float, float]:
        return flips.random() > 0.5, crops.random(), crops.random()

    frozen = [choose() for _ in sources] if data.augment == "frozen" else None
    for index in _order(cache, domain):
        flip, top, left = frozen[index] if frozen else choose()
        height, width = sources[index].shape[:2]
        row, column = int(top * (height - size + 1)), int(left * (width - size + 1))
        cut = sources[index][row : row + size, column : column + size]
        yield cut[:, ::-1] if flip and data.flip else cut


def _pooled(cache: BackendCache, domain: str) -> Iterator[tuple[list[Acted], list[int]]]:
    """What a pool does with every image of a step; and places out of which it draws others."""
    batch, size = cache.case.batch_size, cache.case.objective.pool_size
    held = 0
    if cache.case.experiment.objective.pool == "half_new":
        chosen = stream(SEED, f"pool_chosen_{domain}").integers(batch, size=POOLED)
        shares = stream(SEED, f"pool_drawn_{domain}").random((POOLED, batch))
        for step in range(POOLED):
            acted: list[Acted] = [(POOL_PASS, 0)] * batch
            acted[chosen[step]] = (POOL_STORE, step % size)
            held = min(held + 1, size)
            yield acted, [int(share * held) for share in shares[step]]
        return
    chances = stream(SEED, f"pool_swap_{domain}").random((POOLED, batch))
    places = stream(SEED, f"pool_slot_{domain}").integers(max(size, 1), size=(POOLED, batch))
    for step in range(POOLED):
        acted = []
        for chance, place in zip(chances[step], places[step], strict=True):
            if held < size:
                acted.append((POOL_STORE, held))
                held += 1
            else:
                acted.append((POOL_SWAP, int(place)) if size and chance > 0.5 else (POOL_PASS, 0))
        yield acted, []


def _order(cache: BackendCache, domain: str) -> Iterator[int]:
    """Numbers of images: rounds as `make_plan` says of training.pairing."""
    pairing = cache.case.experiment.training.pairing
    counts = {side: len(cache.case.sources[side]) for side in "ab"}
    longest, own = max(counts.values()), counts[domain]
    if pairing == "random_b" and domain == "b":
        draw = stream(SEED, "index_b")
        while True:
            yield int(draw.integers(own))
    draw = stream(SEED, "index_a" if domain == "a" else "index_b_shuffled")
    while True:
        if pairing == "random_b":
            yield from (int(i) % own for i in draw.permutation(longest))
            continue
        length = min(counts.values()) if pairing == "zip" else longest
        shown = [draw.permutation(own) for _ in range(math.ceil(length / own))]
        yield from (int(i) for i in np.concatenate(shown)[:length])


def _plateaus(training: TrainingSection) -> list[float]:
    """As the settings say it: epochs since the best one that was better by the threshold."""
    factors, best, last = [1.0], math.inf, -1
    for epoch, mean in enumerate(MEANS):
        factor = factors[-1]
        if mean < best * (1 - training.plateau_threshold):
            best, last = mean, epoch
        elif epoch - last > training.plateau_patience and training.policy == "plateau":
            factor, last = factor * training.plateau_factor, epoch
        factors.append(factor)
    return factors
