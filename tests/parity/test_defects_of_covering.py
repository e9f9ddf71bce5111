"""Defects planted in covering experiments, and in the plan, are named by the rung that is to."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from defects import DEFECTS, Defect
from defects_of_covering import OF_COVERING
from defects_of_losses import OF_LOSSES
from defects_of_plan import OF_PLAN
from defects_of_steps import OF_STEPS
from defects_of_variants import OF_VARIANTS

from harness.studies.parity import Rung, climb
from harness.studies.parity.backend_cache import BackendCache
from harness.studies.parity.covering import COVERING, experiment_of, levels_of
from harness.studies.parity.covering_climb import checks_of, reduced
from harness.studies.parity.ladder import ParityCheck
from harness.studies.parity.options import ONCE
from harness.studies.parity.parity_case import ParityCase, covering_case

pytestmark = pytest.mark.planted

OF_ALL = (*OF_COVERING, *OF_LOSSES, *OF_STEPS, *OF_PLAN)
Healthy = Callable[[Defect], tuple[ParityCase, BackendCache, list[ParityCheck]]]


def experiment_with(wanted: set[str]) -> str:
    """The first covering experiment with these settings. What is tried once only on demand."""
    settings = {
        name: {f"{option}={level}" for option, level in levels_of(overrides).items()}
        for name, overrides in COVERING.items()
    }
    costly = set(ONCE) - wanted
    found = [name for name, made in settings.items() if wanted <= made and not costly & made]
    assert found, f"no covering experiment has {sorted(wanted)}"
    return found[0]


@pytest.fixture(scope="session")
def healthy() -> Healthy:
    """Case and checks of a defect, and what healthy backends measure as far as its rung.

    They do not compile: what is computed is the same.
    """
    caches: dict[str, BackendCache] = {}
    climbed: dict[str, Rung] = {}

    def measured(defect: Defect):
        name = experiment_with(set(defect.case.split()))
        experiment = experiment_of(COVERING[name])
        checks = list(checks_of(COVERING[name]))
        if name not in caches:
            case = covering_case(experiment_of([*COVERING[name], "runtime.compile=none"]))
            caches[name] = BackendCache(case, ("torch", "tf"), reduced=reduced(experiment))
        if defect.backend == "plan":
            # The other rungs are given a plan that was made before.
            checks = [check for check in checks if check.rung == defect.rung]
        elif climbed.get(name, 0) < defect.rung:
            below = [check for check in checks if check.rung <= defect.rung]
            assert [row for row in climb(caches[name], below) if not row.passed] == []
            climbed[name] = defect.rung
        return covering_case(experiment), caches[name], checks

    return measured


@pytest.mark.parametrize("defect", OF_ALL, ids=lambda defect: f"{defect.backend}: {defect.name}")
def test_a_planted_defect_is_named_by_its_rung(
    monkeypatch, eager, healthy, defect, record_property
):
    case, cache, checks = healthy(defect)
    defective = BackendCache(case, ("torch",))
    if defect.backend != "plan":
        defective = BackendCache(case, cache.names, reduced=cache.reduced)
        defective.adopt(cache, [name for name in cache.names if name != defect.backend])
    defect.plant(monkeypatch)
    breach = next((row for row in climb(defective, checks) if not row.passed), None)
    assert breach is not None, "the defect survives the whole ladder"
    record_property("breach", f"{breach.check}: {breach.what}")
    record_property("measured", breach.measured)
    record_property("tolerance", breach.tolerance)
    assert breach.check == defect.rung.label, breach.what
    # Measured, that is: not an error of the planting.
    assert np.isfinite(breach.measured) or defect.rung == Rung.PARAMETERS, breach.what


def test_healthy_plans_pass(healthy):
    """What planted plans are compared with is right where nothing is planted."""
    for case in sorted({defect.case for defect in OF_PLAN}):
        name = experiment_with(set(case.split()))
        experiment = experiment_of(COVERING[name])
        checks = [c for c in checks_of(COVERING[name]) if c.rung == Rung.PLAN]
        cache = BackendCache(covering_case(experiment), ("torch",))
        assert [row for row in climb(cache, checks) if not row.passed] == []


def test_there_are_many_in_either_backend_and_in_the_plan():
    named = [(each.backend, each.name, each.case) for each in (*DEFECTS, *OF_VARIANTS, *OF_ALL)]
    assert len(named) >= 180 and len(set(named)) == len(named)
    count = {backend: [one for one, *_ in named].count(backend) for backend in ("torch", "tf")}
    assert min(count.values()) >= 90
    assert [one for one, *_ in named].count("plan") >= 40
