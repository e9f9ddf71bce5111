"""The second kind of model: a generator that turns noise into images, and a discriminator.

Dense layers only, as Goodfellow et al. 2014 had them on MNIST. What the backends' `gan.py` take and
give back; no arrays, no framework. Images are uint8 NHWC; kernels have TensorFlow's layout, (in,
out); parameters have canonical names, as `g/dense0/kernel`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, NamedTuple, Protocol

import numpy as np
from annotated_types import Ge, Le, Len

from backends.architecture import Fraction, PositiveFloat, Weight
from backends.interface import Common, Runtime, State
from backends.model import ImageShape, Rounding
from backends.objective import FAKE, REAL

NETWORKS = ("g", "d")
TERMS = ("generator", "discriminator")
RECORDED = (*TERMS, "accuracy_real", "accuracy_fake", "score_real", "score_fake")

GanLoss = Literal["vanilla", "least_squares", "wasserstein"]
Units = Annotated[int, Ge(1), Le(65_536)]
Hidden = Annotated[tuple[Units, ...], Len(0, 64)]


@dataclass(frozen=True)
class DenseLayer:
    """A matrix and a bias; behind all but the last of a network LeakyReLU."""

    name: str
    inputs: int
    outputs: int


@dataclass(frozen=True)
class GanModel:
    """`shape`: of the images (height, width, channels).

    The generator goes from `noise` normal numbers through `hidden` units to the values of an image,
    in [-1, 1] by tanh; the discriminator from these values through `discriminator_hidden` units to
    one score. LeakyReLU has `slope`. `rounding` of samples to uint8: as `backends.model.Model`.
    """

    shape: ImageShape
    noise: Units = 100
    hidden: Hidden = (128, 256)
    discriminator_hidden: Hidden = (256, 128)
    slope: Weight = 0.2
    rounding: Rounding = "half_even"

    # The module of a backend that trains it, and its networks.
    module: ClassVar[str] = "gan"
    networks: ClassVar[tuple[str, ...]] = NETWORKS

    @property
    def values(self) -> int:
        """Numbers in an image."""
        height, width, channels = self.shape
        return height * width * channels

    def layers(self, network: str) -> tuple[DenseLayer, ...]:
        """Layer table of one of NETWORKS, in forward order."""
        if network == "g":
            units = (self.noise, *self.hidden, self.values)
        else:
            units = (self.values, *self.discriminator_hidden, 1)
        names = [f"dense{i}" for i in range(len(units) - 2)] + ["head"]
        return tuple(map(DenseLayer, names, units[:-1], units[1:]))

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Canonical name -> shape of every trainable tensor of both networks."""
        return {
            f"{network}/{layer.name}/{part}": shape
            for network in NETWORKS
            for layer in self.layers(network)
            for part, shape in (
                ("kernel", (layer.inputs, layer.outputs)),
                ("bias", (layer.outputs,)),
            )
        }

    def statistic_shapes(self) -> dict[str, tuple[int, ...]]:
        """There are no norms."""
        return {}

    def zero_gradients(self) -> dict[str, str]:
        """None are: nothing takes a bias out again."""
        return {}

    def state_shapes(self, objective: GanObjective) -> dict[str, tuple[int, ...]]:
        """Canonical name -> shape of everything that a state holds."""
        weights = self.parameter_shapes()
        moments = {f"adam_{m}/{name}": shape for m in "mv" for name, shape in weights.items()}
        return {**weights, **moments, "step": ()}

    def step_flops(self, batch: int) -> int:
        """Floating-point operations of the matrix products of one step; a multiply-add is two.

        The discriminator's step: one pass of the generator, two of the discriminator and back to
        its kernels. The generator's: one pass of each, back through both. Products with a gradient
        that nobody needs, that of the images of the first and of the noise, are left out.
        """
        products = {
            network: [2 * batch * layer.inputs * layer.outputs for layer in self.layers(network)]
            for network in NETWORKS
        }
        g, d = sum(products["g"]), sum(products["d"])
        to_kernels = {network: 2 * sum(own) - own[0] for network, own in products.items()}
        discriminator = g + 2 * (d + to_kernels["d"])
        return discriminator + (g + d) + d + to_kernels["g"]


