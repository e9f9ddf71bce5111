"""Plans for other pairings, pools, budgets, shapes and dropout than the authors' own."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from backends.interface import PASSES, POOL_PASS, POOL_STORE
from harness.config.load import load_experiment
from harness.plan.plan import evaluation_steps, evenly, make_plan, total_steps
from harness.plan.random_streams import history_decisions, stream


def smoke(*overrides):
    return load_experiment("seasons", "smoke", list(overrides))


NATURAL = "training.steps_per_epoch=null"
OVERSAMPLE = ("training.pairing=oversample", NATURAL)


# ----------------------------------------------------------------------------------- pairing


@pytest.mark.parametrize(("train_a", "train_b"), [(4, 10), (10, 4)])
def test_oversampling_shows_every_image_of_the_larger_split_once_an_epoch(train_a, train_b):
    experiment = smoke(*OVERSAMPLE)
    plan = make_plan(experiment, 0, train_a, train_b)
    assert plan.steps == total_steps(experiment, train_a, train_b) == 4 * 10
    a, b = plan.a.index.reshape(4, 10), plan.b.index.reshape(4, 10)
    larger, smaller = (a, b) if train_a > train_b else (b, a)
    for round_ in larger.tolist():
        assert sorted(round_) == list(range(10))
    for round_ in smaller:
        # Two whole passes and half of one: none comes again before all were there.
        assert sorted(round_[:4]) == sorted(round_[4:8]) == list(range(4))
        assert len(set(round_[8:])) == 2
        assert set(np.bincount(round_, minlength=4)) == {2, 3}
    assert len({tuple(round_) for round_ in larger.tolist()}) == 4, "anew each epoch"
    assert len({tuple(round_) for round_ in smaller.tolist()}) == 4


def test_oversampling_pairs_of_equal_splits_are_those_of_a_zip():
    one = make_plan(smoke(*OVERSAMPLE), 0, 8, 8)
    two = make_plan(smoke("training.pairing=zip", NATURAL), 0, 8, 8)
    assert np.array_equal(one.a.index, two.a.index) and np.array_equal(one.b.index, two.b.index)


def test_an_epoch_of_batches_leaves_out_what_does_not_fill_one():
    experiment = smoke(*OVERSAMPLE, "training.batch_size=3")
    plan = make_plan(experiment, 0, 10, 4)
    assert plan.steps_per_epoch == 3 and plan.a.index.shape == (12, 3)
    # Rounds go on across epochs: nothing is left out for good.
    assert set(plan.a.index.ravel()[:10]) == set(range(10))


# ------------------------------------------------------------------------------------- pools


def test_a_history_stores_one_of_a_batch_in_place_of_the_oldest():
    experiment = smoke("objective.pool=half_new", "objective.pool_size=6", "training.batch_size=3")
    plan = make_plan(experiment, 0, 8, 6)
    for domain in (plan.a, plan.b):
        assert ((domain.pool_action == POOL_STORE).sum(axis=1) == 1).all()
        assert set(np.unique(domain.pool_action)) == {POOL_PASS, POOL_STORE}
        stored = domain.pool_action.argmax(axis=1)
        assert set(stored) == {0, 1, 2} or len(stored) < 10
        assert domain.pool_slot[:, 0].tolist() == [step % 6 for step in range(20)]
        assert (domain.pool_slot == domain.pool_slot[:, :1]).all()
        assert domain.pool_drawn.shape == (20, 3) and domain.pool_drawn.dtype == np.int32
    assert not np.array_equal(plan.a.pool_drawn, plan.b.pool_drawn)
    assert not np.array_equal(plan.a.pool_action, plan.b.pool_action)
    pool = plan.batch(7, *images(36, 36)).pool_b
    assert np.array_equal(pool.drawn, plan.b.pool_drawn[7])


def test_draws_are_uniform_over_what_is_there():
    """Everything stored so far, this step's image included, and nothing that is not there yet."""
    draw = stream(0, "test")
    steps, batch, size = 400, 50, 5
    chosen, share = draw.integers(batch, size=steps), draw.random((steps, batch))
    action, slot, drawn = history_decisions(chosen, share, size)
    assert np.array_equal(action.argmax(axis=1), chosen)
    assert slot[:7, 0].tolist() == [0, 1, 2, 3, 4, 0, 1]
    for step in range(size):
        assert set(drawn[step]) == set(range(step + 1))
    counts = np.bincount(drawn[size:].ravel(), minlength=size)
    assert len(counts) == size
    assert counts / counts.sum() == pytest.approx([1 / size] * size, abs=0.01)


