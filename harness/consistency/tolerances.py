"""How far two backends may be apart, and why. Every parity check takes its number from here.

Measured on the presets `quick` and `smoke` with PyTorch 2.13 and TensorFlow 2.21 on x86-64.
"""

# Translations, of a range of 2, float32: rounding grows through some twenty layers.
OUTPUT = 1e-5
# Translations in uint8: a value may fall on either side of a rounding boundary.
OUTPUT_LEVELS = 1
# Share of those values; truncating in place of rounding would move half of them.
OUTPUT_SHARE = 5e-4
# Loss terms of one step from one state, relative, float32: means over up to 10^4 rounded elements.
LOSS = 1e-6
# Gradients per tensor, relative L2, float32, best of six batches: rounding through forward and
# backward passes, without the jumps at kinks of ReLU and L1.
GRADIENT = 1e-4
# The same in float64, where a wrong constant cannot hide behind rounding.
GRADIENT_FLOAT64 = 5e-13
# A bias in front of an instance norm has gradient zero; what is there is rounding, a sum over all
# pixels that should cancel, measured in the gradient of the same layer's kernel.
ZERO_GRADIENT = 1e-4
ZERO_GRADIENT_FLOAT64 = 5e-13
# Losses of 20 steps in float64, relative: rounding, amplified by training itself.
TRAJECTORY = 1e-12
# Weights, Adam moments and pools after those steps, relative L2 per tensor.
TRAJECTORY_STATE = 5e-12
# A state that went through the other backend: nothing is computed, so nothing may change.
EXACT = 0.0
