"""A planted defect is a breach, and the first rung that breaks is the one that names it."""

from __future__ import annotations

import numpy as np
import pytest
from defects import DEFECTS
from defects_of_variants import CASES, OF_VARIANTS

from harness.config.load import load_experiment
from harness.studies.parity import Rung, climb
from harness.studies.parity.backend_cache import BackendCache
from harness.studies.parity.parity_case import make_case

pytestmark = pytest.mark.planted


@pytest.fixture(scope="session")
def variants():
    """Healthy backends by case, those that are not the usual one."""
    return {
        name: BackendCache(
            make_case(load_experiment("seasons", "smoke", overrides), gradient_batches=2),
            ("torch", "tf"),
        )
        for name, overrides in CASES.items()
    }


def identify(defect):
    return f"{defect.backend}: {defect.name}"


@pytest.mark.parametrize("defect", DEFECTS, ids=identify)
def test_a_planted_defect_is_named_by_its_rung(
    monkeypatch, eager, rows, healthy, defect, record_property
):
    """What was measured goes into the JUnit file: `pytest --junitxml=FILE tests/parity`."""
    check(monkeypatch, healthy, defect, record_property)


@pytest.mark.parametrize("defect", OF_VARIANTS, ids=identify)
def test_a_planted_defect_of_other_cases_is_named_by_its_rung(
    monkeypatch, eager, variants, defect, record_property
):
    """Healthy backends climb as far as the rung that is to break."""
    cache = variants[defect.case]
    for row in climb(cache):
        if row.check > defect.rung.label:
            break
        assert row.passed, row.what
    check(monkeypatch, cache, defect, record_property)


def check(monkeypatch, healthy, defect, record_property):
    if defect.backend == "plan":
        cache = BackendCache(healthy.case, ("torch",))
    else:
        cache = BackendCache(healthy.case, healthy.names, reduced=healthy.reduced)
        cache.adopt(healthy, [name for name in healthy.names if name != defect.backend])
    defect.plant(monkeypatch)
    breach = next((row for row in climb(cache) if not row.passed), None)
    assert breach is not None, "the defect survives the whole ladder"
    record_property("breach", f"{breach.check}: {breach.what}")
    record_property("measured", breach.measured)
    record_property("tolerance", breach.tolerance)
    assert breach.check == defect.rung.label, breach.what
    # Measured, that is: not an error of the planting.
    assert np.isfinite(breach.measured) or defect.rung == Rung.PARAMETERS, breach.what


def test_either_backend_every_rung_and_every_subject_is_tried():
    assert len(DEFECTS) >= 40
    assert {defect.rung for defect in DEFECTS} == set(Rung)
    assert {defect.case for defect in (*DEFECTS, *OF_VARIANTS)} == set(CASES)
    names = [(each.case, each.backend, each.name) for each in (*DEFECTS, *OF_VARIANTS)]
    assert len(set(names)) == len(names)
    assert min(sum(backend == name for _, backend, _ in names) for name in ("torch", "tf")) >= 30
