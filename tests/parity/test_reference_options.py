"""The third implementation has every option, and its learning rates are those of the plan."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from reference.experiments import EXPERIMENTS, SCHEDULES, loaded
from reference.options import ELSEWHERE, choices, options, value, with_value
from reference.schedule import plateau_factor, rates
from reference.training import Reference

from harness.config.experiment import Experiment
from harness.plan.learning_rate import plateaus
from harness.plan.plan import make_plan
from harness.studies.parity.parity_case import ParityCase, make_case, used_state

LEFT_OUT = [key for keys in ELSEWHERE.values() for key in keys]
COMPUTED = {key: kind for key, kind in options().items() if key not in LEFT_OUT}
ALL = [*EXPERIMENTS.values(), *SCHEDULES.values()]


def test_options_that_are_left_out_exist():
    assert sorted(set(LEFT_OUT) - set(options())) == []
    assert len(set(LEFT_OUT)) == len(LEFT_OUT)


@pytest.mark.parametrize("key", COMPUTED)
def test_experiments_have_every_value(key):
    tried = [value(loaded(overrides), key) for overrides in ALL]
    assert [choice for choice in choices(COMPUTED[key]) if choice not in tried] == []
    assert any(each != tried[0] for each in tried)


@pytest.mark.parametrize("key", COMPUTED)
def test_an_option_changes_what_is_computed(key):
    """Some experiment computes something else, or cannot begin, with another's value."""
    tried = [value(loaded(overrides), key) for overrides in ALL]
    assert any(
        changes(number, key, other)
        for number, own in enumerate(tried)
        for other in set(tried) - {own}
    )


@cache
def case_of(number: int) -> ParityCase:
    return make_case(loaded(ALL[number]))


def changes(number: int, key: str, other: Any) -> bool:
    """Whether an experiment with `other` for `key` has other learning rates or another first step.

    State and images of that step are those of the experiment as it is. False where `other` cannot
    be.
    """
    case, experiment = case_of(number), loaded(ALL[number])
    try:
        otherwise = with_value(experiment, key, other)
        if of_rates(otherwise) != of_rates(experiment):
            return True
        changed = with_value(case.experiment, key, other)
    except ValidationError:
        return False
    return not key.startswith("training.") and of_step(case, changed) != as_it_is(number)


@cache
def as_it_is(number: int) -> list[bytes]:
    return of_step(case_of(number), case_of(number).experiment)


def of_rates(experiment: Experiment) -> list[Any]:
    plateau = [plateau_factor(experiment.training, losses) for losses in (FALLING, FLAT)]
    return [*rates(experiment, 8, 6), *plateau]


FALLING, FLAT = [0.985**i for i in range(8)], [1.0] * 8


def of_step(case: ParityCase, experiment: Experiment) -> list[bytes]:
    """Everything that comes of a step, or the error where the state does not fit."""
    try:
        reference = Reference(experiment, used_state(case.model, case.objective))
        recorded = reference.train_step(case.batches[0])
        made = [reference.translate(case.cut("g_ab", 1), "ab")]
        made += [reference.patch_scores(case.cut("d_a", 1), "a"), *reference.state().values()]
    except (KeyError, RuntimeError, ValueError) as error:
        return [repr(error).encode()]
    return [repr(recorded).encode(), *(array.tobytes() for array in made)]


# ----------------------------------------------------------------------------- learning rates


@pytest.mark.parametrize("overrides", ALL, ids=[*EXPERIMENTS, *SCHEDULES])
def test_learning_rates_of_the_plan_are_those_of_the_reference(overrides):
    experiment = loaded(overrides)
    plan = make_plan(experiment, 0, 8, 6)
    planned = np.stack([plan.learning_rate, plan.discriminator_learning_rate], 1)
    np.testing.assert_allclose(planned, rates(experiment, 8, 6), rtol=1e-14)


@pytest.mark.parametrize("seed", range(3))
def test_plateaus_are_those_of_the_reference(seed):
    name = "two shapes the other way, penalty"
    training = loaded(EXPERIMENTS[name]).training
    losses = list(1 + np.random.default_rng(seed).normal(0, 0.1, 40))
    expected = [plateau_factor(training, losses[:epochs]) for epochs in range(41)]
    assert expected[-1] < 1
    assert plateaus(training, losses) == pytest.approx(expected, rel=1e-14)
