"""Rungs 3 and 6: every loss term, its conventions, and the pool that discriminators learn from."""

from __future__ import annotations

import numpy as np

from backends.interface import Batch
from backends.objective import ACCURACIES, LOSS_TERMS, PENALTIES, RECORDED
from harness.plan.random_streams import stream
from harness.report.comparison.losses import CONVENTIONS, Conventions
from harness.studies.parity.backend_cache import BackendCache, Facts, Precision
from harness.studies.parity.parity_case import passing, standing

POOL_STEPS = 5  # at least, where there are batches for as many

# ------------------------------------------------------------------------------------- losses


def float32(cache: BackendCache, name: str) -> Facts:
    """What is recorded of one step."""
    recorded = _recorded(cache, name, "float32")
    return {("float32", term): beside_one(cache, term, x) for term, x in recorded.items()}


def float64(cache: BackendCache, name: str) -> Facts:
    """The same in float64: losses and accuracies, gradient penalties, and losses as the report
    converts them."""
    recorded = _recorded(cache, name, "float64")
    facts: Facts = {}
    for term in (*LOSS_TERMS, *ACCURACIES):
        facts["recorded", term] = beside_one(cache, term, recorded[term])
    for term in PENALTIES:
        facts["penalties", term] = recorded[term]
    model = cache.case.model
    elements = {"a": int(np.prod(model.shape_a)), "b": int(np.prod(model.shape_b))}
    units = Conventions(elements, cache.case.objective)
    for convention in CONVENTIONS:
        for term in LOSS_TERMS:
            factor = units.factor(term, convention)
            if factor is not None:
                value = beside_one(cache, term, recorded[term] * factor)
                facts[f"as {convention}", term] = value
    return facts


def written_out(cache: BackendCache, name: str) -> Facts:
    """The same in NumPy, from what the backend's own networks put out one at a time.

    Without penalties, which take derivatives. Conversions as in docs/conventions.md: L1 terms as
    sums over an image, in [0, 1] and weighted. Squared differences are up to 4, not 2.
    """
    objective, model = cache.case.objective, cache.case.model
    terms = _terms(cache, name)
    facts: Facts = {
        ("recorded", term): beside_one(cache, term, value) for term, value in terms.items()
    }
    halved = 0.5 if objective.halve_discriminator else 1.0
    cycle = (objective.lambda_a, objective.lambda_b)
    relative = cycle if objective.identity_unit == "relative" else (1.0, 1.0)
    weights = {
        "adversarial": (1.0, 1.0),
        "discriminator": (halved, halved),
        "cycle": cycle,
        "identity": (objective.identity * relative[0], objective.identity * relative[1]),
    }
    largest = {
        "cycle": 2 if objective.cycle_norm == "l1" else 4,
        "identity": 2 if objective.identity_norm == "l1" else 4,
    }
    for term in LOSS_TERMS:
        kind, _, side = term.partition("_")
        weight = weights[kind]["ab".find(side[0])]
        facts["as mean", term] = beside_one(cache, term, terms[term])
        facts["as weighted", term] = beside_one(cache, term, terms[term] * weight)
        if kind in largest:
            height, width, channels = model.shape_a if side == "a" else model.shape_b
            facts["as unnormalised", term] = terms[term] * height * width * channels
            facts["as normalised", term] = terms[term] / largest[kind]
    return facts


def beside_one(cache: BackendCache, term: str, value: np.ndarray | float) -> np.ndarray:
    """`value`; with a one beside it where it may cancel, so that errors are relative to both.

    Hinge and Wasserstein take means of scores as they are, above zero and below.
    """
    signed = cache.case.objective.adversarial not in ("least_squares", "vanilla")
    by_scores = term.startswith(("adversarial", "discriminator"))
    return np.array([value, 1.0]) if signed and by_scores else np.asarray(value)


def of_discriminator(kind: str, scores: np.ndarray, real: bool) -> np.ndarray:
    """A discriminator's term for real images or for fakes, as backends.objective.Objective says."""
    sign = -1 if real else 1
    return np.mean(
        {
            "least_squares": (scores - real) ** 2,
            "vanilla": np.log1p(np.exp(sign * scores)),
            "hinge": np.maximum(0, 1 + sign * scores),
        }.get(kind, sign * scores)
    )


def of_generator(kind: str, scores: np.ndarray) -> np.ndarray:
    """A generator's term for the scores of its fakes."""
    if kind == "least_squares":
        return np.mean((1 - scores) ** 2)
    return np.mean(np.log1p(np.exp(-scores)) if kind == "vanilla" else -scores)


def _recorded(cache: BackendCache, name: str, precision: Precision) -> dict[str, np.ndarray]:
    backend = cache.backend(name, precision)
    backend.losses()
    backend.train_step(standing(passing(cache.case.batches[0])))
    return dict(zip(RECORDED, backend.losses()[0], strict=True))


