"""Rungs 1, 2, 8 and 9: parameters, what every layer puts out, batch norms, and uint8 images."""

from __future__ import annotations

import numpy as np

from backends.architecture import UNetSpec
from backends.interface import Direction
from backends.model import NETWORKS, ImageShape, Model, Rounding
from harness.studies.parity.backend_cache import BackendCache, Facts
from harness.studies.parity.parity_case import SCENES, used_state

PIXELS = (0, 1, 2)  # the axes of (N, H, W, C) that a batch norm averages over
DIRECTIONS: tuple[Direction, ...] = ("ab", "ba")
HEADS = ("halves", "ends", "between")  # biases of a generator's last layer, see _biases

# ------------------------------------------------------------------- parameters and activations


def shapes(cache: BackendCache, name: str) -> Facts:
    """Names and shapes of all that a state holds, and the number of parameters of each network."""
    state = cache.backend(name, "float64").state()
    return _shape_facts({key: array.shape for key, array in state.items()})


def shapes_of_the_table(cache: BackendCache, name: str) -> Facts:
    """The same from backends/architecture.py."""
    return _shape_facts(cache.case.model.state_shapes(cache.case.objective))


def _shape_facts(by_name: dict[str, tuple[int, ...]]) -> Facts:
    facts: Facts = {("names and shapes", name): np.array(shape) for name, shape in by_name.items()}
    for network in NETWORKS:
        own = [shape for name, shape in by_name.items() if name.startswith(f"{network}/")]
        facts["tensors", network] = np.array(len(own))
        facts["parameters", network] = np.array(sum(int(np.prod(shape)) for shape in own))
    return facts


def activations(cache: BackendCache, name: str) -> Facts:
    """Float64, of images of even and odd sizes, one and more than one at a time."""
    facts: Facts = {}
    for network in NETWORKS:
        size = cache.case.size(network)
        counts_and_sizes = [(1, size, size), (2, size + 4, size - 4), (1, size + 1, size + 3)]
        # A U-Net's skips take no sizes but its own.
        if isinstance(getattr(cache.case.model, network), UNetSpec):
            counts_and_sizes = [(1, size, size), (2, size, size)]
        for count, height, width in counts_and_sizes:
            cut = cache.case.cut(network, count, height, width)
            # Training mode: batch norms as in a step; running statistics are another rung.
            backend = cache.backend(name, "float64")
            for layer, output in backend.activations(network, cut, training=True).items():
                facts[f"{network}, {count} of {height}x{width}", layer] = output
    return facts


def float32_outputs(cache: BackendCache, name: str) -> Facts:
    """Translations before they become uint8, at the precision users train with."""
    facts: Facts = {}
    for network in ("g_ab", "g_ba"):
        backend, images = cache.backend(name, "float32"), cache.case.cut(network, 4)
        outputs = backend.activations(network, images, training=True)
        facts["float32 translations, of a range of 2", network] = outputs["output"]
    return facts


# -------------------------------------------------------------------------------- batch norms


def norms(cache: BackendCache, name: str) -> Facts:
    """What batch norms put out in training and in evaluation, and their running statistics after
    two batches."""
    return cache.once(_batch_norms, name)[0]


def norms_written_out(cache: BackendCache, name: str) -> Facts:
    """The same in NumPy, from what the backend's convolutions in front of the norms put out."""
    return cache.once(_batch_norms, name)[1]


def _batch_norms(cache: BackendCache, name: str) -> tuple[Facts, Facts]:
    measured, expected = Facts(), Facts()
    model = cache.case.normed
    backend = cache.backend(name, "float64", model)
    before = backend.state()
    for network in NETWORKS:
        spec = getattr(model, network).norm
        if spec is None or spec.kind != "batch":
            continue
        # Two batches in training mode, then one in evaluation mode.
        count = cache.case.batch_size
        cuts = [cache.case.cut(network, count, first=i * count) for i in range(3)]
        training = [backend.activations(network, cut, training=True) for cut in cuts[:2]]
        evaluation = backend.activations(network, cuts[2])
        after = backend.state()
        for norm in (f"{layer.name}_norm" for layer in model.layers(network) if layer.norm):
            key, conv = f"{network}/{norm}", norm.removesuffix("_norm")
            measured["training", key] = training[1][norm]
            measured["evaluation", key] = evaluation[norm]
            measured["running mean", f"{key}/mean"] = after[f"{key}/mean"]
            measured["running variance", f"{key}/variance"] = after[f"{key}/variance"]
            # The biased variance of a batch normalises it. Running statistics, which normalise in
            # evaluation, average the unbiased one, or the biased if the experiment says so.
            mean, variance = before[f"{key}/mean"], before[f"{key}/variance"]
            for outputs in training:
                x = outputs[conv]
                counted = x.var(PIXELS, ddof=int(spec.unbiased))
                mean = (1 - spec.momentum) * mean + spec.momentum * x.mean(PIXELS)
                variance = (1 - spec.momentum) * variance + spec.momentum * counted
            scale, offset = before.get(f"{key}/scale", 1), before.get(f"{key}/offset", 0)
            normalised = (x - x.mean(PIXELS)) / np.sqrt(x.var(PIXELS) + spec.epsilon)
            expected["training", key] = normalised * scale + offset
            normalised = (evaluation[conv] - mean) / np.sqrt(variance + spec.epsilon)
            expected["evaluation", key] = normalised * scale + offset
            expected["running mean", f"{key}/mean"] = mean
            expected["running variance", f"{key}/variance"] = variance
    return measured, expected


