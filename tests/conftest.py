"""Shared fixtures: real photographs where the machine has them, a cache no user shares.

And how the suite is shared out among processes, where `make test` runs it in several.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from frameworks import INSTALLED
from threadpoolctl import threadpool_limits

from harness.system import provenance

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# Tests are of what a CPU computes, to the last bit, on a machine with a GPU, too: no program that
# they start may see it.
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
# No test may depend on whether this machine can download FID's weights.
os.environ["CYCLEBENCH_OFFLINE"] = "1"
# PyTorch's threads wait for each other spinning, which takes eight times as long where another
# process wants the core. Asleep they compute the same. Read once, when OpenMP is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Each has both frameworks in memory, more than 1 GB.
MOST_PROCESSES = 4
# Title -> text to end with, from whichever process the tests ran in.
NOTES: dict[str, str] = {}


@pytest.fixture(scope="session")
def photographs() -> Path:
    """Folder of real data sets; tests that ask for it are skipped where there is none."""
    folder = os.environ.get("CYCLEBENCH_DATA")
    if not folder:
        pytest.skip("CYCLEBENCH_DATA is not set: no real photographs here")
    return Path(folder)


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh cache for the whole test session."""
    folder = tmp_path_factory.mktemp("cache")
    os.environ["CYCLEBENCH_CACHE"] = str(folder)
    return folder


# ------------------------------------------------------------------------- several processes


@pytest.fixture(scope="session", autouse=True)
def fair_share() -> Iterator[None]:
    """Of several test processes each has its own share of the cores, and programs it starts too.

    Two programs with as many threads as there are cores would wait for each other at every turn.
    """
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if processes == 1:
        yield
        return
    cores = provenance.default_threads()
    share = max(1, cores // processes)
    with pytest.MonkeyPatch.context() as patch, threadpool_limits(share):
        patch.setattr(provenance, "default_threads", lambda: share)
        if hasattr(os, "sched_setaffinity") and share * processes <= cores:
            number = int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw")) % processes
            mine = sorted(os.sched_getaffinity(0))[number * share :][:share]
            os.sched_setaffinity(0, mine)
        yield


@pytest.fixture(scope="session")
def tensorflow(fair_share: None) -> None:
    """TensorFlow with the threads that a backend asks of it: once started it takes no others.

    For tests that use it without a backend and may come first in their process.
    """
    from backends.interface import Runtime
    from backends.tf_impl import device

    device.configure(Runtime(threads=provenance.default_threads()))


@pytest.fixture
def started_jax(fair_share: None) -> None:
    """JAX with the threads that a backend asks of it: once started it takes no others."""
    from backends import jax_impl
    from backends.interface import Runtime

    jax_impl.prepare(Runtime(threads=provenance.default_threads()))


@pytest.fixture
def compiled_quickly(started_jax: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """JAX as Runtime asks for it without graphs: what tests compute takes next to no time."""
    from backends.jax_impl import device

    real = device.graph
    monkeypatch.setattr(device, "graph", lambda runtime: real(replace(runtime, traced=False)))


@pytest.fixture
def eager(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Without graphs, which cost seconds to make; what is computed is the same.

    Nor does Keras trace a network to make its variables: the first call makes them, too.
    """
    import tensorflow as tf
    from keras.src.layers import layer

    if "jax" in INSTALLED:
        request.getfixturevalue("compiled_quickly")
    monkeypatch.setattr(layer, "might_have_unbuilt_state", lambda one: False, raising=False)
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """What `pytest -n auto` means: a process for every core, within reason."""
    return min(provenance.default_threads(), MOST_PROCESSES)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log):
    """Files stay whole, so that nothing is prepared twice, and begin in the order collected.

    The slow ones come first that way (`testpaths`), and the many quick ones of tests/unit fill
    what is left.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return scope(nodeid)

    config.option.loadscopereorder = False
    return ByFile(config, log)


# By folder, files that share what takes long to prepare: one comparison, one climb of the ladder.
TOGETHER = {
    "end_to_end": ("test_compare.py", "test_estimate.py", "test_translate.py", "test_verify.py"),
    "known_answer": ("test_in_processes.py", "test_known_answer.py"),
    "parity": ("test_defects.py", "test_device.py", "test_parity.py", "test_report.py"),
}


def scope(nodeid: str) -> str:
    """What one process runs as a whole."""
    file = Path(nodeid.partition("::")[0])
    together = file.name in TOGETHER.get(file.parent.name, ())
    return str(file.parent if together else file)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """Properties as JUnit writes them: an object would not get from one process to another."""
    report = yield
    report.user_properties = [(name, str(value)) for name, value in report.user_properties]
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A process of several hands its notes to the first."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["notes"] = NOTES


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node) -> None:
    # Of a process that crashed there are none.
    for title, text in getattr(node, "workeroutput", {}).get("notes", {}).items():
        NOTES[title] = NOTES.get(title, "") + text


@pytest.fixture(scope="session")
def notes() -> dict[str, str]:
    return NOTES


def pytest_terminal_summary(terminalreporter) -> None:
    for title, text in NOTES.items():
        terminalreporter.section(title)
        terminalreporter.write(text)
