"""Two devices that train together compute what one does; every planted defect is named."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from replica_defects import COUNT, DEFECTS

from harness.studies.parity import climb, climb_replicas, tolerances
from harness.studies.parity.backend_cache import BackendCache
from harness.studies.parity.parity_check import ParityCheck, ReplicaRung
from harness.studies.parity.replicas import (
    CHECKS,
    EXPERIMENTS,
    continued,
    replicated_case,
    replicated_sites,
)
from harness.system import interpreters

pytestmark = pytest.mark.devices
HERE = Path(__file__).parent
CONTINUED = (
    ParityCheck(ReplicaRung.TRAJECTORY, continued, tolerances.CONTINUATION, groups="losses"),
    ParityCheck(ReplicaRung.TRAJECTORY, continued, tolerances.TRAJECTORY_MOMENTS, groups="state"),
)


def test_every_update_order_pool_and_draw_is_in_an_experiment():
    made = [replicated_case(each, COUNT).experiment for each in EXPERIMENTS.values()]
    assert {each.objective.update_order for each in made} == {
        "generators_first", "discriminators_first", "simultaneous"
    }  # fmt: skip
    assert {each.objective.pool for each in made} == {"reference", "half_new"}
    assert any(each.objective.adversarial == "wasserstein_gp" for each in made)
    assert any(each.model.dropout for each in made) and all(each.objective.average for each in made)
    for each in EXPERIMENTS.values():
        batches = replicated_case(each, COUNT).batches
        assert len({batch.learning_rate for batch in batches}) > 2
        assert len(batches) == 20


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_two_devices_compute_what_one_does(monkeypatch, name, record_property):
    """`make parity REPLICAS=2` has all experiments."""
    from harness.studies.parity import replicas

    monkeypatch.setattr(replicas, "EXPERIMENTS", {name: EXPERIMENTS[name]})
    found = climb_replicas(("torch", "tf"), COUNT)
    assert len(found) == 2
    for key, rows in found.items():
        assert {row.check for row in rows} == {check.rung.label for check in CHECKS}
        assert [row for row in rows if not row.passed] == [], key
        record_property(key, max(row.measured / (row.tolerance or 1) for row in rows))


@pytest.mark.parametrize("backend", ["torch", "tf"])
def test_a_training_goes_from_one_device_to_two_and_back(backend):
    case = replicated_case(next(iter(EXPERIMENTS.values())), COUNT)
    cache = BackendCache(
        case, (backend, f"{backend} x{COUNT}"), replicated_sites(backend, COUNT), apart=True
    )
    try:
        rows = list(climb(cache, CONTINUED))
    finally:
        cache.close()
    assert len(rows) == 2 and [row for row in rows if not row.passed] == []


@cache
def breached(backend: str) -> dict[str | None, dict]:
    """By defect, the first row that it breaches."""
    done = subprocess.run(
        [sys.executable, str(HERE / "replica_defects.py"), backend],
        capture_output=True,
        text=True,
        check=True,
        env={**interpreters.environment(), "PYTHONSAFEPATH": ""},  # it imports from its folder
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return {each["name"]: each for each in found}


@pytest.mark.parametrize("backend", ["torch", "tf"])
def test_a_sound_backend_passes_where_defects_are_planted(backend):
    assert breached(backend)[None]["check"] is None, breached(backend)[None]


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda each: f"{each.backend}: {each.name}")
def test_a_planted_defect_is_named(defect, record_property):
    row = breached(defect.backend)[defect.name]
    record_property("breach", f"{row['check']}: {row['what']}")
    assert row["check"] == defect.rung.label, row
    # Measured, that is, or told by the backend itself: not an error of the planting.
    differ = defect.rung == ReplicaRung.TOGETHER and "replicas differ in" in row["what"]
    assert differ or row["measured"] is not None, row
