"""A backend in another process, and one here, do the same."""

from __future__ import annotations

import gc
import signal
import sys
import weakref
from contextlib import closing
from types import SimpleNamespace

import numpy as np
import pytest
from frameworks import EACH
from tiny_networks import LINEAR, SHALLOW, drawn_state, model

import backends
from backends.gan import GanBackend
from backends.interface import Backend, Batch, PoolDecision, Runtime
from backends.objective import Objective
from harness.processes import backend_process, wire
from harness.processes.remote_backend import Process, load_anywhere, load_in, process_of, run_with
from harness.studies.parity.backend_cache import relative
from harness.system import interpreters
from harness.system.errors import WorkerFailed
from harness.system.provenance import default_threads

NETWORKS, OBJECTIVE = model(SHALLOW, LINEAR), Objective(pool_size=2)
DRAW = np.random.default_rng(5)
IMAGES = DRAW.integers(256, size=(2, 16, 16, 3), dtype=np.uint8)
STORE = PoolDecision(np.array([1, 2], np.int32), np.array([0, 0], np.int32))
BATCH = Batch(IMAGES, IMAGES[::-1].copy(), STORE, STORE, np.zeros(2), np.zeros(2), {}, 1e-3, 1e-3)


@pytest.fixture(scope="module", params=EACH)
def pair(request, tmp_path_factory):
    """One here and one there, in a Python that differs from this one by its name."""
    name = request.param
    script = tmp_path_factory.mktemp("interpreter") / "python"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    script.chmod(0o755)
    runtime = Runtime(threads=default_threads())
    here = backends.load(name, NETWORKS, OBJECTIVE, runtime)
    process_of.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(backends.interpreter_variable(name), str(script))
        assert not interpreters.is_own(name)
        there = load_anywhere(name, NETWORKS, OBJECTIVE, runtime)
        yield here, there
        process_of(name).close()
    process_of.cache_clear()


def test_every_method_gives_the_same(pair, eager):
    """Here without graphs, there with them."""
    results = []
    for backend in pair:
        backend.load_state(drawn_state(NETWORKS, OBJECTIVE))
        gradients = backend.gradients(BATCH)
        for _ in range(3):
            backend.train_step(BATCH)
        losses = backend.losses()
        backend.apply_gradients(gradients, 1e-3, 2e-3)
        results.append(
            {
                **backend.state(),
                **{f"gradient of {name}": array for name, array in gradients.items()},
                **backend.activations("g_ab", IMAGES, training=True),
                "losses": losses,
                "translated": backend.translate(IMAGES, "ba"),
                "scores": backend.patch_scores(IMAGES, "b"),
            }
        )
        assert backend.timed_step(BATCH)["generators_forward"] > 0
        backend.synchronize()
        assert backend.peak_memory().bytes > 2**20
    here, there = results
    assert here.keys() == there.keys()
    # Two frameworks in one process lend each other libraries, and round otherwise than alone. What
    # only rounding moves then goes as far as Adam takes a step.
    noise = tuple(NETWORKS.zero_gradients())
    for name, array in here.items():
        assert array.dtype == there[name].dtype and array.shape == there[name].shape, name
        if not name.endswith(noise):
            assert relative(array, there[name]) < 5e-3, name
    assert pair[0].environment()["versions"] == pair[1].environment()["versions"]


def test_what_it_refuses_is_refused_here(pair):
    state = drawn_state(NETWORKS, OBJECTIVE)
    del state["d_a/head/bias"]
    for backend in pair:
        with pytest.raises(ValueError, match=r"^state: d_a/head/bias is missing$"):
            backend.load_state(state)


def test_only_the_interface_is_called(pair):
    _, there = pair
    with pytest.raises(AttributeError):
        there.trainer  # noqa: B018
    process = there._process
    with pytest.raises(WorkerFailed, match="KeyError"):
        process.ask("call", there._number, "__class__", (), {})
    with pytest.raises(WorkerFailed, match="KeyError"):
        process.ask("run", "system", ("true",))


def test_what_nobody_has_any_more_is_let_go_of_there(pair):
    _, there = pair
    process = there._process
    spare = load_in(process, process.name, NETWORKS, OBJECTIVE, there.runtime)
    number = spare._number
    assert process.ask("call", number, "losses", (), {}).shape[0] == 0
    del spare
    with pytest.raises(WorkerFailed, match="KeyError"):
        process.ask("call", number, "losses", (), {})
    assert there.translate(IMAGES, "ab").shape == IMAGES.shape


def test_a_backend_that_refers_to_itself_is_let_go_of_at_once(monkeypatch):
    """As JAX's does, through its compiled functions: the memory of dozens is more than there is."""

    class Stub:
        """Unlike SimpleNamespace it can be watched."""

    alive = []

    def load(name):
        backend = Stub()
        backend.itself = backend
        alive.append(weakref.ref(backend))
        return backend

    def commands():
        for name, forget in (("one", []), ("two", [0])):
            given, content = wire.pack((name,))
            yield {"verb": "load", "given": given, "content": len(content), "forget": forget}
        assert [each() is None for each in alive] == [True, False]

    monkeypatch.setattr(backend_process.backends, "load", load)
    parent = SimpleNamespace(commands=commands, read=lambda count: b"", send=lambda *_: None)
    gc.disable()
    try:
        backend_process.serve(parent)
    finally:
        gc.enable()


def test_what_goes_wrong_there_is_said_and_the_process_goes_on(pair):
    _, there = pair
    with pytest.raises((WorkerFailed, ValueError)):
        there.train_step(BATCH._replace(a=IMAGES[..., :1]))
    assert there.translate(IMAGES, "ab").shape == IMAGES.shape


def test_every_method_of_the_interface_can_be_called():
    from harness.processes.backend_process import METHODS

    methods = {name for name in (*dir(Backend), *dir(GanBackend)) if not name.startswith("_")}
    assert methods == METHODS


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (signal.SIGKILL, "torch: killed"),
        (signal.SIGSTOP, "torch: did nothing for 0 s and was killed"),
    ],
)
def test_one_that_dies_or_hangs_is_told_of_and_ended(sent, says):
    with closing(Process("torch")) as process:
        process.patience = 0.2
        process._process.send_signal(sent)
        with pytest.raises(WorkerFailed, match=says):
            process.ask("run", "write_tensors", ("nothing", {}))


@pytest.mark.parametrize("pair", ["torch"], indirect=True)
def test_files_of_pytorch_are_written_there(pair, tmp_path):
    arrays = {"a.weight": DRAW.normal(size=(2, 3)).astype(np.float32), "count": np.array(3)}
    run_with("torch", "write_tensors", tmp_path / "file.pth", arrays)
    torch = pytest.importorskip("torch")
    found = torch.load(tmp_path / "file.pth", weights_only=True)
    assert found.keys() == arrays.keys()
    assert all(np.array_equal(found[name].numpy(), array) for name, array in arrays.items())
