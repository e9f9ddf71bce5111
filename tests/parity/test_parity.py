"""The backends compute the same; rows say what was measured."""

from __future__ import annotations

import numpy as np
import pytest

from harness.studies import parity
from harness.studies.parity import CHECKS, ParityRow, Rung, climb, tolerances
from harness.studies.parity.backend_cache import BackendCache, relative, worst
from harness.studies.parity.parity_case import used_state
from harness.studies.parity.parity_check import ParityCheck
from harness.studies.parity.tolerances import Tolerance
from harness.system.files import read_json


@pytest.mark.parametrize("rung", Rung, ids=lambda rung: rung.name.lower())
def test_backends_agree(rows, rung):
    found = [row for row in rows if row.check == rung.label]
    assert found
    assert [row for row in found if not row.passed] == []


def test_the_ladder_is_climbed_in_order_and_every_tolerance_has_its_reason():
    assert [check.rung for check in CHECKS] == sorted(check.rung for check in CHECKS)
    assert {check.rung for check in CHECKS} == set(Rung)
    table = [value for value in vars(tolerances).values() if isinstance(value, Tolerance)]
    assert all(tolerance.reason for tolerance in table)
    assert {check.tolerance for check in CHECKS} == set(table)


def test_every_check_has_a_row(rows):
    checks = [check for check in CHECKS if check.precision is None]
    groups = [(row.check, row.what.partition(", ")[2]) for row in rows]
    for check in checks:
        assert any(
            rung == check.rung.label and group.startswith(check.groups) for rung, group in groups
        ), check


def test_tolerances_are_no_wider_than_promised():
    assert tolerances.OUTPUT.value <= 1e-5
    assert tolerances.LOSS.value <= 1e-5
    assert tolerances.GRADIENT.value <= 1e-4
    assert tolerances.TRAJECTORY.value <= 1e-12


def test_the_subject_uses_every_pool_action_and_no_empty_state(healthy):
    case = healthy.case
    actions = {int(x) for batch in case.batches for x in batch.pool_a.action}
    assert actions == {0, 1, 2}
    for model in (case.model, case.with_batch_norm()):
        state = used_state(model, case.objective)
        assert all(np.all(array != 0) for name, array in state.items() if name != "step")
    assert len({batch.learning_rate for batch in case.batches}) > 2


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


def test_a_backend_that_cannot_be_measured_is_a_breach(healthy):
    def broken(cache, name):
        raise ValueError(f"{name} fell over\nat length")

    check = ParityCheck(Rung.LOSSES, broken, tolerances.LOSS)
    [row] = climb(BackendCache(healthy.case, ("torch", "tf")), (check,))
    assert not row.passed
    assert row.what == "torch: ValueError: torch fell over"


def test_a_row_with_nan_is_a_breach_and_null_in_json(tmp_path):
    row = ParityRow("losses", "x", float("nan"), 1.0, "float32")
    assert not row.passed
    parity.write_document(parity.as_json([row]), tmp_path / "parity.json")
    [written] = read_json(tmp_path / "parity.json")["rows"]
    assert written["measured"] is None and written["passed"] is False


@pytest.mark.parametrize(("noise", "passes"), [(0.0, False), (1e-4, False), (3e-4, True)])
def test_float32_may_be_off_as_far_as_the_quieter_backend_is_from_float64(healthy, noise, passes):
    def measure(cache, name):
        return {("batch 0", "x"): np.array([1.0 if name == "torch" else 1.002])}

    def noisy(cache, name):
        return noise if name == "torch" else 1.0

    check = ParityCheck(Rung.GRADIENTS, measure, tolerances.GRADIENT, best=True, noise=noisy)
    [row] = climb(BackendCache(healthy.case, ("torch", "tf")), (check,))
    assert row.passed == passes
    assert row.tolerance == max(tolerances.GRADIENT.value, tolerances.NOISE * noise)
