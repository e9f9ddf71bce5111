"""Two backends could agree on a mistake: both against a third implementation, tests/reference.

Its options are checked in test_reference_options.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest
from pydantic import ValidationError
from reference.experiments import EXPERIMENTS
from reference.training import Reference

import backends
from backends.interface import Batch
from backends.objective import RECORDED
from harness.config.experiment import Experiment, load_experiment
from harness.studies.parity.backend_cache import BackendCache, Facts, relative
from harness.studies.parity.losses import beside_one
from harness.studies.parity.parity_case import ParityCase, make_case, used_state
from harness.studies.parity.training import with_zero_gradients_joined

STEPS_OF_EACH = 3  # first in batches of two, then of one
TOLERANCE = 1e-12


def small_batches(case: ParityCase) -> list[Batch]:
    """Six steps, the last three of one image where a batch norm can do with it."""
    sizes = (2, 1) if trains_on_one(case.experiment) else (2, 2)
    first = case.plan_batches(sizes[0], 0, STEPS_OF_EACH)
    return first + case.plan_batches(sizes[1], STEPS_OF_EACH, STEPS_OF_EACH)


def trains_on_one(experiment: Experiment) -> bool:
    settings = experiment.model_dump()
    settings["training"]["batch_size"] = 1
    try:
        Experiment.model_validate(settings)
    except ValidationError:
        return False
    return True


@cache
def case_of(overrides: tuple[str, ...]) -> ParityCase:
    return make_case(load_experiment("seasons", "smoke", list(overrides)))


@cache
def expected(overrides: tuple[str, ...], long: bool = False) -> Facts:
    case = case_of(overrides)
    reference = Reference(case.experiment, used_state(case.model, case.objective))
    recorded = []
    for batch in case.batches if long else small_batches(case):
        row = reference.train_step(batch)
        assert set(row) == set(RECORDED)
        recorded.append([row[name] for name in RECORDED])
    return facts(case, reference, np.array(recorded))


def measured(overrides: tuple[str, ...], name: str, long: bool = False) -> Facts:
    case = case_of(overrides)
    backend = BackendCache(case, (name,)).backend(name, "float64")
    for batch in case.batches if long else small_batches(case):
        backend.train_step(batch)
    return facts(case, backend, backend.losses())


def facts(case: ParityCase, trained, recorded: np.ndarray) -> Facts:
    """What is recorded of every step, what the networks make of images then, and the state.

    As in the ladder, what only rounding makes is measured together with what is beside it.
    """
    cache = BackendCache(case, ())
    found: Facts = {
        (f"step {step}", column): beside_one(cache, column, value)
        for step, row in enumerate(recorded)
        for column, value in zip(RECORDED, row, strict=True)
    }
    for direction, network in (("ab", "g_ab"), ("ba", "g_ba")):
        images = case.cut(network, 2)
        for averaged in (False, True) if case.objective.average else (False,):
            found["translation", f"{direction}, averaged: {averaged}"] = trained.translate(
                images, direction, averaged
            )
    for domain in ("a", "b"):
        found["scores", domain] = trained.patch_scores(case.cut(f"d_{domain}", 2), domain)
    end = with_zero_gradients_joined(cache, trained.state())
    return found | {("end", name): array for name, array in end.items()}


def apart(expected: Facts, measured: Facts, tolerance: float) -> str:
    """What differs, and by how much relative to its L2 norm."""
    assert set(expected) == set(measured)
    lines = []
    for key, array in expected.items():
        assert measured[key].shape == array.shape, key
        distance = relative(array, measured[key])
        if not distance <= tolerance:
            lines.append(f"{': '.join(key)}: {distance:.1e}")
    return "\n".join(lines)


@pytest.mark.parametrize("name", backends.available())
@pytest.mark.parametrize("overrides", EXPERIMENTS.values(), ids=EXPERIMENTS)
def test_training_is_that_of_the_reference(eager, overrides: Sequence[str], name: str) -> None:
    overrides = tuple(overrides)
    assert apart(expected(overrides), measured(overrides, name), TOLERANCE) == ""


@pytest.mark.parametrize("name", backends.available())
def test_twenty_steps_are_those_of_the_reference(eager, name: str) -> None:
    overrides = ("model.filters=2", "model.discriminator_filters=2")
    of_reference, of_backend = expected(overrides, long=True), measured(overrides, name, long=True)
    assert apart(of_reference, of_backend, TOLERANCE) == ""
