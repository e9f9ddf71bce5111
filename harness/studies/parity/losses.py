"""Rung 3: every loss term, and the conventions that it is reported in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from backends.objective import ACCURACIES, LOSS_TERMS, PENALTIES, RECORDED
from harness.report.comparison.losses import CONVENTIONS, Conventions
from harness.studies.parity.backend_cache import BackendCache, Precision
from harness.studies.parity.facts import Facts
from harness.studies.parity.parity_case import passing, standing

Scores = Callable[[str, np.ndarray], np.ndarray]


def float32(cache: BackendCache, name: str) -> Facts:
    """What is recorded of one step."""
    recorded = _recorded(cache, name, "float32")
    return {("float32", term): beside_one(cache, term, x) for term, x in recorded.items()}


def float64(cache: BackendCache, name: str) -> Facts:
    """The same in float64, accuracies included."""
    recorded = _recorded(cache, name, "float64")
    terms = (*LOSS_TERMS, *ACCURACIES)
    return {("recorded", term): beside_one(cache, term, recorded[term]) for term in terms}


def float64_written_out(cache: BackendCache, name: str) -> Facts:
    """The terms in NumPy, from what the backend's own networks put out one at a time."""
    terms = cache.once(_terms, name)
    return {("recorded", term): beside_one(cache, term, value) for term, value in terms.items()}


def conventions(cache: BackendCache, name: str) -> Facts:
    """Recorded means as the report converts them."""
    model = cache.case.model
    elements = {"a": int(np.prod(model.shape_a)), "b": int(np.prod(model.shape_b))}
    units = Conventions(elements, cache.case.objective)
    recorded = _recorded(cache, name, "float64")
    return {
        (f"as {convention}", term): beside_one(cache, term, recorded[term] * factor)
        for convention in CONVENTIONS
        for term in LOSS_TERMS
        for factor in (units.factor(term, convention),)
        if factor is not None
    }


def conventions_written_out(cache: BackendCache, name: str) -> Facts:
    """docs/conventions.md: L1 terms as sums over an image, in [0, 1] and weighted.

    Squared differences are up to 4, not 2.
    """
    objective, terms = cache.case.objective, cache.once(_terms, name)
    model = cache.case.model
    halved = 0.5 if objective.halve_discriminator else 1.0
    weights = {"adversarial": (1.0, 1.0), "discriminator": (halved, halved)}
    weights["cycle"] = (objective.lambda_a, objective.lambda_b)
    relative = weights["cycle"] if objective.identity_unit == "relative" else (1.0, 1.0)
    weights["identity"] = (objective.identity * relative[0], objective.identity * relative[1])
    largest = {
        "cycle": 2 if objective.cycle_norm == "l1" else 4,
        "identity": 2 if objective.identity_norm == "l1" else 4,
    }
    facts: Facts = {}
    for term in LOSS_TERMS:
        kind, _, side = term.partition("_")
        weight = weights[kind]["ab".find(side[0])]
        facts["as mean", term] = beside_one(cache, term, terms[term])
        facts["as weighted", term] = beside_one(cache, term, terms[term] * weight)
        if kind in ("cycle", "identity"):
            height, width, channels = model.shape_a if side == "a" else model.shape_b
            facts["as unnormalised", term] = terms[term] * height * width * channels
            facts["as normalised", term] = terms[term] / largest[kind]
    return facts


def penalties(cache: BackendCache, name: str) -> Facts:
    """Gradient penalties, which cannot be written out without derivatives."""
    recorded = _recorded(cache, name, "float64")
    return {("penalties", term): recorded[term] for term in PENALTIES}


def beside_one(cache: BackendCache, term: str, value: np.ndarray | float) -> np.ndarray:
    """`value`, and where it may cancel a score of one: what it is off is relative to both.

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