def test_a_pool_of_one_image_has_one_slot():
    plan = make_plan(smoke("objective.pool_size=1", "training.steps=200"), 0, 8, 6)
    assert (plan.a.pool_slot == 0).all() and (plan.b.pool_slot == 0).all()


def test_without_a_history_nothing_is_drawn_and_without_a_pool_nothing_kept():
    plan = make_plan(smoke("objective.pool=none"), 0, 8, 6)
    assert (plan.a.pool_action == POOL_PASS).all() and plan.a.pool_drawn.shape == (20, 0)
    assert smoke("objective.pool=none").loss().pool_size == 0


def test_orders_are_drawn_from_streams_whose_names_stay():
    """A run that is continued with a later version goes on with the images it was begun with."""
    plan = make_plan(smoke(*OVERSAMPLE), 3, 4, 4)
    for domain, name in ((plan.a, "index_a"), (plan.b, "index_b_shuffled")):
        assert domain.index[:4, 0].tolist() == stream(3, name).permutation(4).tolist()


# ------------------------------------------------------------------------------------ budgets


def test_a_budget_of_steps_takes_the_place_of_epochs_and_keeps_their_ratio():
    experiment = smoke(
        "training.steps=8", "training.epochs_constant=30", "training.epochs_decay=10"
    )
    plan = make_plan(experiment, 0, 8, 6)
    assert plan.steps == total_steps(experiment, 8, 6) == 8
    assert plan.epoch.tolist() == [0] * 5 + [1] * 3, "epochs of five steps are still counted"
    budget = smoke("training.steps=400", "training.decay=step", "optimiser.learning_rate=1")
    rate = make_plan(budget, 0, 8, 6).learning_rate
    assert rate[199] == 1 and rate[200] == pytest.approx(200 / 201)
    assert rate[399] == pytest.approx(1 / 201)
    by_epoch = make_plan(smoke("training.steps=400", "optimiser.learning_rate=1"), 0, 8, 6)
    assert by_epoch.learning_rate[199] == 1 and by_epoch.learning_rate[200] == 1 - 1 / 41
    assert by_epoch.learning_rate[399] == pytest.approx(1 / 41)


def test_images_are_evaluated_by_epochs_of_the_split_or_by_steps():
    every = smoke("evaluation.evaluate_every=2", "training.steps=50")
    assert evaluation_steps(every, 50, 8) == (16, 32, 48)
    by_steps = smoke("evaluation.evaluate_every=20", "evaluation.evaluate_unit=steps")
    assert evaluation_steps(by_steps, 50, 8) == (20, 40)
    assert evaluation_steps(by_steps, 40, 8) == (20,), "the last is evaluated anyway"
    assert evaluation_steps(smoke("evaluation.evaluate_every=0"), 50, 8) == ()


def test_some_of_many_are_spaced_evenly_from_first_to_last():
    assert evenly(9, 3).tolist() == [0, 4, 8]
    assert evenly(9, None).tolist() == evenly(9, 20).tolist() == list(range(9))
    assert evenly(9, 1).tolist() == [0]
    assert (np.diff(evenly(1000, 40)) >= 25).all()


# ------------------------------------------------------------------------- rates, shapes, masks


def test_discriminators_have_their_own_rate_or_the_generators():
    same = make_plan(smoke(), 0, 8, 6)
    assert np.array_equal(same.learning_rate, same.discriminator_learning_rate)
    two = make_plan(smoke("optimiser.discriminator_learning_rate=8e-4"), 0, 8, 6)
    assert two.discriminator_learning_rate == pytest.approx(4 * same.learning_rate, rel=1e-15)
    given = two.batch(19, *images(36, 36), 0.5)
    assert given.learning_rate == 0.5 * two.learning_rate[19]
    assert given.discriminator_learning_rate == 0.5 * two.discriminator_learning_rate[19]


