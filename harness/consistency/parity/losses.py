"""Rung 3: every loss term, and the conventions that it is reported in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from backends.interface import LOSS_TERMS, RECORDED
from harness.consistency.parity.facts import Facts
from harness.consistency.parity.lab import Lab, Precision
from harness.consistency.parity.subject import passing, standing
from harness.report.losses import CONVENTIONS, Conventions

Scores = Callable[[str, np.ndarray], np.ndarray]


def float32(lab: Lab, name: str) -> Facts:
    """What is recorded of one step."""
    return {("float32", term): x for term, x in _recorded(lab, name, "float32").items()}


def float64(lab: Lab, name: str) -> Facts:
    """The same in float64, accuracies included."""
    return {("recorded", term): x for term, x in _recorded(lab, name, "float64").items()}


def float64_written_out(lab: Lab, name: str) -> Facts:
    """The terms in NumPy, from what the backend's own networks put out one at a time."""
    return {("recorded", term): value for term, value in lab.once(_terms, name).items()}


def conventions(lab: Lab, name: str) -> Facts:
    """Recorded means as the report converts them."""
    objective, shape = lab.subject.objective, lab.subject.model.shape_a
    units = Conventions(
        elements=int(np.prod(shape)),
        lambdas={"a": objective.lambda_a, "b": objective.lambda_b},
        identity=objective.identity,
        discriminator=objective.discriminator_weight,
    )
    recorded = _recorded(lab, name, "float64")
    return {
        (f"as {convention}", term): recorded[term] * factor
        for convention in CONVENTIONS
        for term in LOSS_TERMS
        for factor in (units.factor(term, convention),)
        if factor is not None
    }


def conventions_written_out(lab: Lab, name: str) -> Facts:
    """DESIGN.md, four conventions: L1 terms as sums over an image, in [0, 1] and weighted."""
    objective, terms = lab.subject.objective, lab.once(_terms, name)
    height, width, channels = lab.subject.model.shape_a
    halved = 0.5 if objective.halve_discriminator else 1.0
    weights = {"adversarial": (1.0, 1.0), "discriminator": (halved, halved)}
    weights["cycle"] = (objective.lambda_a, objective.lambda_b)
    weights["identity"] = tuple(objective.identity * w for w in weights["cycle"])  # type: ignore[assignment]
    facts: Facts = {}
    for term in LOSS_TERMS:
        kind, _, side = term.partition("_")
        facts["as mean", term] = terms[term]
        facts["as weighted", term] = terms[term] * weights[kind]["ab".find(side[0])]
        if kind in ("cycle", "identity"):
            facts["as unnormalised", term] = terms[term] * height * width * channels
            facts["as normalised", term] = terms[term] / 2
    return facts


def _recorded(lab: Lab, name: str, precision: Precision) -> dict[str, np.ndarray]:
    backend = lab.backend(name, precision)
    backend.losses()
    backend.train_step(standing(passing(lab.subject.batches[0])))
    return dict(zip(RECORDED, backend.losses()[0], strict=True))


def _terms(lab: Lab, name: str) -> dict[str, np.ndarray]:
    backend, batch = lab.backend(name, "float64"), lab.subject.batches[0]

    def run(network: str, images: np.ndarray) -> np.ndarray:
        return backend.activations(network, images, training=True)["output"]

    a, b = batch.a / 127.5 - 1, batch.b / 127.5 - 1
    fake_a, fake_b = run("g_ba", b), run("g_ab", a)
    identity = lab.subject.objective.identity > 0
    terms = {
        "adversarial_ab": np.mean((run("d_b", fake_b) - 1) ** 2),
        "adversarial_ba": np.mean((run("d_a", fake_a) - 1) ** 2),
        "cycle_a": np.mean(np.abs(run("g_ba", fake_b) - a)),
        "cycle_b": np.mean(np.abs(run("g_ab", fake_a) - b)),
        "identity_a": np.mean(np.abs(run("g_ba", a) - a)) if identity else np.zeros(()),
        "identity_b": np.mean(np.abs(run("g_ab", b) - b)) if identity else np.zeros(()),
    }
    for domain, real, fake in (("a", a, fake_a), ("b", b, fake_b)):
        on_real, on_fake = run(f"d_{domain}", real), run(f"d_{domain}", fake)
        terms[f"discriminator_{domain}"] = np.mean((on_real - 1) ** 2) + np.mean(on_fake**2)
        terms[f"accuracy_real_{domain}"] = np.mean(on_real > 0.5)
        terms[f"accuracy_fake_{domain}"] = np.mean(on_fake < 0.5)
    return terms
