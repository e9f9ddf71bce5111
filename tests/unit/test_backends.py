"""Each backend on its own, against NumPy."""

import numpy as np
import pytest
from frameworks import ALWAYS, INSTALLED

import backends
from backends.interface import POOL_PASS, POOL_STORE, POOL_SWAP, Batch, PoolDecision, Runtime
from backends.objective import RECORDED
from harness.config.load import load_experiment
from harness.plan.initial_weights import initial_state
from harness.processes.loading import load_here
from harness.system import provenance
from harness.system.errors import UserError

NAMES = INSTALLED


@pytest.fixture(scope="module")
def setting():
    tiny = ["model.filters=2", "model.blocks=1", "model.discriminator_layers=1"]
    experiment = load_experiment("seasons", "smoke", [*tiny, "objective.pool_size=2"])
    return experiment.networks(), experiment.loss()


@pytest.fixture(scope="module")
def built(setting):
    runtime = Runtime(threads=provenance.default_threads(), precision="float64")
    return {name: backends.load(name, *setting, runtime) for name in NAMES}


@pytest.fixture(params=ALWAYS)
def backend(request, built, setting):
    backend = built[request.param]
    backend.load_state(initial_state(*setting, 0))
    backend.losses()
    return backend


def batch(seed, action=POOL_PASS, slot=0, learning_rate=2e-4, size=1):
    draw = np.random.default_rng(seed)
    a, b = (draw.integers(256, size=(size, 32, 32, 3), dtype=np.uint8) for _ in "ab")
    decision = PoolDecision(np.full(size, action, np.int32), np.full(size, slot, np.int32))
    mix = np.full(size, 0.5)
    return Batch(a, b, decision, decision, mix, mix, {}, learning_rate, learning_rate)


def test_torch_comes_first_and_unknown_names_are_refused(setting):
    assert backends.available() == ("torch", "tf", "jax")
    with pytest.raises(KeyError):
        backends.load("../torch", *setting, Runtime())


@pytest.mark.usefixtures("eager")
def test_losses_are_one_row_a_step_and_are_handed_out_once(backend):
    backend.train_step(batch(0))
    backend.train_step(batch(1))
    losses = backend.losses()
    assert losses.shape == (2, len(RECORDED))
    assert np.isfinite(losses).all()
    assert backend.losses().shape == (0, len(RECORDED))


@pytest.mark.usefixtures("eager")
def test_every_term_is_the_mean_over_elements_that_numpy_computes(backend, setting):
    # With kernels of zero every network puts out a constant, set by the bias of its head.
    state = {name: np.zeros_like(x) for name, x in initial_state(*setting, 0).items()}
    heads = {"g_ab": 0.3, "g_ba": -0.2, "d_a": 0.8, "d_b": 0.4}
    for network, bias in heads.items():
        state[f"{network}/head/bias"] += bias
    backend.load_state(state)
    one = batch(0)
    backend.train_step(one)
    recorded = dict(zip(RECORDED, backend.losses()[0], strict=True))
    a, b = one.a / 127.5 - 1, one.b / 127.5 - 1
    in_a, in_b = np.tanh(heads["g_ba"]), np.tanh(heads["g_ab"])
    score_a, score_b = heads["d_a"], heads["d_b"]
    expected = {
        "adversarial_ab": (score_b - 1) ** 2,
        "adversarial_ba": (score_a - 1) ** 2,
        "cycle_a": np.abs(in_a - a).mean(),
        "cycle_b": np.abs(in_b - b).mean(),
        "identity_a": np.abs(in_a - a).mean(),
        "identity_b": np.abs(in_b - b).mean(),
        "discriminator_a": (score_a - 1) ** 2 + score_a**2,
        "discriminator_b": (score_b - 1) ** 2 + score_b**2,
        "accuracy_real_a": 1.0,
        "accuracy_fake_a": 0.0,
        "accuracy_real_b": 0.0,
        "accuracy_fake_b": 1.0,
        "penalty_a": 0.0,
        "penalty_b": 0.0,
    }
    assert recorded == pytest.approx(expected, rel=1e-6)


@pytest.mark.usefixtures("eager")
def test_pool_stores_swaps_and_passes_as_told(backend):
    backend.train_step(batch(0, POOL_STORE, 1))
    after_store = backend.state()["pool_a"]
    assert after_store[1].any() and not after_store[0].any()
    backend.train_step(batch(1, POOL_PASS, 1))
    assert np.array_equal(backend.state()["pool_a"], after_store)
    backend.train_step(batch(2, POOL_SWAP, 1))
    after_swap = backend.state()["pool_a"]
    assert not np.array_equal(after_swap[1], after_store[1])
    assert not after_swap[0].any()