def _terms(cache: BackendCache, name: str) -> dict[str, np.ndarray]:
    backend, batch = cache.backend(name, "float64"), cache.case.batches[0]
    objective = cache.case.objective

    def run(network: str, images: np.ndarray) -> np.ndarray:
        return backend.activations(network, images, training=True)["output"]

    def apart(norm: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.mean(np.abs(x - y) ** (1 if norm == "l1" else 2))

    a, b, kind = batch.a / 127.5 - 1, batch.b / 127.5 - 1, objective.adversarial
    fake_a, fake_b = run("g_ba", b), run("g_ab", a)
    identity = objective.identity > 0
    nothing, norm = np.zeros(()), objective.identity_norm
    terms: dict[str, np.ndarray] = {
        "adversarial_ab": of_generator(kind, run("d_b", fake_b)),
        "adversarial_ba": of_generator(kind, run("d_a", fake_a)),
        "cycle_a": apart(objective.cycle_norm, run("g_ba", fake_b), a),
        "cycle_b": apart(objective.cycle_norm, run("g_ab", fake_a), b),
        "identity_a": apart(norm, run("g_ba", a), a) if identity else nothing,
        "identity_b": apart(norm, run("g_ab", b), b) if identity else nothing,
    }
    middle = 0.5 if kind == "least_squares" else 0.0
    for domain, real, fake in (("a", a, fake_a), ("b", b, fake_b)):
        on_real, on_fake = run(f"d_{domain}", real), run(f"d_{domain}", fake)
        terms[f"discriminator_{domain}"] = of_discriminator(kind, on_real, True) + of_discriminator(
            kind, on_fake, False
        )
        terms[f"accuracy_real_{domain}"] = np.asarray(np.mean(on_real > middle))
        terms[f"accuracy_fake_{domain}"] = np.asarray(np.mean(on_fake < middle))
    return terms


# --------------------------------------------------------------------------------------- pools


def pools(cache: BackendCache, name: str) -> Facts:
    """What the pools hold after more fakes than they have room for, and the discriminators' losses
    on what they were shown."""
    backend = cache.backend(name, "float32")
    backend.losses()
    for batch in _pool_batches(cache):
        backend.train_step(batch)
    state, losses = backend.state(), backend.losses()
    facts: Facts = {("contents", pool): state[pool] for pool in ("pool_a", "pool_b")}
    for term in ("discriminator_a", "discriminator_b"):
        for step, values in enumerate(losses):
            value = beside_one(cache, term, values[RECORDED.index(term)])
            facts["shown", f"{term}, step {step}"] = value
    return facts


def pools_written_out(cache: BackendCache, name: str) -> Facts:
    """The same with pools in Python, of the backend's own translations."""
    backend, objective = cache.backend(name, "float32"), cache.case.objective
    batches = _pool_batches(cache)
    pool_type = _History if cache.case.experiment.objective.pool == "half_new" else _Pool

    def run(network: str, images: np.ndarray) -> np.ndarray:
        return backend.activations(network, images, training=True)["output"]

    facts: Facts = {}
    for domain, generator in (("a", "g_ba"), ("b", "g_ab")):
        pool = pool_type(objective.pool_size, domain, (len(batches), cache.case.batch_size))
        kind, term = objective.adversarial, f"discriminator_{domain}"
        for step, batch in enumerate(batches):
            real, source = (batch.a, batch.b) if domain == "a" else (batch.b, batch.a)
            loss = of_discriminator(kind, run(f"d_{domain}", real), True)
            for fakes in pool.shown(run(generator, source)):
                loss = loss + of_discriminator(kind, run(f"d_{domain}", fakes), False)
            facts["shown", f"{term}, step {step}"] = beside_one(cache, term, loss)
        empty = backend.state()[f"pool_{domain}"][len(pool.images) :]
        held = np.array(pool.images).reshape(-1, *real.shape[1:])
        facts["contents", f"pool_{domain}"] = np.concatenate([held, empty])
    return facts


def _pool_batches(cache: BackendCache) -> list[Batch]:
    """As many as the pool has room for: the first of them fill it, the others use it full.

    Of the size that other checks train with: a framework that compiles a step compiles it for a
    size, and one for a whole pool takes TensorFlow longer than all these steps.
    """
    fewest = min(POOL_STEPS, len(cache.case.batches) + 2)
    steps = max(fewest, cache.case.objective.pool_size)
    # At learning rate zero the weights stand still, so every fake can be made again.
    return [standing(batch) for batch in cache.case.plan_batches(0, steps)]


class _Pool:
    """util/image_pool.py of the authors' code, fed from the plan's streams of random numbers."""

    def __init__(self, size: int, domain: str, shape: tuple[int, int]):
        self.size = size
        self.images: list[np.ndarray] = []
        fakes = shape[0] * shape[1]  # steps, batch
        self.chances = iter(stream(0, f"pool_swap_{domain}").random(fakes))
        self.slots = iter(stream(0, f"pool_slot_{domain}").integers(max(size, 1), size=fakes))

    def shown(self, fakes: np.ndarray) -> list[np.ndarray]:
        return [np.stack([self.query(fake) for fake in fakes])]

    def query(self, image: np.ndarray) -> np.ndarray:
        chance, slot = next(self.chances), next(self.slots)
        if self.size == 0:
            return image
        if len(self.images) < self.size:
            self.images.append(image)
            return image
        if chance > 0.5:
            stored, self.images[slot] = self.images[slot], image
            return stored
        return image


class _History:
    """The last mini-batches' buffer: all new fakes, and as many out of it."""

    def __init__(self, size: int, domain: str, shape: tuple[int, int]):
        self.size = size
        self.images: list[np.ndarray] = []
        chosen = stream(0, f"pool_chosen_{domain}").integers(shape[1], size=shape[0])
        self.chosen, self.shares = (
            iter(chosen),
            iter(stream(0, f"pool_drawn_{domain}").random(shape)),
        )
        self.step = 0

    def shown(self, fakes: np.ndarray) -> list[np.ndarray]:
        image, oldest = fakes[next(self.chosen)], self.step % self.size
        self.images[oldest : oldest + 1] = [image]
        self.step += 1
        count = len(self.images)
        drawn = [self.images[int(share * count)] for share in next(self.shares)]
        return [fakes, np.stack(drawn)]
