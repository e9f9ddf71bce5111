import numpy as np
import pytest

from backends.interface import POOL_PASS, POOL_STORE, POOL_SWAP
from harness.config.experiment import load_experiment
from harness.config.sections import TrainingSection
from harness.plan.initial_weights import initial_state
from harness.plan.learning_rate import factors
from harness.plan.plan import make_plan
from harness.plan.random_streams import pool_decisions, stream


@pytest.fixture
def experiment():
    return load_experiment("seasons", "smoke", [])


def longer(experiment, epochs):
    training = experiment.training.model_copy(update={"epochs_constant": epochs})
    return experiment.model_copy(update={"training": training})


def test_same_seed_same_plan_and_other_seed_another(experiment):
    one, again, other = (make_plan(experiment, seed, 8, 6) for seed in (1, 1, 2))
    for name in ("index", "offset", "flip", "pool_action", "pool_slot"):
        assert np.array_equal(getattr(one.a, name), getattr(again.a, name))
    assert not np.array_equal(one.b.index, other.b.index)
    assert not np.array_equal(one.a.offset, one.b.offset)


def test_the_streams_are_those_of_philox_on_every_machine():
    # Recorded; a change would silently change every published seed.
    assert stream(0, "index_a").integers(1000, size=4).tolist() == RECORDED_DRAW


RECORDED_DRAW = [935, 229, 568, 26]


def test_a_longer_run_begins_with_the_choices_of_a_shorter_one(experiment):
    short, long = make_plan(experiment, 0, 8, 6), make_plan(longer(experiment, 9), 0, 8, 6)
    n = short.steps
    assert long.steps > n
    for domain in ("a", "b"):
        for name in ("index", "offset", "flip", "pool_action", "pool_slot"):
            whole = getattr(getattr(long, domain), name)
            assert np.array_equal(getattr(getattr(short, domain), name), whole[:n]), name


def test_every_image_of_a_is_met_once_an_epoch_and_b_is_drawn_with_replacement(experiment):
    plan = make_plan(longer(experiment, 40), 0, train_a=5, train_b=5)
    rounds = plan.a.index[: plan.steps // 5 * 5].reshape(-1, 5)
    assert all(sorted(order) == list(range(5)) for order in rounds.tolist())
    assert any(sorted(order) != list(range(5)) for order in plan.b.index.reshape(-1, 5).tolist())
    assert set(plan.b.index.ravel()) == set(range(5))


def test_the_smaller_set_wraps_around(experiment):
    plan = make_plan(longer(experiment, 40), 0, train_a=4, train_b=8)
    counts = np.bincount(plan.a.index[:8].ravel(), minlength=4)
    assert counts.tolist() == [2, 2, 2, 2]


def test_an_epoch_is_the_larger_set_unless_set(experiment):
    training = experiment.training.model_copy(update={"steps_per_epoch": None})
    natural = experiment.model_copy(update={"training": training})
    assert make_plan(natural, 0, 8, 11).steps == 11 * 4
    assert make_plan(experiment, 0, 8, 11).steps == 5 * 4


def test_learning_rate_is_the_reference_formula_epoch_by_epoch():
    factor = factors(TrainingSection(), steps=200, steps_per_epoch=1)
    assert factor[98] == 1.0
    # The reference's first decayed epoch is the one numbered `constant`, from 0.
    assert factor[99] == 1.0
    assert factor[100] == pytest.approx(1 - 1 / 101)
    assert factor[199] == pytest.approx(1 - 100 / 101)
    assert (np.diff(factor) <= 0).all() and factor.min() > 0


def test_pool_stores_until_full_then_swaps_half_the_time():
    draw = np.random.default_rng(0)
    swap, slot = draw.random(5000) > 0.5, draw.integers(50, size=5000)
    action, slots = pool_decisions(swap, slot, pool_size=50)
    assert (action[:50] == POOL_STORE).all()
    assert slots[:50].tolist() == list(range(50))
    assert set(action[50:]) == {POOL_PASS, POOL_SWAP}
    assert 0.47 < np.mean(action[50:] == POOL_SWAP) < 0.53
    assert set(slots[50:]) == set(range(50))


def test_without_a_pool_every_image_passes():
    action, _ = pool_decisions(np.ones(20, bool), np.zeros(20, int), pool_size=0)
    assert (action == POOL_PASS).all()


def test_a_batch_is_cropped_and_flipped_as_planned(experiment):
    plan = make_plan(experiment, 3, 8, 6)
    draw = np.random.default_rng(0)
    a = draw.integers(256, size=(8, 36, 36, 3), dtype=np.uint8)
    b = draw.integers(256, size=(6, 36, 36, 3), dtype=np.uint8)
    flips = set()
    for step in range(plan.steps):
        batch = plan.batch(step, a, b)
        # 36 - 32 = 4 pixels to spare, so five places.
        top, left = (int(5 * share) for share in plan.b.offset[step, 0])
        expected = b[plan.b.index[step, 0]][top : top + 32, left : left + 32]
        flipped = bool(plan.b.flip[step, 0])
        flips.add(flipped)
        assert np.array_equal(batch.b[0], expected[:, ::-1] if flipped else expected)
        assert batch.a.shape == (1, 32, 32, 3) and batch.a.flags.c_contiguous
        assert batch.learning_rate == plan.learning_rate[step]
    assert flips == {True, False}
    assert set((5 * plan.a.offset).astype(int).ravel()) == set(range(5))


def test_flip_can_be_switched_off(experiment):
    data = experiment.data.model_copy(update={"flip": False})
    plan = make_plan(experiment.model_copy(update={"data": data}), 0, 8, 8)
    assert not plan.a.flip.any()


def test_initial_weights_are_normal_002_with_zero_biases_and_empty_optimiser(experiment):
    quick = load_experiment("seasons", "quick", [])
    state = initial_state(quick.networks(), quick.loss(), 0)
    kernel = state["d_a/conv3/kernel"]
    assert kernel.dtype == np.float32
    assert kernel.std() == pytest.approx(0.02, rel=0.01)
    assert abs(kernel.mean()) < 2e-4
    assert not np.array_equal(state["g_ab/stem/kernel"], state["g_ba/stem/kernel"])
    zeros = [n for n in state if "bias" in n or n.startswith(("adam_", "pool_")) or n == "step"]
    assert not any(np.any(state[name]) for name in zeros)
    assert np.array_equal(
        kernel, initial_state(quick.networks(), quick.loss(), 0)["d_a/conv3/kernel"]
    )
