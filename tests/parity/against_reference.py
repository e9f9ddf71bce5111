"""What a backend computes of an experiment, and how far that is from the third implementation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
from pydantic import ValidationError
from reference.experiments import loaded
from reference.training import Reference

from backends.interface import Batch, State
from backends.objective import RECORDED
from harness.config.experiment import Experiment
from harness.studies.parity.backend_cache import BackendCache, Facts, relative
from harness.studies.parity.losses import beside_one
from harness.studies.parity.parity_case import ParityCase, make_case, used_state
from harness.studies.parity.training import with_zero_gradients_joined

STEPS_OF_EACH = 3


def batches(case: ParityCase) -> list[Batch]:
    """Six steps: three of two images, then of one, where a batch norm can do with it."""
    later = 1 if trains_on_one(case.experiment) else 2
    first = of_size(case, 2).plan_batches(0, STEPS_OF_EACH)
    return first + of_size(case, later).plan_batches(STEPS_OF_EACH, STEPS_OF_EACH)


def of_size(case: ParityCase, batch_size: int) -> ParityCase:
    training = case.experiment.training.model_copy(update={"batch_size": batch_size})
    return replace(case, experiment=case.experiment.model_copy(update={"training": training}))


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
    return make_case(loaded(list(overrides)))


@cache
def state_of(overrides: tuple[str, ...]) -> State:
    case = case_of(overrides)
    return used_state(case.model, case.objective)


@cache
def expected(overrides: tuple[str, ...], steps: int = 2 * STEPS_OF_EACH) -> Facts:
    """By the third implementation; more than six steps are those of the parity ladder."""
    case = case_of(overrides)
    reference = Reference(case.experiment, state_of(overrides))
    rows = [reference.train_step(batch) for batch in chosen(case, steps)]
    assert all(set(row) == set(RECORDED) for row in rows)
    recorded = np.array([[row[column] for column in RECORDED] for row in rows])
    return facts(case, reference, recorded)


def measured(overrides: tuple[str, ...], name: str, steps: int = 2 * STEPS_OF_EACH) -> Facts:
    """By backend `name`, which is given what the configuration comes to now."""
    case = case_of(overrides)
    case = replace(case, model=case.experiment.networks(), objective=case.experiment.loss())
    backend = BackendCache(case, (name,)).build(name, "float64")
    backend.load_state(state_of(overrides))
    for batch in chosen(case, steps):
        backend.train_step(batch)
    return facts(case, backend, backend.losses())


def chosen(case: ParityCase, steps: int) -> Sequence[Batch]:
    return case.batches[:steps] if steps > 2 * STEPS_OF_EACH else batches(case)[:steps]


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
    weights = {"": False, "averaged ": True} if case.objective.average else {"": False}
    for direction, network in (("ab", "g_ab"), ("ba", "g_ba")):
        for title, averaged in weights.items():
            images = trained.translate(case.cut(network, 2), direction, averaged)
            found["translated", f"{title}{direction}"] = images
    for domain in ("a", "b"):
        found["scores", domain] = trained.patch_scores(case.cut(f"d_{domain}", 2), domain)
    end = with_zero_gradients_joined(cache, trained.state())
    return found | {("end", name): array for name, array in end.items()}


def apart(expected: Facts, measured: Facts, tolerance: float) -> str:
    """A line for each fact that differs, relative to its L2 norm. Raises for missing facts."""
    assert set(expected) == set(measured)
    lines = []
    for key, array in expected.items():
        assert measured[key].shape == array.shape, key
        distance = relative(array, measured[key])
        if not distance <= tolerance:
            lines.append(f"{': '.join(key)}: {distance:.1e}")
    return "\n".join(lines)
