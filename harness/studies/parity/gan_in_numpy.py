"""A GAN's passes, losses and gradients in NumPy, float64: the truth of its ladder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backends.gan import GanBatch, GanModel, GanObjective
from backends.interface import State
from backends.model import levels
from backends.objective import FAKE, REAL


@dataclass(frozen=True)
class Passed:
    """A pass through one network: what each layer was given, what it put out, and the end."""

    given: list[np.ndarray]
    made: dict[str, np.ndarray]  # by layer, before its LeakyReLU
    output: np.ndarray


def flat(images: np.ndarray) -> np.ndarray:
    """uint8 images as the discriminator takes them: (N, values), float64."""
    return (levels("float64")[images]).reshape(len(images), -1)


def forward(model: GanModel, state: State, network: str, x: np.ndarray) -> Passed:
    """Of `x` (N, inputs) through the network `g` or `d`."""
    slope, given, made = float(np.float32(model.slope)), [], {}
    *hidden, head = [layer.name for layer in model.layers(network)]
    for name in (*hidden, head):
        given.append(x)
        kernel, bias = (
            np.float64(state[f"{network}/{name}/{part}"]) for part in ("kernel", "bias")
        )
        made[name] = y = x @ kernel + bias
        x = y if name == head else np.where(y > 0, y, slope * y)
    return Passed(given, made, np.tanh(x) if network == "g" else x)


def _backward(
    model: GanModel, state: State, network: str, passed: Passed, gradient: np.ndarray
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Gradients by name, and that of what the network was given; `gradient`: of its output."""
    slope, gradients = float(np.float32(model.slope)), {}
    if network == "g":
        gradient = gradient * (1 - passed.output**2)
    layers = [layer.name for layer in model.layers(network)]
    for name, x in zip(reversed(layers), reversed(passed.given), strict=True):
        gradients[f"{network}/{name}/kernel"] = x.T @ gradient
        gradients[f"{network}/{name}/bias"] = gradient.sum(0)
        gradient = gradient @ np.float64(state[f"{network}/{name}/kernel"]).T
        before = layers.index(name) - 1
        if before >= 0:
            gradient = gradient * np.where(passed.made[layers[before]] > 0, 1.0, slope)
    return gradients, gradient


def _loss(kind: str, scores: np.ndarray, real: bool) -> tuple[float, np.ndarray]:
    """What scores of real images, or of what is to be taken for them, cost; and its gradient."""
    sign, count = (-1.0 if real else 1.0), len(scores)
    if kind == "least_squares":
        apart = scores - (REAL if real else FAKE)
        return float(np.mean(apart**2)), 2 * apart / count
    if kind == "vanilla":
        gradient = sign / (1 + np.exp(-sign * scores))
        return float(np.mean(np.logaddexp(0, sign * scores))), gradient / count
    return float(np.mean(sign * scores)), np.full_like(scores, sign / count)


def written_out(
    model: GanModel, objective: GanObjective, batch: GanBatch, state: State
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Recorded values and gradients at `state`, of both updates."""
    kind, middle = objective.adversarial, objective.middle
    fake = forward(model, state, "g", batch.noise_d).output
    real_scores, fake_scores = (forward(model, state, "d", x) for x in (flat(batch.images), fake))
    gradients: dict[str, np.ndarray] = {}
    total = 0.0
    for passed, real in ((real_scores, True), (fake_scores, False)):
        value, gradient = _loss(kind, passed.output, real)
        total += value
        for name, own in _backward(model, state, "d", passed, gradient)[0].items():
            gradients[name] = gradients.get(name, 0) + own
    made = forward(model, state, "g", batch.noise_g)
    judged = forward(model, state, "d", made.output)
    value, gradient = _loss(kind, judged.output, True)
    _, of_images = _backward(model, state, "d", judged, gradient)
    gradients |= _backward(model, state, "g", made, of_images)[0]
    recorded = {
        "generator": value,
        "discriminator": total,
        "accuracy_real": float(np.mean(real_scores.output > middle)),
        "accuracy_fake": float(np.mean(fake_scores.output < middle)),
        "score_real": float(real_scores.output.mean()),
        "score_fake": float(fake_scores.output.mean()),
    }
    return recorded, gradients
