"""The JAX backend climbs the ladder, gives its states and takes others', and mistakes are named.

Skipped where JAX is not installed.
"""

from __future__ import annotations

import time
from itertools import permutations
from types import SimpleNamespace

import numpy as np
import pytest
from defects_of_jax import OF_JAX
from defects_of_variants import CASES
from frameworks import INSTALLED
from test_defects import check

from harness.config.load import load_experiment
from harness.studies.parity import Rung, climb, training
from harness.studies.parity.backend_cache import BackendCache, relative
from harness.studies.parity.parity_case import make_case

# JAX is not imported here: first it has to be told how many threads there are.
pytestmark = [
    pytest.mark.usefixtures("compiled_quickly"),
    pytest.mark.skipif("jax" not in INSTALLED, reason="not here: pip install cyclebench[jax]"),
]
NAMES = ("torch", "jax")
SMALL_POOL = "objective.pool_size=4"  # as in conftest.py


@pytest.fixture(scope="module")
def caches():
    """Healthy backends by case."""
    made = {}
    for name, overrides in CASES.items():
        settings = [*overrides, *([SMALL_POOL] if name == "usual" else [])]
        case = make_case(load_experiment("seasons", "smoke", settings), gradient_batches=2)
        reduced = ("bfloat16",) if name == "usual" else ()
        made[name] = BackendCache(case, NAMES, reduced=reduced)
    return made


@pytest.fixture(scope="module")
def climbed(caches):
    """Rows of a case as far as a rung, of healthy backends."""
    rows: dict[tuple[str, Rung], list] = {}

    def as_far_as(case: str, last: Rung):
        if (case, last) not in rows:
            found = []
            for row in climb(caches[case]):
                if row.check > last.label:
                    break
                found.append(row)
            rows[case, last] = found
        return rows[case, last]

    return as_far_as


@pytest.mark.others
@pytest.mark.parametrize("rung", Rung, ids=lambda rung: rung.name.lower())
def test_backends_agree(climbed, rung):
    found = [row for row in climbed("usual", max(Rung)) if row.check == rung.label]
    assert found
    assert [row for row in found if not row.passed] == []


# By hand: `pytest tests/parity/test_jax.py -m planted` compiles for a quarter of an hour. That the
# rungs name mistakes is tried in CI with the other backends.
@pytest.mark.planted
@pytest.mark.others
@pytest.mark.parametrize("defect", OF_JAX, ids=lambda each: f"{each.case}: {each.name}")
def test_a_planted_defect_is_named_by_its_rung(
    monkeypatch, caches, climbed, defect, record_property
):
    assert [row for row in climbed(defect.case, defect.rung) if not row.passed] == []
    check(monkeypatch, caches[defect.case], defect, record_property)


def test_every_rung_and_every_case_has_a_defect():
    assert len(OF_JAX) >= 40
    assert {defect.rung for defect in OF_JAX} == set(Rung) - {Rung.PLAN}, "a plan is of all"
    assert {defect.case for defect in OF_JAX} == set(CASES)
    assert len({(defect.case, defect.name) for defect in OF_JAX}) == len(OF_JAX)


@pytest.mark.others
def test_states_go_from_each_backend_to_each_and_training_goes_on(eager):
    """Six directions. What is loaded is what was given, to the bit; three steps are the same."""
    case = make_case(load_experiment("seasons", "smoke", [SMALL_POOL]))
    cache = BackendCache(case, ("torch", "tf", "jax"))
    given = {name: training.given(cache, name) for name in cache.names}
    received = {name: training.received(cache, name) for name in cache.names}
    for giver, receiver in permutations(cache.names, 2):
        found = received[receiver]
        for key, array in given[giver].items():
            if key[0] == f"loaded from {giver}":
                assert np.array_equal(found[key], array), (giver, receiver, key)
            elif key[0].startswith(f"3 steps from {giver}"):
                assert relative(array, found[key]) < 1e-11, (giver, receiver, key)


def test_what_becomes_of_an_array_behind_jax_is_nothing_to_it():
    """JAX reads later, and on a CPU out of memory that it was handed; small arrays it copies."""
    import jax

    from backends.jax_impl.device import to_device

    place = jax.devices("cpu")[0]
    for _ in range(5):
        array = np.ones((64, 512, 512), np.float32)
        there = to_device(array, place)
        array.fill(0)
        assert float(there.min()) == 1


def test_a_timed_phase_ends_when_its_results_are_there():
    """JAX goes on while a device computes; of arrays that are there already nothing waits."""
    import jax

    from backends.jax_impl.training import in_pieces

    @jax.jit
    def work(arrays, batch):
        return jax.lax.fori_loop(0, 20, lambda _, x: jax.numpy.sin(x @ arrays["w"]), arrays["w"])

    given, ends = {"w": jax.numpy.ones((512, 512), "float32")}, [0.0]

    def seconds(run) -> float:
        began = time.perf_counter()
        jax.block_until_ready(run())
        return time.perf_counter() - began

    alone = min(seconds(lambda: work(given, None)) for _ in range(4))
    trainer = SimpleNamespace(adam_g=object(), adam_d=object(), recorded=work)
    for name in ("fakes", "generator_losses", "generator_backward", "discriminators_on_pools",
                 "update", "update_average"):  # fmt: skip
        setattr(trainer, name, work)
    pieces = in_pieces(trainer, lambda *args, **rest: ends.append(time.perf_counter()), jax.jit)
    for _ in "12":  # the first compiles
        ends[:] = [time.perf_counter()]
        pieces.generator_backward(given, None)
        pieces.discriminators_on_pools(given, None)
    assert len(ends) == 4
    assert min(np.diff(ends)) > alone / 2


@pytest.mark.parametrize(
    "precision", ["float32", pytest.param("float64", marks=pytest.mark.others)]
)
def test_a_resumed_training_has_the_same_bits(caches, precision):
    cache = caches["usual"]
    whole, resumed = (cache.build("jax", precision) for _ in "12")
    whole.load_state(cache.backend("jax", precision).state())
    for batch in cache.case.batches[:3]:
        whole.train_step(batch)
    resumed.load_state(whole.state())
    for batch in cache.case.batches[3:6]:
        whole.train_step(batch)
        resumed.train_step(batch)
    assert np.array_equal(whole.losses()[3:], resumed.losses())
    ends = whole.state(), resumed.state()
    assert all(np.array_equal(ends[0][name], ends[1][name]) for name in ends[0])
