"""How far two backends may be apart, and why. Every parity check takes its number from here.

Measured on every preset with PyTorch 2.13 and TensorFlow 2.21 on x86-64; each is within ten times
of the largest value met, most often in a preset with nine blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# What a deviation is a deviation in: the arithmetic of both sides;
# or nothing may deviate ("exact"); or the method of the check is what limits it.
Arithmetic = Literal[
    "float64", "float32", "bfloat16", "tf32", "exact", "uint8", "finite differences"
]

# Jumps at kinks are rare and large: another rounding may meet one several times as large. A
# constant that is 5% off would still stand out from the noisiest preset's, 4e-4.
NOISE = 10.0


@dataclass(frozen=True)
class Tolerance:
    value: float
    reason: str
    arithmetic: Arithmetic


EXACT = Tolerance(0.0, "nothing is computed, or nothing that rounds differently", "exact")
ACTIVATION = Tolerance(1e-13, "float64 rounding through some twenty layers", "float64")
OUTPUT = Tolerance(1e-5, "float32 rounding through some twenty layers", "float32")
LOSS = Tolerance(
    1e-5, "float32, through a generator and a discriminator or two generators", "float32"
)
LOSS_FLOAT64 = Tolerance(
    5e-14, "means over up to 10^4 float64 values, added up in another order", "float64"
)
PENALTY = Tolerance(
    1e-12, "float64, of a derivative through a discriminator, then its square", "float64"
)
GRADIENT = Tolerance(
    5e-5, "float32, best of six batches: rounding, without jumps at kinks of ReLU and L1", "float32"
)
GRADIENT_FLOAT64 = Tolerance(
    1e-11,
    "float64; one ulp in the weights moves a deep U-Net's innermost kernels by 7e-13",
    "float64",
)
ZERO_GRADIENT = Tolerance(
    5e-5,
    "in front of a norm: a sum over all pixels that cancels but for float32 rounding",
    "float32",
)
ZERO_GRADIENT_FLOAT64 = Tolerance(3e-13, "the same in float64", "float64")
ADAM = Tolerance(
    2e-5,
    "float32, moments of ten steps; with epsilon_hat half of what is off in ADAM_SECOND",
    "float32",
)
ADAM_SECOND = Tolerance(
    4e-5, "float32: TensorFlow's kernel takes 1 - beta2 in it, 1.3e-5 off", "float32"
)
ADAM_FLOAT64 = Tolerance(1e-14, "the same in float64", "float64")
POOL = Tolerance(5e-6, "float32 translations made twice, alone and in a step", "float32")
RATE = Tolerance(5e-15, "a difference of weights that have gone a short way, float64", "float64")
BATCH_NORM = Tolerance(2e-13, "means and variances added up in another order, float64", "float64")
LEVEL_OUT = Tolerance(1.0, "a value may fall on either side of a rounding boundary", "uint8")
LEVEL_SHARE = Tolerance(
    5e-4, "share of such values; rounding down would move half of them", "uint8"
)
SLOPE = Tolerance(
    3e-5, "finite differences across a few kinks of ReLU and L1", "finite differences"
)
UPDATE = Tolerance(1e-11, "a compiled step rounds unlike one taken apart; float64", "float64")
CONTINUATION = Tolerance(5e-13, "float64 rounding, amplified by three steps of training", "float64")
TRAJECTORY = Tolerance(
    3e-13, "float64 rounding, amplified by twenty gentle steps of training", "float64"
)
TRAJECTORY_WEIGHTS = Tolerance(
    2e-14, "after those steps, which are short: little more than stored", "float64"
)
TRAJECTORY_MOMENTS = Tolerance(
    3e-11, "Adam's moments follow gradients, which rounding moves most", "float64"
)
TRAJECTORY_IMAGES = Tolerance(1e-13, "what generators and layers put out along the way", "float64")
# Measured in bfloat16 on a CPU: outputs 0.02 to 0.08, losses 0.01 to 0.06, gradients 0.33 to 0.53.
# Gradients jump at kinks of ReLU and L1; one that has nothing to do with the truth is 1.4 off, and
# none at all 1.
BFLOAT16 = Tolerance(0.15, "eight bits of a number, through some twenty layers", "bfloat16")
BFLOAT16_GRADIENT = Tolerance(0.8, "the same, there and back, with jumps at kinks", "bfloat16")
GRADIENT_SIZE = Tolerance(
    3.0, "powers of two, where rounding leaves no more of a gradient than its size", "bfloat16"
)
SMALL_STEP = Tolerance(
    2e-2, "what float32 weights have room for; bfloat16's would stand still or jump", "float32"
)
# Three bits more leave an eighth of the rounding, and a gradient that jumps at kinks goes with its
# square root. Not measured: on an H200 the small networks of preset smoke went by no TF32 kernel.
TF32 = Tolerance(0.02, "eleven bits of a number, through some twenty layers", "tf32")
TF32_GRADIENT = Tolerance(0.3, "the same, there and back, with jumps at kinks", "tf32")
