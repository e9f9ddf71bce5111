"""What is minimised, by which optimiser, and the names of what is recorded of it. No arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Le

from backends.architecture import Fraction, PositiveFloat, Weight

LOSS_TERMS = (
    "adversarial_ab",
    "adversarial_ba",
    "cycle_a",
    "cycle_b",
    "identity_a",
    "identity_b",
    "discriminator_a",
    "discriminator_b",
)
ACCURACIES = ("accuracy_real_a", "accuracy_fake_a", "accuracy_real_b", "accuracy_fake_b")
PENALTIES = ("penalty_a", "penalty_b")
RECORDED = LOSS_TERMS + ACCURACIES + PENALTIES

# What discriminators are to say of real images and of fakes, by least squares (Mao et al. 2017).
REAL, FAKE = 1.0, 0.0

Adversarial = Literal["least_squares", "vanilla", "hinge", "wasserstein", "wasserstein_gp"]
PixelNorm = Literal["l1", "l2"]
IdentityUnit = Literal["relative", "absolute"]
PoolSize = Annotated[int, Ge(0), Le(1_000_000)]
UpdateOrder = Literal["generators_first", "discriminators_first", "simultaneous"]


@dataclass(frozen=True)
class Objective:
    """What is minimised, and by which optimiser. Defaults: the CycleGAN authors' PyTorch code.

    `adversarial`, of scores s of real images r and fakes f, a mean over patches each:

    - least_squares (Mao et al. 2017): discriminator (s_r - 1)^2 + s_f^2, generator (s_f - 1)^2
    - vanilla (Goodfellow et al. 2014, non-saturating, s as logits): softplus(-s_r) + softplus(s_f),
      softplus(-s_f)
    - hinge (Lim & Ye 2017): max(0, 1 - s_r) + max(0, 1 + s_f), -s_f
    - wasserstein (Arjovsky et al. 2017): s_f - s_r, -s_f; after each update every weight of the
      discriminators is clipped to [-clip, clip]
    - wasserstein_gp (Gulrajani et al. 2017): the same without clipping; instead the discriminator's
      loss has `gradient_penalty` * (|g| - 1)^2 added, never halved, g the gradient of an image's
      summed scores at a random mixture of real image and fake, its norm over all pixels

    Each discriminator's loss is halved if `halve_discriminator`; adversarial terms weigh 1 for the
    generators, `lambda_a` * `cycle_a`, and identity_a has the weight of `identity_weight`; the same
    for b. Cycle and identity terms are means of absolute (l1) or of squared (l2) differences.

    `update_order`: whether the generators' gradients meet the discriminators before or after these
    were updated, or both are updated when all gradients are there (simultaneous); the fakes that
    the discriminators see are the same. `pool_size`: images that a pool holds. `epsilon_hat`:
    Adam's epsilon is added before the bias correction (Kingma & Ba 2015, end of section 2), as
    Keras does. `average`: decay of the moving average of the generators' weights, which training
    does not see (Polyak & Juditsky 1992; Yazıcı et al. 2019 for GANs); 0: none is kept.
    """

    adversarial: Adversarial = "least_squares"
    clip: PositiveFloat = 0.01
    gradient_penalty: Weight = 10.0
    lambda_a: Weight = 10.0
    lambda_b: Weight = 10.0
    cycle_norm: PixelNorm = "l1"
    identity: Weight = 0.5
    identity_unit: IdentityUnit = "relative"
    identity_norm: PixelNorm = "l1"
    pool_size: PoolSize = 50
    halve_discriminator: bool = True
    update_order: UpdateOrder = "generators_first"
    beta1: Fraction = 0.5
    beta2: Fraction = 0.999
    epsilon: PositiveFloat = 1e-8
    epsilon_hat: bool = False
    average: Fraction = 0.999

    # What a backend's `losses` gives, and which of it are losses.
    recorded: ClassVar[tuple[str, ...]] = RECORDED
    terms: ClassVar[tuple[str, ...]] = LOSS_TERMS
    # A title, and the losses whose mean says how far a training is.
    shown: ClassVar[tuple[str, tuple[str, ...]]] = ("cycle", ("cycle_a", "cycle_b"))

    @property
    def discriminator_weight(self) -> float:
        """Of a discriminator's loss, real plus fake term, in what is minimised."""
        return 0.5 if self.halve_discriminator else 1.0

    @property
    def weights(self) -> dict[str, float]:
        """Of every term of LOSS_TERMS and PENALTIES in what its networks minimise."""
        penalty = self.gradient_penalty if self.adversarial == "wasserstein_gp" else 0.0
        return {
            "adversarial_ab": 1.0,
            "adversarial_ba": 1.0,
            "cycle_a": self.lambda_a,
            "cycle_b": self.lambda_b,
            "identity_a": self.identity_weight("a"),
            "identity_b": self.identity_weight("b"),
            "discriminator_a": self.discriminator_weight,
            "discriminator_b": self.discriminator_weight,
            "penalty_a": penalty,
            "penalty_b": penalty,
        }

    def decay(self, step: int) -> float:
        """Of the moving average after `step` steps: until it reaches `average`, it averages over
        about the last ninth of the steps so far."""
        return min(self.average, (1 + step) / (10 + step))

    def identity_weight(self, domain: str) -> float:
        """Of `identity_a` or `identity_b` in what is minimised; `relative`: to the cycle term's."""
        cycle = self.lambda_a if domain == "a" else self.lambda_b
        return self.identity * (cycle if self.identity_unit == "relative" else 1.0)

    @property
    def middle(self) -> float:
        """Between the scores that real images and fakes are to have.

        Least squares, hinge and the logits of vanilla have targets. Wasserstein critics have none:
        there zero is a convention.
        """
        return (REAL + FAKE) / 2 if self.adversarial == "least_squares" else 0.0