# ------------------------------------------------------------------------------- uint8 images


def levels_in(cache: BackendCache, name: str) -> Facts:
    """All 256 levels as the networks get them."""
    backend = cache.backend(name, "float64")
    return {
        ("levels in", network): backend.activations(network, _levels(cache, network))["input"]
        for network in ("g_ab", "d_a")
    }


def levels_in_written_out(cache: BackendCache, name: str) -> Facts:
    return {
        ("levels in", network): _levels(cache, network) / 127.5 - 1 for network in ("g_ab", "d_a")
    }


def _levels(cache: BackendCache, network: str) -> np.ndarray:
    """uint8 (1, H, W, C): every level in every channel, no channel like another."""
    height, width, channels = cache.case.model.input_shape(network)
    ramp = np.arange(height * width) % 256
    levels = np.stack([ramp, 255 - ramp, (ramp + 100) % 256], axis=-1)[:, :channels]
    return levels.reshape(1, height, width, channels).astype(np.uint8)


def levels_out(cache: BackendCache, name: str) -> Facts:
    """Translations by a generator that puts out one value per channel whatever it is given."""
    backend, model = cache.backend(name, "float64"), cache.case.model
    facts: Facts = {}
    for head in HEADS:
        state = used_state(model, cache.case.objective)
        for direction in DIRECTIONS:
            generator = f"g_{direction}"
            state[f"{generator}/head/kernel"][:] = 0
            state[f"{generator}/head/bias"] = _biases(head, _target(model, direction)[-1])
        backend.load_state(state)
        for direction in DIRECTIONS:
            images = np.zeros((1, *model.input_shape(f"g_{direction}")), np.uint8)
            facts["levels out", f"{direction}, {head}"] = backend.translate(images, direction)
    return facts


def levels_out_written_out(cache: BackendCache, name: str) -> Facts:
    """(tanh + 1) * 127.5 to the nearest level, halves to the even one, or down."""
    model = cache.case.model
    facts: Facts = {}
    for head in HEADS:
        for direction in DIRECTIONS:
            height, width, channels = _target(model, direction)
            levels = as_levels(np.tanh(_biases(head, channels)), model.rounding)
            facts["levels out", f"{direction}, {head}"] = np.tile(levels, (1, height, width, 1))
    return facts


def as_levels(images: np.ndarray, rounding: Rounding) -> np.ndarray:
    """uint8 levels of images in [-1, 1]."""
    scaled = (images + 1) * 127.5
    rounded = np.floor(scaled) if rounding == "down" else np.round(scaled)
    return np.clip(rounded, 0, 255).astype(np.uint8)


def _target(model: Model, direction: Direction) -> ImageShape:
    return model.shape_b if direction == "ab" else model.shape_a


def _biases(head: str, channels: int) -> np.ndarray:
    if head == "halves":
        # 127.5 goes to 128 and 126.5 to 126 if halves go to the even level.
        return np.resize([0.0, np.arctanh(-1 / 127.5)], channels)
    if head == "ends":
        return np.resize([-20.0, 20.0], channels)
    return np.random.Generator(np.random.Philox(3)).normal(0, 1, channels)


def translations(cache: BackendCache, name: str) -> Facts:
    """Float32 translations as users get them."""
    backend = cache.backend(name, "float32")
    facts: Facts = {}
    for direction in DIRECTIONS:
        images = cache.case.cut(f"g_{direction}", SCENES)
        facts["float32 translations", direction] = backend.translate(images, direction)
    return facts