@dataclass(frozen=True)
class GanObjective:
    """What is minimised, of scores s of real images r and of fakes f, a mean over the batch each.

    - vanilla (Goodfellow et al. 2014, non-saturating, s as logits): the discriminator
      softplus(-s_r) + softplus(s_f), the generator softplus(-s_f)
    - least_squares (Mao et al. 2017): (s_r - 1)^2 + s_f^2, and (s_f - 1)^2
    - wasserstein (Arjovsky et al. 2017): s_f - s_r, and -s_f; after each update every weight of the
      discriminator is clipped to [-clip, clip]

    In a step the discriminator is updated first, then the generator, each with noise of its own.
    Adam as `backends.objective.Objective` has it.
    """

    adversarial: GanLoss = "vanilla"
    clip: PositiveFloat = 0.01
    beta1: Fraction = 0.5
    beta2: Fraction = 0.999
    epsilon: PositiveFloat = 1e-8
    epsilon_hat: bool = False

    recorded: ClassVar[tuple[str, ...]] = RECORDED
    terms: ClassVar[tuple[str, ...]] = TERMS
    shown: ClassVar[tuple[str, tuple[str, ...]]] = ("discriminator", ("discriminator",))
    average: ClassVar[float] = 0.0  # none is kept

    @property
    def weights(self) -> dict[str, float]:
        """Of every term in what its network minimises."""
        return dict.fromkeys(TERMS, 1.0)

    @property
    def middle(self) -> float:
        """Between the scores of real images and fakes: as `backends.objective.Objective`."""
        return (REAL + FAKE) / 2 if self.adversarial == "least_squares" else 0.0


class GanBatch(NamedTuple):
    """One step: real images uint8 (N, H, W, C), and standard normal noise float64 (N, noise) for
    the discriminator's update and for the generator's."""

    images: np.ndarray
    noise_d: np.ndarray
    noise_g: np.ndarray
    learning_rate: float  # of the generator
    discriminator_learning_rate: float


class GanBackend(Common, Protocol):
    """A GAN in one framework. What it shares with CycleGANs is in `backends.interface.Common`."""

    def __init__(self, model: GanModel, objective: GanObjective, runtime: Runtime) -> None:
        """Build networks and optimisers. Weights are undefined until `load_state`.

        Raises ValueError for several replicas, and for a precision below float32.
        """

    def train_step(self, batch: GanBatch) -> None:
        """One update of the discriminator, then one of the generator. Does not wait for its end."""

    def samples(self, noise: np.ndarray) -> np.ndarray:
        """uint8 (N, H, W, C) of noise (N, noise)."""

    def scores(self, images: np.ndarray) -> np.ndarray:
        """What the discriminator says of uint8 (N, H, W, C): (N,) in `Runtime.stored`."""

    def gradients(self, batch: GanBatch) -> dict[str, np.ndarray]:
        """Gradients by canonical name at the current state, which stays as it is: both networks'
        are of weights as they are, not as an update of the other would leave them."""

    def apply_gradients(
        self, gradients: State, learning_rate: float, discriminator_learning_rate: float
    ) -> None:
        """One step of both optimisers on given gradients by canonical name, all of them."""

    def activations(self, network: str, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """What every layer of one of NETWORKS puts out, (N, units) in `Runtime.stored`.

        `inputs`: noise, or images uint8 or floats in [-1, 1]. Keys: `input`, names of layers before
        their LeakyReLU, in forward order, `output`.
        """


def check_runtime(runtime: Runtime) -> None:
    """Raises ValueError for what no backend's GAN can do."""
    if runtime.replicas > 1:
        raise ValueError(
            f"runtime.replicas: {runtime.replicas}: a GAN trains on one device; take 1"
        )
    if runtime.precision == "bfloat16":
        raise ValueError("runtime.precision: bfloat16: a GAN trains in float32; take that")
