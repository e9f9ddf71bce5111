"""A training step in TensorFlow on a GPU that is not there: traced, and optimised for one.

Not to be seen so: how long a kernel takes, and what XLA would make of the step.
"""

from __future__ import annotations

import pytest
import tensorflow as tf
from settings import SETTINGS
from tf_step import count

pytestmark = pytest.mark.skipif(
    not tf.test.is_built_with_cuda(), reason="not the CUDA build of TensorFlow"
)
# Of a step, after Grappler. What remains in float32 is about images of three channels, pools, and
# transposed convolutions that are turned around; with a penalty, gradients of gradients as well. In
# bfloat16 there are two around each norm of several images, and two around its gradient.
TRANSPOSES = {
    "resnet batch 1 float32": 45,
    "resnet batch 4 float32": 45,
    "resnet batch 1 bfloat16": 208,
    "resnet batch 4 bfloat16": 324,
    "resnet WGAN-GP batch 1 float32": 80,
    "resnet WGAN-GP batch 4 float32": 80,
    # Around the masks of dropout and the joints of skips, too.
    "unet batch 1 float32": 200,
    "unet batch 4 float32": 200,
    "unet batch 1 bfloat16": 0,
    "unet batch 4 bfloat16": 0,
}


@pytest.fixture(scope="module")
def counts(counted):
    """Of every setting, counted once."""
    found = {setting: count(setting) for setting in SETTINGS}
    for setting, each in found.items():
        fields = ("operations", "norms", "norm_gradients", "transposes_traced", "transposes")
        counted(f"TensorFlow {setting}", {name: getattr(each, name) for name in fields})
    return found


def each(settings):
    return pytest.mark.parametrize("setting", settings, ids=str)


@each(SETTINGS)
def test_every_operation_has_a_kernel_on_a_gpu(counts, setting):
    assert counts[setting].without_kernel == {}


@each([setting for setting in SETTINGS if setting.networks == "resnet"])
def test_a_norm_is_one_kernel_whatever_the_batch(counts, setting):
    """23 a generator, which sees three batches; 3 a discriminator, twice.

    Not those that a penalty differentiates twice, for which TensorFlow's kernel is not made.
    """
    fused = 3 * 23 + (0 if setting.adversarial == "wasserstein_gp" else 2 * 2 * 3)
    assert counts[setting].norms == counts[setting].norm_gradients == fused


@each([setting for setting in SETTINGS if setting.networks == "unet"])
def test_a_batch_norm_is_one_kernel(counts, setting):
    """9 a generator and 3 a discriminator, in six passes each: batches may not be joined here."""
    assert counts[setting].norms == counts[setting].norm_gradients == 6 * (9 + 3)


@each([setting for setting in SETTINGS if str(setting) in TRANSPOSES])
def test_layouts_are_hardly_turned(counts, setting):
    assert counts[setting].transposes <= TRANSPOSES[str(setting)]
    wanted = "NHWC" if setting.precision == "bfloat16" else "NCHW"
    assert {name.split()[1] for name in counts[setting].formats} == {wanted}
