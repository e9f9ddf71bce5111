"""GANs climb a ladder of their own, and every mistake planted in one is named by its rung."""

from __future__ import annotations

import numpy as np
import pytest
from defects_of_gan import OF_GAN
from frameworks import INSTALLED
from test_defects import check

from backends.gan import GanModel, GanObjective
from backends.interface import Runtime
from harness.config.load import load_any
from harness.processes.remote_backend import load_anywhere
from harness.studies.parity import Rung, climb
from harness.studies.parity.backend_cache import BackendCache
from harness.studies.parity.check import case_of
from harness.studies.parity.gan_case import with_adversarial
from harness.studies.parity.ladder import GAN_CHECKS

LOSSES = ("vanilla", "least_squares", "wasserstein")
CASES = {"usual": "vanilla", "least_squares": "least_squares", "wasserstein": "wasserstein"}
PRESET = "gan-mnist-vanilla"


def gan_cache(adversarial: str, names: tuple[str, ...] = ("torch", "tf")) -> BackendCache:
    case = case_of(load_any("seasons", PRESET, []))
    return BackendCache(with_adversarial(case, adversarial), names)


@pytest.fixture(scope="module")
def caches() -> dict[str, BackendCache]:
    return {name: gan_cache(adversarial) for name, adversarial in CASES.items()}


@pytest.mark.parametrize("adversarial", LOSSES)
def test_backends_agree_with_numpy_and_with_each_other(adversarial):
    """With the graphs that a training has."""
    rows = list(climb(gan_cache(adversarial)))
    assert [row for row in rows if not row.passed] == []
    assert {row.check for row in rows} == {check.rung.label for check in GAN_CHECKS}


@pytest.mark.skipif("jax" not in INSTALLED, reason="not here: pip install cyclebench[jax]")
@pytest.mark.parametrize("adversarial", LOSSES)
def test_jax_agrees(compiled_quickly, adversarial):
    rows = list(climb(gan_cache(adversarial, ("torch", "jax"))))
    assert [row for row in rows if not row.passed] == []


@pytest.mark.planted
@pytest.mark.parametrize("defect", OF_GAN, ids=lambda each: f"{each.backend}: {each.name}")
def test_a_planted_defect_is_named_by_its_rung(monkeypatch, eager, caches, defect, record_property):
    healthy = caches[defect.case]
    for row in climb(healthy):
        if row.check > defect.rung.label:
            break
        assert row.passed, row.what
    check(monkeypatch, healthy, defect, record_property)


def test_every_rung_of_its_ladder_has_a_defect():
    own = {check.rung for check in GAN_CHECKS}
    # What these check is planted in CycleGANs, whose optimiser and plan it is.
    assert own - {defect.rung for defect in OF_GAN} <= {
        Rung.LEARNING_RATE, Rung.TRAJECTORY, Rung.NOT_FINITE,
    }  # fmt: skip
    assert min(sum(each.backend == name for each in OF_GAN) for name in ("torch", "tf")) >= 8


@pytest.mark.parametrize("backend", ["torch", "tf"])
@pytest.mark.parametrize(
    ("runtime", "key"),
    [({"replicas": 2}, "runtime.replicas"), ({"precision": "bfloat16"}, "runtime.precision")],
)
def test_what_a_gan_cannot_do_is_refused(backend, runtime, key):
    with pytest.raises(ValueError, match=key):
        load_anywhere(backend, GanModel((8, 8, 1)), GanObjective(), Runtime(**runtime))


@pytest.mark.parametrize("backend", ["torch", "tf"])
def test_a_state_that_does_not_fit_changes_nothing(backend):
    model = GanModel((8, 8, 1), noise=5, hidden=(6,), discriminator_hidden=(6,))
    gan = load_anywhere(backend, model, GanObjective(), Runtime(traced=False))
    shapes = model.state_shapes(GanObjective()).items()
    state = {name: np.full(shape, 0.1, np.float32) for name, shape in shapes}
    state["step"] = np.array(2, np.int64)
    gan.load_state(state)
    for wrong in (
        {k: v for k, v in state.items() if k != "g/head/bias"},
        {**state, "g/dense0/kernel": state["g/dense0/kernel"].T},
        {**state, "pool_a": state["step"]},
    ):
        with pytest.raises(ValueError, match=r"^state: "):
            gan.load_state(wrong)
    assert all(np.array_equal(array, state[name]) for name, array in gan.state().items())
