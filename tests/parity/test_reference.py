"""Two backends could agree on a mistake: both against a third implementation, tests/reference.

That it has every option is checked in test_reference_options.py, and that it finds mistakes of both
backends in test_reference_mistakes.py.
"""

from __future__ import annotations

import pytest
from against_reference import apart, expected, measured
from frameworks import ALWAYS, EACH
from reference.experiments import EXPERIMENTS

# Rounding of sums: the largest that was seen is 4e-13, of moments; of what is recorded 1e-13.
TOLERANCE = 1e-12


@pytest.mark.parametrize("name", EACH)
@pytest.mark.parametrize("overrides", EXPERIMENTS.values(), ids=EXPERIMENTS)
def test_training_is_that_of_the_reference(eager, overrides, name):
    overrides = tuple(overrides)
    assert apart(expected(overrides), measured(overrides, name), TOLERANCE) == ""


@pytest.mark.parametrize("name", ALWAYS)
def test_twenty_steps_are_those_of_the_reference(eager, name):
    """Pools are filled on the way, and the learning rate falls."""
    overrides = ("model.filters=2", "model.discriminator_filters=2")
    assert apart(expected(overrides, 20), measured(overrides, name, 20), TOLERANCE) == ""
