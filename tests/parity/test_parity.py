"""The backends compute the same, on any experiment; rows say what was measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.config.experiment import load_experiment
from harness.studies import parity
from harness.studies.parity import CHECKS, Row, Rung, climb, tolerances
from harness.studies.parity.facts import relative, worst
from harness.studies.parity.lab import Lab
from harness.studies.parity.ladder import Check
from harness.studies.parity.subject import make_subject, used_state
from harness.studies.parity.tolerances import Tolerance
from harness.system.files import read_json

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
        "objective.pool_size=8",
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
        "objective.pool_size=0",
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


@pytest.mark.parametrize("rung", Rung, ids=lambda rung: rung.name.lower())
def test_backends_agree(rows, rung):
    found = [row for row in rows if row.check == rung.label]
    assert found
    assert [row for row in found if not row.passed] == []


@pytest.mark.parametrize("overrides", OTHERS.values(), ids=OTHERS)
def test_backends_agree_on_other_experiments(eager, overrides):
    subject = make_subject(load_experiment("seasons", "smoke", overrides), gradient_batches=2)
    subject = replace(subject, batches=subject.batches[:6])
    rows = list(climb(Lab(subject, ("torch", "tf"))))
    assert {row.check for row in rows} == {r.label for r in Rung if r != Rung.REDUCED_PRECISION}
    assert [row for row in rows if not row.passed] == []


def test_the_ladder_is_climbed_in_order_and_every_tolerance_has_its_reason():
    assert [check.rung for check in CHECKS] == sorted(check.rung for check in CHECKS)
    assert {check.rung for check in CHECKS} == set(Rung)
    table = [value for value in vars(tolerances).values() if isinstance(value, Tolerance)]
    assert all(tolerance.reason for tolerance in table)
    assert {check.tolerance for check in CHECKS} == set(table)


def test_tolerances_are_no_wider_than_promised():
    assert tolerances.OUTPUT.value <= 1e-5
    assert tolerances.LOSS.value <= 1e-5
    assert tolerances.GRADIENT.value <= 1e-4
    assert tolerances.TRAJECTORY.value <= 1e-12


def test_the_subject_uses_every_pool_action_and_no_empty_state(healthy):
    subject = healthy.subject
    actions = {int(x) for batch in subject.batches for x in batch.pool_a.action}
    assert actions == {0, 1, 2}
    for model in (subject.model, subject.with_batch_norm()):
        state = used_state(model, subject.objective)
        assert all(np.all(array != 0) for name, array in state.items() if name != "step")
    assert len({batch.learning_rate for batch in subject.batches}) > 2


def test_zero_gradients_are_checked_not_skipped(rows):
    checked = [row.what for row in rows if "in front of a norm" in row.what]
    cases = {(row.split(",")[0], "float64" in row) for row in checked}
    assert cases == {("torch", True), ("torch", False), ("tf", True), ("tf", False)}


def test_facts_are_infinitely_apart_where_missing_misshapen_or_not_a_number():
    one = {("g", "x"): np.ones(3), ("g", "y"): np.ones(3)}
    assert worst(one, {**one, ("g", "y"): np.full(3, 1.5)}, relative) == {"g": (0.5, "y")}
    for found in (
        {("g", "x"): np.ones(3)},
        {**one, ("g", "y"): np.ones((1, 3))},
        {**one, ("g", "y"): np.full(3, np.nan)},
        {**one, ("g", "z"): np.ones(3)},
    ):
        assert worst(one, found, relative)["g"][0] == float("inf")
    assert relative(np.zeros(2), np.array([3.0, 4.0])) == 5.0


def test_a_backend_that_cannot_be_measured_is_a_breach(monkeypatch, healthy):
    def broken(lab, name):
        raise ValueError(f"{name} fell over\nat length")

    check = Check(Rung.LOSSES, broken, tolerances.LOSS)
    monkeypatch.setattr(parity.ladder, "CHECKS", (check,))
    [row] = climb(Lab(healthy.subject, ("torch", "tf")))
    assert not row.passed
    assert row.what == "tf: ValueError: torch fell over"


def test_a_row_with_nan_is_a_breach_and_null_in_json(tmp_path):
    row = Row("losses", "x", float("nan"), 1.0)
    assert not row.passed
    parity.write_rows([row], tmp_path / "parity.json")
    [written] = read_json(tmp_path / "parity.json")["rows"]
    assert written["measured"] is None and written["passed"] is False


@pytest.mark.parametrize(("noise", "passes"), [(0.0, False), (1e-4, False), (3e-4, True)])
def test_float32_may_be_off_as_far_as_the_quieter_backend_is_from_float64(
    monkeypatch, healthy, noise, passes
):
    def measure(lab, name):
        return {("batch 0", "x"): np.array([1.0 if name == "torch" else 1.002])}

    def noisy(lab, name):
        return noise if name == "torch" else 1.0

    check = Check(Rung.GRADIENTS, measure, tolerances.GRADIENT, best=True, noise=noisy)
    monkeypatch.setattr(parity.ladder, "CHECKS", (check,))
    [row] = climb(Lab(healthy.subject, ("torch", "tf")))
    assert row.passed == passes
    assert row.tolerance == max(tolerances.GRADIENT.value, tolerances.NOISE * noise)
