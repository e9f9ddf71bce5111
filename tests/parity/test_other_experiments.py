"""The backends compute the same on experiments that have the other value of every option."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.config.experiment import load_experiment
from harness.studies.parity import Rung, climb
from harness.studies.parity.backend_cache import BackendCache
from harness.studies.parity.parity_case import make_case

# Every option that changes what is computed, in a few experiments.
OTHERS = {
    "batch norm, framework defaults": [
        "model.norm.kind=batch",
        "model.norm.affine=true",
        "model.norm.unbiased=false",
        "model.norm.epsilon=0.001",
        "model.bias=false",
        "model.padding=same",
        "model.transposed_crop=last",
        "model.rounding=down",
        "model.discriminator_layers=2",
        "objective.adversarial=vanilla",
        "objective.halve_discriminator=false",
        "objective.pool_size=4",
        "objective.update_order=discriminators_first",
        "optimiser.epsilon_hat=true",
        "optimiser.epsilon=1e-7",
        "runtime.channels_last=false",
        "training.decay=step",
    ],
    "U-Nets, hinge": [
        "model.generator=unet",
        "model.depth=3",
        "model.unet_kernel=3",
        "model.unet_norm_ends=true",
        "model.dropout=0.5",
        "model.discriminator=pixel",
        "model.discriminator_norm={kind: none}",
        "model.discriminator_norm_first=true",
        "model.discriminator_bias=false",
        "objective.adversarial=hinge",
        "objective.pool=half_new",
        "objective.pool_size=5",
        "objective.update_order=simultaneous",
        "objective.cycle_norm=l2",
        "optimiser.discriminator_learning_rate=4e-4",
        "training.policy=cosine",
        "training.warmup_epochs=1",
    ],
    "U-Nets, critics clipped": [
        "model.generator=unet",
        "model.depth=3",
        "model.norm.affine=true",
        "model.bias=false",
        "model.discriminator=strided",
        "model.discriminator_tanh=true",
        "model.discriminator_norm_first=true",
        "objective.adversarial=wasserstein",
        "objective.clip=0.05",
        "objective.identity=3",
        "objective.identity_unit=absolute",
        "objective.identity_norm=l2",
        "training.policy=step",
        "training.step_epochs=1",
    ],
    "two shapes, gradient penalty": [
        "data.crop_size=28",
        "data.crop_size_b=32",
        "data.load_size_b=36",
        "data.channels_a=1",
        "model.upsampling=resize_conv",
        "model.discriminator_layers=2",
        "model.discriminator_norm_first=true",
        # A penalty's gradients are large, and so is what rounding leaves of those that are zero.
        "model.discriminator_bias=false",
        "model.norm.affine=true",
        "objective.adversarial=wasserstein_gp",
        "objective.identity=0",
        "objective.pool=none",
        "training.policy=constant",
    ],
}


@pytest.mark.parametrize("overrides", OTHERS.values(), ids=OTHERS)
def test_backends_agree_on_other_experiments(eager, overrides):
    case = make_case(load_experiment("seasons", "smoke", overrides), gradient_batches=2)
    case = replace(case, batches=case.batches[:5])
    rows = list(climb(BackendCache(case, ("torch", "tf"))))
    assert {row.check for row in rows} == {r.label for r in Rung if r != Rung.REDUCED_PRECISION}
    assert [row for row in rows if not row.passed] == []