def images(side_a, side_b, channels_a=3):
    draw = np.random.default_rng(0)
    a = draw.integers(256, size=(8, side_a, side_a, channels_a), dtype=np.uint8)
    return a, draw.integers(256, size=(6, side_b, side_b, 3), dtype=np.uint8)


def test_domains_of_two_shapes_are_cropped_each_to_its_own():
    two = ("data.crop_size=28", "data.load_size_b=36", "data.crop_size_b=32", "data.channels_a=1")
    plan = make_plan(smoke("data.load_size=30", "objective.identity=0", *two), 0, 8, 6)
    a, b = images(30, 36, 1)
    places, flips = {"a": set(), "b": set()}, set()
    for step in range(plan.steps):
        batch = plan.batch(step, a, b)
        assert batch.a.shape == (1, 28, 28, 1) and batch.b.shape == (1, 32, 32, 3)
        for name, split, side, spare in (("a", a, 28, 2), ("b", b, 32, 4)):
            choice, image = getattr(plan, name), getattr(batch, name)
            top, left = (int((spare + 1) * share) for share in choice.offset[step, 0])
            places[name] |= {top, left}
            flips.add(bool(choice.flip[step, 0]))
            cut = split[choice.index[step, 0], top : top + side, left : left + side]
            assert np.array_equal(image[0], cut[:, ::-1] if choice.flip[step, 0] else cut)
            assert image.flags.c_contiguous
    assert places == {"a": {0, 1, 2}, "b": {0, 1, 2, 3, 4}} and flips == {True, False}


def test_masks_keep_their_share_and_are_of_every_pass_that_is_made():
    unet = ("model.generator=unet", "model.depth=3", "model.dropout=0.25", "training.batch_size=2")
    plan = make_plan(smoke(*unet), 0, 8, 6)
    batch = plan.batch(3, *images(36, 36))
    assert list(batch.kept) == list(PASSES)
    assert [mask.shape for mask in batch.kept["cycle_a"]] == [(2, 8, 8, 8), (2, 16, 16, 4)]
    every = [plan.dropout.kept(step) for step in range(20)]
    values = np.concatenate([m.ravel() for kept in every for ms in kept.values() for m in ms])
    assert values.dtype == np.uint8 and set(values) == {0, 1}
    assert values.mean() == pytest.approx(0.75, abs=0.005)
    assert not np.array_equal(every[0]["fake_a"][0], every[1]["fake_a"][0])
    assert not np.array_equal(every[0]["fake_a"][0], every[0]["fake_b"][0])
    again = plan.dropout.kept(3)
    assert all(
        np.array_equal(x, y) for x, y in zip(batch.kept["fake_b"], again["fake_b"], strict=True)
    )
    other = make_plan(smoke(*unet), 1, 8, 6).dropout.kept(3)
    assert not np.array_equal(again["fake_b"][0], other["fake_b"][0])
    without = make_plan(smoke(*unet, "objective.identity=0"), 0, 8, 6).dropout.kept(0)
    assert set(without) == {"fake_b", "fake_a", "cycle_a", "cycle_b"}
    assert make_plan(smoke(), 0, 8, 6).dropout.kept(0) == {}
    # A run that is continued with a later version needs the masks it was begun with.
    key = np.frombuffer(hashlib.sha256(b"0/dropout/3").digest()[:16], np.uint64)
    first = np.random.Generator(np.random.Philox(key=key)).random((2, 8, 8, 8)) >= 0.25
    assert np.array_equal(again[next(iter(PASSES))][0], first)


def test_mixtures_for_a_penalty_are_uniform_and_differ_between_domains():
    plan = make_plan(smoke("training.steps=2000"), 0, 8, 6)
    mix = np.concatenate([plan.a.mix, plan.b.mix])
    assert mix.min() >= 0 and mix.max() < 1 and np.mean(mix) == pytest.approx(0.5, abs=0.02)
    assert not np.array_equal(plan.a.mix, plan.b.mix)
    assert np.array_equal(plan.batch(5, *images(36, 36)).mix_b, plan.b.mix[5])
