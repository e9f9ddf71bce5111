"""A training step in PyTorch on a GPU that is not there: tensors have a device, but no memory.

Not to be seen so: what cuDNN does inside of an operation, in which layout it likes its images best,
and in bfloat16 in which layout a convolution hands on, which PyTorch decides by asking the GPU.
"""

from __future__ import annotations

import gradients
import numpy as np
import pytest
import torch
from settings import SETTINGS, Setting
from torch_step import Counts, count

from backends.interface import Runtime
from backends.torch_impl.backend import Backend

pytestmark = pytest.mark.skipif(torch.version.cuda is None, reason="not the CUDA build of PyTorch")
LAST = tuple(Setting(networks, 4, channels_last=True) for networks in ("resnet", "unet"))
# About 5 % above what was counted with PyTorch 2.13.0: other releases differ by a few.
MOST_OPERATIONS = {
    "resnet float32": 880,
    "resnet bfloat16": 1270,
    "unet float32": 1440,
    "unet bfloat16": 1880,
    "resnet WGAN-GP float32": 1455,
}


@pytest.fixture(scope="module")
def counts(counted):
    """Of every setting, counted once."""
    found = {setting: count(setting) for setting in (*SETTINGS, *LAST)}
    for setting, each in found.items():
        fields = ("operations", "layout_copies", "hidden_layout_copies", "host_waits")
        numbers = {name: getattr(each, name) for name in (*fields, "copies_to_device")}
        counted(f"PyTorch {torch.__version__} {setting}", numbers)
    return found


def each(settings):
    return pytest.mark.parametrize("setting", settings, ids=str)


@each((*SETTINGS, *LAST))
def test_all_of_a_step_is_on_the_device_and_nothing_is_waited_for(counts, setting):
    found: Counts = counts[setting]
    assert found.mixed == []
    assert found.host_waits == 0
    # Both images; masks of every pass; mixing shares for a penalty.
    masks = sum(map(len, setting.batch().kept.values()))
    shares = 2 * (setting.adversarial == "wasserstein_gp")
    assert found.copies_to_device == 2 + masks + shares
    assert found.by_name["_fused_adam_"] == 2


@each(SETTINGS)
def test_channels_stay_first(counts, setting):
    """But for what comes from the host with channels last, one byte a number."""
    found = counts[setting]
    masks = sum(map(len, setting.batch().kept.values()))
    assert found.layout_copies == 2 + masks
    assert found.hidden_layout_copies == 0
    norms = found.by_name["native_batch_norm"] + found.by_name["cudnn_batch_norm"]
    gradients = [found.by_name[f"{n}_batch_norm_backward"] for n in ("native", "cudnn")]
    if setting.adversarial != "wasserstein_gp":  # there a gradient is differentiated as well
        assert norms == sum(gradients) == counts_of_norms(setting)


def counts_of_norms(setting: Setting) -> int:
    """Norms that a step goes through, whatever the batch.

    resnet: 23 a generator, which sees three batches, of those that wait for nothing together: B to
    A two, A to B one; 3 a discriminator, twice. unet: 10 a generator, six batches; 3 a
    discriminator, which sees fakes, then real images, then those of the pool, one after another.
    """
    generators = 3 * 23 if setting.networks == "resnet" else 6 * 9
    return generators + (2 * 2 * 3 if setting.networks == "resnet" else 2 * 3 * 3)


@each(LAST)
def test_asked_for_channels_last_they_stay_last(counts, setting):
    """But for images of three channels that come out of a pool, or go in beside them."""
    found = counts[setting]
    assert found.layout_copies == 0
    assert found.hidden_layout_copies <= 8


@each(SETTINGS)
def test_operations_do_not_grow(counts, setting):
    penalty = " WGAN-GP" if setting.adversarial == "wasserstein_gp" else ""
    most = MOST_OPERATIONS[f"{setting.networks}{penalty} {setting.precision}"]
    assert 0.8 * most < counts[setting].operations <= most


def test_gradients_walked_through_here_are_those_of_the_engine(monkeypatch):
    """On the CPU, where PyTorch's own engine can be had."""
    found = []
    setting = Setting("resnet", 2, "float64", adversarial="wasserstein_gp")
    model, objective = setting.model(), setting.objective()
    runtime = Runtime("cpu", threads=2, precision="float64")
    torch.manual_seed(0)
    backend = Backend(model, objective, runtime)
    for own in (False, True):
        if own:
            monkeypatch.setattr(torch.Tensor, "backward", gradients.backward)
            monkeypatch.setattr(torch.autograd, "grad", gradients.grad)
        found.append(backend.gradients(setting.batch()))
    for name, gradient in found[0].items():
        assert np.abs(gradient).max() > 0 or "bias" in name
        np.testing.assert_allclose(found[1][name], gradient, rtol=1e-8, atol=1e-12)
