"""Random choices of the authors' own plan, and named options: by default nothing changes."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from backends.interface import POOL_PASS, POOL_STORE, POOL_SWAP
from harness.config.load import load_experiment
from harness.plan.initial_weights import glorot_limit, initial_state, nudged_weights
from harness.plan.plan import make_plan, total_steps
from harness.plan.random_streams import pool_decisions

# Of the code before there were options: a change would silently change every published seed.
PLAN = "29db6b37710a42d2be7a3151658578e3d450831f268e0bf2796d281e005b14b6"
# Recorded anew when crops became shares of what there is to spare, one plan for two image sizes,
# and mixtures for gradient penalties came: seeds published before then had other crops, the rest
# above is the same.
SHARES = "e227ab7f5884bfdb0f8db6cf754d0d3dab5bd2e49132b8f9fbd268986908ebac"
# Recorded when it was noticed that the pool above is never full, so that its swaps are not seen.
SMALL_POOL = "25ba86d638f536c8a01daf8791aa058513297830427386dad84b1bb6c4f80aa3"
HISTORY = "e4898adb1d8a27cacfc0c0a6bd46f013a58707aa7f63e2eb0e1650139111879a"
STATE = "ad2fdc6b97683555a6c931857926ced0e5b86ed50e350e398b50d9408903cd17"
CHOICES = ("index", "offset", "flip", "pool_action", "pool_slot", "pool_drawn", "mix")


def smoke(*overrides):
    return load_experiment("seasons", "smoke", list(overrides))


def digest(arrays):
    sha256 = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        sha256.update(f"{name} {array.dtype.str} {array.shape}\n".encode() + array.tobytes())
    return sha256.hexdigest()


def test_without_options_the_plan_is_the_one_it_always_was():
    plan = make_plan(smoke(), 3, 8, 6)

    def of_both(*names):
        return {f"{d}/{name}": getattr(getattr(plan, d), name) for d in "ab" for name in names}

    arrays = of_both("index", "flip", "pool_action", "pool_slot")
    assert digest({**arrays, "epoch": plan.epoch, "learning_rate": plan.learning_rate}) == PLAN
    assert digest(of_both("offset", "mix")) == SHARES
    assert all(array.shape == (20, 0) for array in of_both("pool_drawn").values())
    assert np.array_equal(plan.discriminator_learning_rate, plan.learning_rate)


@pytest.mark.parametrize(
    ("overrides", "recorded"),
    [
        (("objective.pool_size=4",), SMALL_POOL),
        (
            ("objective.pool=half_new", "objective.pool_size=6", "training.batch_size=3"),
            HISTORY,
        ),
    ],
)
def test_a_full_pool_swaps_as_it_always_did(overrides, recorded):
    plan = make_plan(smoke(*overrides), 3, 8, 6)
    names = ("pool_action", "pool_slot", "pool_drawn")
    arrays = {f"{d}/{name}": getattr(getattr(plan, d), name) for d in "ab" for name in names}
    assert digest(arrays) == recorded


def test_without_options_the_initial_state_is_the_one_it_always_was():
    model, objective = smoke().networks(), smoke().loss()
    state = initial_state(model, objective, 3)
    averages = {name: state.pop(name) for name in list(state) if name.startswith("average/")}
    assert digest(state) == STATE
    assert digest(initial_state(model, replace(objective, average=0.0), 3)) == STATE
    generators = {name for name in model.parameter_shapes() if name.startswith("g_")}
    assert averages.keys() == {f"average/{name}" for name in generators}
    assert all(np.array_equal(averages[f"average/{name}"], state[name]) for name in generators)


def test_another_seed_and_another_domain_have_another_plan():
    one, other = (make_plan(smoke(), seed, 8, 6) for seed in (1, 2))
    assert not np.array_equal(one.b.index, other.b.index)
    assert not np.array_equal(one.a.offset, one.b.offset)


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ((), ("training.epochs_constant=9",)),
        (("training.pairing=zip",), ("training.epochs_constant=9",)),
        (
            ("objective.pool=half_new", "training.pairing=oversample", "training.batch_size=2",
             "training.steps=7"),
            ("training.steps=31",),
        ),
    ],
    ids=["usual", "zip", "oversample"],
)  # fmt: skip
def test_a_longer_run_begins_with_the_choices_of_a_shorter_one(short, long):
    plans = [make_plan(smoke(*overrides), 0, 8, 6) for overrides in (short, short + long)]
    for domain in "ab":
        for name in CHOICES:
            one, two = (getattr(getattr(plan, domain), name) for plan in plans)
            assert len(two) > len(one) and np.array_equal(one, two[: len(one)]), name


# ----------------------------------------------------------------------------------- pairing


def test_every_image_of_a_is_met_once_an_epoch_and_b_is_drawn_with_replacement():
    plan = make_plan(smoke("training.epochs_constant=40"), 0, train_a=5, train_b=5)
    rounds = plan.a.index[: plan.steps // 5 * 5].reshape(-1, 5)
    assert all(sorted(order) == list(range(5)) for order in rounds.tolist())
    assert any(sorted(order) != list(range(5)) for order in plan.b.index.reshape(-1, 5).tolist())
    assert set(plan.b.index.ravel()) == set(range(5))


def test_the_smaller_set_wraps_around():
    plan = make_plan(smoke("training.epochs_constant=40"), 0, train_a=4, train_b=8)
    assert np.bincount(plan.a.index[:8].ravel(), minlength=4).tolist() == [2, 2, 2, 2]


def test_an_epoch_is_the_larger_set_unless_set():
    assert make_plan(smoke("training.steps_per_epoch=null"), 0, 8, 11).steps == 11 * 4
    assert make_plan(smoke(), 0, 8, 11).steps == 5 * 4


ZIP = ("training.pairing=zip", "training.steps_per_epoch=null")


def test_a_zip_ends_with_the_shorter_split_and_shuffles_both_anew_each_epoch():
    experiment = smoke(*ZIP)
    plan = make_plan(experiment, 0, train_a=9, train_b=6)
    assert plan.steps == total_steps(experiment, 9, 6) == 4 * 6
    assert plan.epoch.tolist() == sorted([0, 1, 2, 3] * 6)
    a, b = plan.a.index.reshape(4, 6).tolist(), plan.b.index.reshape(4, 6).tolist()
    assert all(sorted(order) == list(range(6)) for order in b)
    assert all(len(set(order)) == 6 for order in a) and max(map(max, a)) == 8
    assert len({tuple(order) for order in a}) == len({tuple(order) for order in b}) == 4
    assert make_plan(experiment, 0, train_a=6, train_b=9).steps == 4 * 6


def test_a_zip_does_not_pair_an_image_with_itself_more_often_than_chance():
    plan = make_plan(smoke("training.pairing=zip", "training.steps_per_epoch=250"), 0, 10, 10)
    assert 50 < np.sum(plan.a.index == plan.b.index) < 150


def test_a_zip_shuffles_a_as_without_it_where_the_splits_are_equal():
    options = smoke("training.pairing=zip"), smoke()
    zipped, drawn = (make_plan(experiment, 0, 8, 8) for experiment in options)
    assert np.array_equal(zipped.a.index, drawn.a.index)
    assert not np.array_equal(zipped.b.index, drawn.b.index)


def test_epochs_of_a_zip_can_be_longer_than_a_round_and_batches_larger_than_one():
    plan = make_plan(smoke("training.pairing=zip", "training.batch_size=2"), 0, 5, 4)
    assert plan.a.index.shape == plan.b.index.shape == (4 * 5, 2)
    rounds = plan.b.index.reshape(-1, 4).tolist()
    assert all(sorted(order) == list(range(4)) for order in rounds)
    assert total_steps(smoke(*ZIP, "training.batch_size=4"), 5, 3) == 4


# ------------------------------------------------------------------------------------- pools


def test_pool_stores_until_full_then_swaps_half_the_time():
    draw = np.random.default_rng(0)
    swap, slot = draw.random(5000) > 0.5, draw.integers(50, size=5000)
    action, slots = pool_decisions(swap, slot, pool_size=50)
    assert (action[:50] == POOL_STORE).all()
    assert slots[:50].tolist() == list(range(50))
    assert set(action[50:]) == {POOL_PASS, POOL_SWAP}
    assert 0.47 < np.mean(action[50:] == POOL_SWAP) < 0.53
    assert set(slots[50:]) == set(range(50))


def test_a_new_image_takes_the_drawn_slot_where_it_is_to_swap_and_else_passes():
    swap, slot = np.array([True, False, False, True, True]), np.array([1, 1, 1, 1, 0])
    action, slots = pool_decisions(swap, slot, pool_size=2)
    assert action.tolist() == [POOL_STORE, POOL_STORE, POOL_PASS, POOL_SWAP, POOL_SWAP]
    assert slots.tolist() == [0, 1, 1, 1, 0]


def test_without_a_pool_every_image_passes():
    action, _ = pool_decisions(np.ones(20, bool), np.zeros(20, int), pool_size=0)
    assert (action == POOL_PASS).all()


# ------------------------------------------------------------------------------ augmentation


def test_frozen_augmentation_is_one_crop_and_flip_an_image():
    def augmentations(experiment):
        """(domain, image) -> the crops and flips it met, of how many there could be."""
        plan, choices = make_plan(experiment, 0, 8, 6), {}
        for domain, choice in (("a", plan.a), ("b", plan.b)):
            assert choice.offset.shape == (*choice.index.shape, 2)
            columns = (choice.index.ravel(), choice.offset.reshape(-1, 2), choice.flip.ravel())
            for index, offset, flip in zip(*columns, strict=True):
                of_image = choices.setdefault((domain, int(index)), set())
                of_image.add((*offset.tolist(), bool(flip)))
        return choices

    frozen = augmentations(smoke("data.augment=frozen", "training.steps_per_epoch=40"))
    fresh = augmentations(smoke("training.steps_per_epoch=40"))
    assert len(frozen) == 8 + 6
    assert all(len(of_image) == 1 for of_image in frozen.values())
    assert all(len(of_image) > 5 for of_image in fresh.values())
    different = set().union(*frozen.values())
    assert len(different) > 8 and {flip for _, _, flip in different} == {True, False}
    assert any(frozen["a", i] != frozen["b", i] for i in range(6))


@pytest.mark.parametrize("augment", ["fresh", "frozen"])
def test_flip_can_be_switched_off(augment):
    plan = make_plan(smoke(f"data.augment={augment}", "data.flip=false"), 0, 8, 6)
    assert not plan.a.flip.any() and plan.a.offset.any()


# --------------------------------------------------------------------------- initial weights


def wide(*overrides):
    experiment = load_experiment("seasons", "hour", list(overrides))
    weights = experiment.model.initial_weights
    return initial_state(experiment.networks(), experiment.loss(), 0, weights)


@pytest.mark.usefixtures("tensorflow")
@pytest.mark.parametrize("shape", [(7, 7, 3, 64), (4, 4, 64, 128), (3, 3, 32, 128), (3, 3, 64, 64)])
def test_the_glorot_limit_is_that_of_keras(shape):
    from keras.initializers import GlorotUniform

    # Its largest of very many draws, since the limit itself is not to be had.
    largest = float(np.abs(np.array(GlorotUniform(seed=0)(shape))).max())
    assert glorot_limit(shape) == pytest.approx(largest, rel=2e-3)
    assert glorot_limit(shape) >= largest * (1 - 1e-6)


def test_glorot_kernels_fill_their_limits_and_nothing_else_changes():
    assert glorot_limit((3, 3, 32, 64)) == pytest.approx(1 / 12)  # sqrt(6 / (9 * 96))
    glorot, normal = wide("model.initial_weights=glorot_uniform"), wide()
    assert glorot.keys() == normal.keys()
    for name, array in glorot.items():
        assert array.dtype == normal[name].dtype and array.shape == normal[name].shape
        if not name.endswith("/kernel") or name.startswith("adam_"):
            assert np.array_equal(array, normal[name]), name
    for name in ("d_a/conv2/kernel", "g_ab/down1/kernel", "g_ba/up0/kernel"):
        kernel, limit = glorot[name], glorot_limit(glorot[name].shape)
        assert np.abs(kernel).max() == pytest.approx(limit, rel=1e-3)
        assert kernel.std() == pytest.approx(limit / np.sqrt(3), rel=0.02)
        assert normal[name].std() == pytest.approx(0.02, rel=0.02)
    assert not np.array_equal(glorot["g_ab/up0/kernel"], glorot["g_ba/up0/kernel"])


BATCH_NORM = ("model.norm.kind=batch", "model.norm.affine=true", "model.discriminator_filters=64")


def test_norms_start_as_the_authors_or_as_keras_has_them():
    normal = wide(*BATCH_NORM)
    glorot = wide(*BATCH_NORM, "model.initial_weights=glorot_uniform")
    scale = normal["d_a/conv2_norm/scale"]
    assert scale.mean() == pytest.approx(1, abs=4e-3)
    assert scale.std() == pytest.approx(0.02, rel=0.15)
    assert (glorot["d_a/conv2_norm/scale"] == 1).all()
    for state in (normal, glorot):
        for name, array in state.items():
            if name.endswith("_norm/variance") and not name.startswith("adam_"):
                assert (array == 1).all(), name
            elif name.startswith("adam_") or name.endswith(("_norm/offset", "_norm/mean", "/bias")):
                assert not array.any(), name
            assert array.dtype == (np.int64 if name == "step" else np.float32)
    assert "adam_m/d_a/conv2_norm/scale" in normal
    assert "adam_m/d_a/conv2_norm/mean" not in normal


def test_every_weight_is_nudged_by_one_unit_in_the_last_place_and_by_its_own_choice():
    model = smoke().networks()
    state = initial_state(model, smoke().loss(), 3)
    one, other = (nudged_weights(state, model, "float64", draw) for draw in (0, 1))
    assert one.keys() == other.keys() == model.parameter_shapes().keys()
    name, twin = "g_ab/up0/kernel", "g_ba/up0/kernel"
    weights, moved = state[name].astype(np.float64), one[name]
    up = moved > weights
    assert np.array_equal(moved, np.nextafter(weights, np.where(up, np.inf, -np.inf)))
    assert 0.4 < up.mean() < 0.6 and not one["g_ab/up0/bias"].any(), "zeros stay zero"
    assert not np.array_equal(up, other[name] > weights)
    assert not np.array_equal(up, one[twin] > state[twin])