@pytest.mark.usefixtures("eager")
def test_the_first_adam_step_has_the_size_of_the_learning_rate(backend):
    before = backend.state()
    gradients = backend.gradients(batch(0))
    backend.train_step(batch(0, learning_rate=1e-3))
    after = backend.state()
    name = "d_a/head/kernel"
    gradient = gradients[name]
    # Bias-corrected first step: lr * g / (|g| + epsilon), whatever the betas.
    expected = before[name] - 1e-3 * gradient / (np.abs(gradient) + 1e-8)
    assert np.allclose(after[name], expected, rtol=0, atol=1e-12)
    assert after["step"] == 1
    assert np.allclose(after[f"adam_m/{name}"], 0.5 * gradient, rtol=1e-9)
    assert np.allclose(after[f"adam_v/{name}"], 0.001 * gradient**2, rtol=1e-9)


@pytest.mark.usefixtures("eager")
def test_gradients_are_those_of_finite_differences_and_leave_the_state_alone(backend, setting):
    model, objective = setting
    state = initial_state(model, objective, 0)
    draw = np.random.default_rng(1)
    for name in model.parameter_shapes():
        state[name] = draw.normal(0, 0.3, state[name].shape)
    backend.load_state(state)
    one = batch(0, POOL_STORE, 0)
    gradients = backend.gradients(one)
    assert all(np.array_equal(backend.state()[k], state[k]) for k in state if k[:4] == "pool")
    key, place, h = "g_ab/head/kernel", (3, 3, 0, 1), 1e-6

    def generator_loss(value):
        moved = {**state, key: state[key].copy()}
        moved[key][place] = value
        backend.load_state(moved)
        backend.train_step(one)
        terms = dict(zip(RECORDED, backend.losses()[0], strict=True))
        cycles = terms["cycle_a"] + terms["cycle_b"]
        identities = terms["identity_a"] + terms["identity_b"]
        weighted = 10 * cycles + 5 * identities
        return terms["adversarial_ab"] + terms["adversarial_ba"] + weighted

    x = state[key][place]
    slope = (generator_loss(x + h) - generator_loss(x - h)) / (2 * h)
    assert gradients[key][place] == pytest.approx(slope, rel=1e-4)


def test_a_state_with_a_missing_or_misshapen_entry_changes_nothing(backend, setting):
    state = initial_state(*setting, 1)
    before = backend.state()
    missing = {k: v for k, v in state.items() if k != "adam_v/d_b/head/bias"}
    with pytest.raises(ValueError, match="adam_v/d_b/head/bias is missing"):
        backend.load_state(missing)
    with pytest.raises(ValueError, match="pool_a has shape"):
        backend.load_state({**state, "pool_a": state["pool_a"][:1]})
    with pytest.raises(ValueError, match="unknown to this model"):
        backend.load_state({**state, "g_ab/stem/scale": state["pool_a"]})
    after = backend.state()
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_translation_takes_any_multiple_of_four_and_does_not_mix_images(backend):
    draw = np.random.default_rng(3)
    images = draw.integers(256, size=(3, 36, 44, 3), dtype=np.uint8)
    translated = backend.translate(images, "ba")
    assert translated.shape == images.shape and translated.dtype == np.uint8
    assert np.array_equal(backend.translate(images[1:2], "ba")[0], translated[1])
    assert not np.array_equal(backend.translate(images, "ab"), translated)


@pytest.mark.parametrize("domain", ["a", "b"])
def test_patch_scores_are_what_the_domains_discriminator_puts_out(backend, domain):
    images = np.random.default_rng(4).integers(256, size=(3, 32, 40, 3), dtype=np.uint8)
    scores = backend.patch_scores(images, domain)
    output = backend.activations(f"d_{domain}", images)["output"][..., 0]
    assert scores.dtype == output.dtype and scores.shape == output.shape
    assert scores == pytest.approx(output, abs=2e-6)
    assert np.array_equal(backend.patch_scores(images[1:2], domain)[0], scores[1])


def test_a_cuda_device_is_refused_where_there_is_none(setting):
    if provenance.gpu_name():
        pytest.skip("this machine has a GPU")
    for name in NAMES:
        with pytest.raises(
            ValueError,
            match=r"sees no(ne: it is installed without| GPU: .* not compiled with)",
        ):
            backends.load(name, *setting, Runtime("cuda", provenance.default_threads()))
        with pytest.raises(UserError, match=rf"^backend {name}: device cuda: .*`make doctor`"):
            load_here(name, *setting, Runtime("cuda", provenance.default_threads()))


def test_environment_names_what_is_in_force(backend):
    environment = backend.environment()
    assert environment["precision"] == "float64"
    assert environment["threads"] == provenance.default_threads()
    assert environment["versions"]["numpy"] == np.__version__


def test_peak_memory_of_a_cpu_process_is_plausible(backend):
    peak = backend.peak_memory()
    assert peak.kind == "resident"
    assert 50e6 < peak.bytes < 50e9
