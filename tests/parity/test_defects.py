"""A planted defect is a breach, and the first rung that breaks is the one that names it."""

from __future__ import annotations

import numpy as np
import pytest
from defects import DEFECTS

from harness.consistency.parity import Rung, climb
from harness.consistency.parity.lab import Lab


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda d: f"{d.backend}: {d.name}")
def test_a_planted_defect_is_named_by_its_rung(
    monkeypatch, eager, rows, healthy, defect, record_property
):
    """What was measured goes into the JUnit file: `pytest --junitxml=FILE tests/parity`."""
    if defect.backend == "plan":
        lab = Lab(healthy.subject, ("torch",))
    else:
        lab = Lab(healthy.subject, healthy.names)
        lab.adopt(healthy, [name for name in healthy.names if name != defect.backend])
    defect.plant(monkeypatch)
    breach = next((row for row in climb(lab) if not row.passed), None)
    assert breach is not None, "the defect survives the whole ladder"
    record_property("breach", f"{breach.check}: {breach.what}")
    record_property("measured", breach.measured)
    record_property("tolerance", breach.tolerance)
    assert breach.check == defect.rung.label, breach.what
    # Measured, that is: not an error of the planting.
    assert np.isfinite(breach.measured) or defect.rung == Rung.PARAMETERS, breach.what


def test_either_backend_and_every_rung_is_tried():
    assert len(DEFECTS) >= 40
    assert {defect.rung for defect in DEFECTS} == set(Rung)
    names = [(defect.backend, defect.name) for defect in DEFECTS]
    assert len(set(names)) == len(names)
    assert min(sum(backend == name for backend, _ in names) for name in ("torch", "tf")) >= 30
