"""The training step of each backend: pools, order of updates, two rates, dropout."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from frameworks import EACH
from tiny_networks import (
    PATCH,
    RESNET,
    SIZE,
    UNET,
    batch,
    decide,
    drawn_state,
    model,
    recorded,
    shared,
)

from backends.architecture import NormSpec, dropped_layers
from backends.interface import PASSES, POOL_PASS, POOL_STORE
from backends.model import NETWORKS
from backends.objective import Objective

pytestmark = pytest.mark.usefixtures("eager")
RATES = {"learning_rate": 1e-3, "discriminator_learning_rate": 1e-3}


@pytest.fixture(params=EACH)
def name(request):
    return request.param


def started(name, objective, networks=None):
    """A backend, and what it begins with."""
    networks = networks or model()
    backend, state = shared(name, networks, objective), drawn_state(networks, objective)
    backend.load_state(state)
    return backend, state


def weights(state, *networks):
    return {n: x for n, x in state.items() if n.startswith(tuple(f"{each}/" for each in networks))}


# ------------------------------------------------------------------------------------- pools


def test_a_history_keeps_one_fake_of_a_batch_and_shows_all_new_ones_and_what_is_drawn(name):
    """Two terms, each a mean of its own, are added to that of the real images."""
    backend, _ = started(name, Objective())
    draw = np.random.default_rng(3)
    before = draw.uniform(-1, 1, (2, SIZE, SIZE, 3))
    backend.load_state({**backend.state(), "pool_a": before})
    one = batch(count=3)
    new = backend.activations("g_ba", one.b)["output"]
    action = np.array([POOL_PASS, POOL_STORE, POOL_PASS], np.int32)
    kept = decide(3, drawn=(1, 0, 1))._replace(action=action, slot=np.ones(3, np.int32))
    found = recorded(backend, one._replace(pool_a=kept))
    pool = backend.state()["pool_a"]
    assert np.array_equal(pool[0], before[0])
    assert pool[1] == pytest.approx(new[1], abs=1e-12), "the second fake, where it was told"

    def scores(images):
        return backend.activations("d_a", images)["output"]

    # The new fake is drawn as well: it was there before the draw.
    drawn = np.stack([new[1], before[0], new[1]])
    terms = (
        np.mean((scores(one.a) - 1) ** 2),
        np.mean(scores(new) ** 2),
        np.mean(scores(drawn) ** 2),
    )
    assert found["discriminator_a"] == pytest.approx(sum(terms), rel=1e-11)
    assert found["discriminator_b"] == pytest.approx(
        np.mean((scores_of(backend, "d_b", one.b) - 1) ** 2)
        + np.mean(scores_of(backend, "d_b", backend.activations("g_ab", one.a)["output"]) ** 2),
        rel=1e-11,
    )
    below = np.concatenate([scores(new), scores(drawn)]) < 0.5
    assert found["accuracy_fake_a"] == pytest.approx(np.mean(below))


def scores_of(backend, network, images):
    return backend.activations(network, images)["output"]


# ------------------------------------------------------------------------------------- order


def test_simultaneous_updates_are_both_by_gradients_at_the_state_before(name):
    """So a step is what `apply_gradients` makes of `gradients`; other orders differ on a side."""
    one = batch(**RATES)
    sides = {"generators": ("g_ab", "g_ba"), "discriminators": ("d_a", "d_b")}
    same = {}
    for order in ("simultaneous", "generators_first", "discriminators_first"):
        backend, state = started(name, Objective(update_order=order))
        backend.apply_gradients(backend.gradients(one), 1e-3, 1e-3)
        applied = backend.state()
        backend.load_state(state)
        backend.train_step(one)
        stepped = backend.state()
        for side, networks in sides.items():
            apart = max(
                np.abs(stepped[n] - x).max() for n, x in weights(applied, *networks).items()
            )
            same[order, side] = apart < 1e-9
    assert same["simultaneous", "generators"] and same["simultaneous", "discriminators"]
    # Fakes are made before any update, whichever it is: only generators can meet others.
    assert same["generators_first", "generators"] and same["generators_first", "discriminators"]
    assert same["discriminators_first", "discriminators"]
    assert not same["discriminators_first", "generators"]


def test_losses_of_a_simultaneous_step_are_of_the_state_before(name):
    found = []
    for rates in (RATES, {}):
        backend, _ = started(name, Objective(update_order="simultaneous"))
        found.append(recorded(backend, batch(**rates)))
    assert found[0] == pytest.approx(found[1], rel=1e-12)


@pytest.mark.parametrize("order", ["generators_first", "discriminators_first", "simultaneous"])
def test_each_side_has_its_own_learning_rate(name, order):
    backend, before = started(name, Objective(update_order=order))
    backend.train_step(batch(learning_rate=3e-3, discriminator_learning_rate=1e-4))
    after = backend.state()
    for network in NETWORKS:
        rate = 3e-3 if network.startswith("g") else 1e-4
        moved = np.abs(after[f"{network}/head/kernel"] - before[f"{network}/head/kernel"])
        # Adam's first step: of the size of the rate wherever the gradient is not next to nothing.
        assert np.median(moved) == pytest.approx(rate, rel=1e-3)
        assert moved.max() <= rate * (1 + 1e-9)


def test_each_side_has_its_own_rate_for_given_gradients(name):
    backend, before = started(name, Objective())
    backend.apply_gradients(
        {n: np.ones(s) for n, s in model().parameter_shapes().items()}, 2e-3, 5e-4
    )
    after = backend.state()
    for network, rate in (("g_ab", 2e-3), ("g_ba", 2e-3), ("d_a", 5e-4), ("d_b", 5e-4)):
        moved = before[f"{network}/head/kernel"] - after[f"{network}/head/kernel"]
        assert moved == pytest.approx(rate, rel=1e-6)


# ----------------------------------------------------------------------------------- dropout


def masks(networks, seed=4, passes=PASSES):
    draw = np.random.default_rng(seed)
    return {
        one: tuple(
            (draw.random((2, *shape)) > 0.5).astype(np.uint8)
            for shape in networks.dropout_shapes(PASSES[one])
        )
        for one in passes
    }


def test_every_pass_through_a_generator_has_masks_of_its_own(name):
    """Its loss term depends on them and, for what goes in, on those of the pass before."""
    networks = model(UNET)
    assert networks.dropout_shapes("g_ab") == ((4, 4, 4), (8, 8, 2))
    assert dropped_layers(UNET) == ("up2", "up1")
    backend, state = started(name, Objective(), networks)
    first, second = masks(networks), masks(networks, seed=5)
    assert list(first) == list(PASSES)

    def terms(kept):
        backend.load_state(state)
        return recorded(backend, batch(kept=kept))

    usual, touched = terms(first), {}
    for one in PASSES:
        other = terms({**first, one: second[one]})
        touched[one] = {t for t, x in other.items() if abs(x - usual[t]) > 1e-9 and t[:3] != "acc"}
    assert touched == {
        "fake_b": {"adversarial_ab", "cycle_a", "discriminator_b"},
        "fake_a": {"adversarial_ba", "cycle_b", "discriminator_a"},
        "cycle_a": {"cycle_a"},
        "cycle_b": {"cycle_b"},
        "identity_a": {"identity_a"},
        "identity_b": {"identity_b"},
    }


def test_fakes_made_before_the_discriminators_update_have_the_same_masks(name):
    networks = model(UNET)
    kept = masks(networks)
    backend, _ = started(name, Objective(update_order="discriminators_first"), networks)
    first = recorded(backend, batch(kept=kept))
    backend, _ = started(name, Objective(), networks)
    assert recorded(backend, batch(kept=kept)) == pytest.approx(first, rel=1e-12)


def test_nothing_is_dropped_where_images_are_translated(name):
    """A mask of ones would multiply by 1 / (1 - rate); translation has none at all."""
    networks, one = model(UNET), batch()
    backend, state = started(name, Objective(), networks)
    translated = backend.translate(one.a, "ab")
    output = backend.activations("g_ab", one.a)["output"]
    assert np.array_equal(translated, np.clip(np.round((output + 1) * 127.5), 0, 255))
    whole = {p: tuple(np.ones_like(m) for m in ms) for p, ms in masks(networks).items()}
    plain = recorded(backend, one)
    backend.load_state(state)
    assert recorded(backend, one._replace(kept=whole))["cycle_a"] != pytest.approx(
        plain["cycle_a"], rel=1e-6
    )
    assert np.array_equal(backend.translate(one.a, "ab"), translated)


def test_images_that_are_only_looked_at_leave_running_statistics_alone(name):
    norm, one = NormSpec("batch", affine=True), batch()
    networks = model(replace(UNET, norm=norm), replace(PATCH, norm=norm))
    backend, state = started(name, Objective(), networks)
    scores = backend.patch_scores(one.a, "a")
    backend.translate(one.a, "ab")
    after = backend.state()
    assert all(np.array_equal(after[name], state[name]) for name in state)
    assert scores == pytest.approx(scores_of(backend, "d_a", one.a)[..., 0], rel=1e-12)


def test_gradients_flow_only_through_what_dropout_keeps(name):
    """With nothing kept by the innermost doublings their kernels have no part in any loss."""
    networks = model(UNET)
    backend, _ = started(name, Objective(), networks)
    nothing = {p: tuple(np.zeros_like(m) for m in ms) for p, ms in masks(networks).items()}
    gradients = backend.gradients(batch(kept=nothing))
    for layer in ("down2", "up2", "up1"):
        assert not gradients[f"g_ab/{layer}/kernel"].any()
    assert gradients["g_ab/head/kernel"].any() and gradients["g_ab/down0/kernel"].any()


# ---------------------------------------------------------------------------------- averages


def test_averages_follow_weights_and_statistics_and_translate_by_themselves(name):
    norm = NormSpec(kind="batch", affine=True)
    networks = model(replace(RESNET, norm=norm))
    objective = Objective(average=0.25)
    backend, before = started(name, objective, networks)
    one = batch(count=2)._replace(**RATES)
    backend.train_step(one)
    backend.losses()
    after = backend.state()
    averages = {n for n in after if n.startswith("average/")}
    followed = {*networks.parameter_shapes(), *networks.statistic_shapes()}
    assert averages == {f"average/{n}" for n in followed if n.startswith("g_")}
    decay = (1 + 1) / (10 + 1)  # of the first step; below 0.25
    for n in averages:
        current = after[n.removeprefix("average/")]
        expected = decay * before[n].astype(np.float64) + (1 - decay) * current
        np.testing.assert_allclose(after[n], expected, atol=1e-13)
    assert not np.array_equal(after["average/g_ab/head/kernel"], after["g_ab/head/kernel"])
    own = {n: after[f"average/{n}"] for n in followed if n.startswith("g_")}
    averaged = [backend.translate(one.a, "ab", averaged=True), backend.translate(one.b, "ba", True)]
    last = backend.translate(one.a, "ab")
    backend.load_state({**after, **own})
    assert np.array_equal(averaged[0], backend.translate(one.a, "ab"))
    assert np.array_equal(averaged[1], backend.translate(one.b, "ba"))
    assert not np.array_equal(averaged[0], last)


def test_without_an_average_a_state_has_none(name):
    backend, _ = started(name, Objective(average=0.0))
    backend.train_step(batch())
    assert not [n for n in backend.state() if n.startswith("average/")]
