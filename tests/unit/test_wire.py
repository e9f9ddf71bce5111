"""What goes to a backend in another process and comes back is what was given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backends.architecture import DiscriminatorSpec, NormSpec, ResNetSpec, UNetSpec
from backends.interface import Batch, PoolDecision, Runtime
from backends.model import Model
from backends.objective import Objective
from harness.processes import wire


def there_and_back(value):
    return wire.unpack(*wire.pack(value))


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        3,
        0.1 + 0.2,
        float("inf"),
        "é\n",
        Path("/a b/c"),
        [1, [2.5, None]],
        (1, ("a",)),
        {"a": {"b": (1,)}, "array": "no array", "type": "Model"},
        Objective(adversarial="hinge", lambda_a=3.0),
        Runtime("cuda", 4, "bfloat16"),
        Model(
            (8, 8, 3),
            (8, 8, 1),
            ResNetSpec(norm=NormSpec(kind="batch")),
            UNetSpec(depth=3),
            DiscriminatorSpec(norm=None),
            DiscriminatorSpec(),
        ),
    ],
)
def test_values(value):
    found = there_and_back(value)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int32", "int64", "bool"])
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3, 1)])
def test_arrays(dtype, shape):
    array = np.random.default_rng(0).integers(0, 2, shape).astype(dtype)
    found = there_and_back({"x": array})["x"]
    assert found.dtype == array.dtype and found.shape == array.shape
    assert np.array_equal(found, array)
    found[...] = 0  # the receiver's own


def test_an_array_with_axes_in_another_order():
    array = np.arange(24.0).reshape(2, 3, 4).transpose(2, 0, 1)
    assert np.array_equal(there_and_back(array), array)


def test_a_batch():
    decision = PoolDecision(np.array([1], np.int32), np.array([0], np.int32))
    images = np.full((1, 2, 2, 3), 7, np.uint8)
    batch = Batch(
        images, images, decision, decision, np.zeros(1), np.ones(1), {"fake_a": (images,)}, 0.1, 0.2
    )
    found = there_and_back(batch)
    assert isinstance(found, Batch) and isinstance(found.pool_a, PoolDecision)
    assert np.array_equal(found.kept["fake_a"][0], images) and found.learning_rate == 0.1


@pytest.mark.parametrize("value", [object(), {1: 2}, {1, 2}, b"bytes", np.array([object()])])
def test_what_is_not_among_the_types_is_refused(value):
    with pytest.raises((TypeError, KeyError)):
        wire.pack(value)


def test_a_type_that_is_not_in_the_table_does_not_come_out():
    with pytest.raises(KeyError):
        wire.unpack({"type": "Popen", "fields": {}}, b"")
