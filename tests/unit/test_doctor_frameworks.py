"""Backends that are asked to train one step, in processes of their own; frameworks made up."""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from contextlib import suppress
from typing import ClassVar

import psutil
import pytest

from harness.tools.doctor import frameworks, probe
from harness.tools.doctor.frameworks import (
    ProbeAnswer,
    cause,
    check_backends,
    judge,
    start_probes,
)

SEEN = {"versions": {"torch": "2.13.0", "cuda": None}, "device": "cpu", "threads": 2}
ON_GPU = {**SEEN, "device": "H200", "libraries": {"cudnn": "9.20.0"}}


@pytest.fixture
def logs(tmp_path, monkeypatch):
    """The folder for temporary files."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path / "temporary"


@pytest.fixture
def interpreter(tmp_path, monkeypatch, logs):
    """Writes a program that is run in place of Python, for the only backend there is."""

    def write(text):
        program = tmp_path / "python"
        program.write_text(f"#!{sys.executable} -S\n{text}")
        program.chmod(0o755)

    run = lambda backend, module: [str(tmp_path / "python"), module]  # noqa: E731
    monkeypatch.setattr(frameworks.interpreters, "command", run)
    monkeypatch.setattr(frameworks.interpreters, "expected", lambda: ("torch",))
    return write


@pytest.mark.parametrize(
    ("answers", "state", "says"),
    [
        ([ProbeAnswer("torch", "cpu", SEEN)], "ok", "torch 2.13.0; trains on cpu, 2 threads"),
        ([ProbeAnswer("torch", "cpu", {}, "ImportError: numpy")], "problem", "ImportError: numpy"),
        ([ProbeAnswer("torch", "cpu", {}, "starting", late=True)], "warning",
         "no answer within 60 s on cpu: it was starting"),
        ([ProbeAnswer("torch", "cpu", SEEN),
          ProbeAnswer("torch", "cuda", {}, "training", late=True)],
         "warning", "no answer within 240 s on cuda: it was training"),
        ([ProbeAnswer("torch", "cpu", SEEN), ProbeAnswer("torch", "cuda", {}, "no GPU")], "problem",
         "torch 2.13.0; cannot use the GPU: no GPU"),
        ([ProbeAnswer("torch", "cpu", SEEN), ProbeAnswer("torch", "cuda", ON_GPU)], "ok",
         "torch 2.13.0, cudnn 9.20.0; trains on H200"),
    ],
)  # fmt: skip
def test_what_a_backend_answers_is_judged(answers, state, says):
    found = judge("torch", answers)
    assert found.state == state and says in found.found
    assert bool(found.fix) is (state != "ok")


def test_what_helps_names_the_backend_that_make_setup_does_not_install_by_itself():
    assert judge("torch", [ProbeAnswer("torch", "cpu", {}, "x")]).fix == "`make setup`"
    on_cpu = ProbeAnswer("jax", "cpu", SEEN)
    assert judge("jax", [ProbeAnswer("jax", "cpu", {}, "x")]).fix == (
        "`make setup BACKENDS=torch,tf,jax`"
    )
    assert judge("jax", [on_cpu, ProbeAnswer("jax", "cuda", {}, "x")]).fix == (
        "`make setup BUILD=cuda BACKENDS=torch,tf,jax`, or ask for --device cpu"
    )


def test_a_probe_trains_a_step_and_translates_and_says_what_it_is_at(monkeypatch, capsys):
    done = []

    class Backend:
        def translate(self, images, direction):
            done.append(("translate", len(images), direction))

        def environment(self):
            return {**ON_GPU, "framework": "PyTorch", "precision": "float32"}

    class Stopwatch:
        backend, images_a = Backend(), [0, 1]

        def __init__(self, of):
            done.append((of["backend"], of["device"], of["experiment"]["preset"]))

        def train(self, steps):
            done.append(("train", steps))

    monkeypatch.setattr(probe, "Stopwatch", Stopwatch)
    events = []

    class Parent:
        first: ClassVar = {"backend": "torch", "device": "cuda"}
        send = staticmethod(events.append)

        def progress(self, **what):
            events.append(what)

    probe.serve(Parent())
    assert done == [("torch", "cuda", "smoke"), ("train", 1), ("translate", 1, "ab")]
    assert [event["doing"] for event in events[:-1]] == [
        "starting", "training one step", "translating one image",
    ]  # fmt: skip
    assert events[-1]["seen"] == {**ON_GPU, "framework": "PyTorch"}


def test_a_backend_that_trains_leaves_no_log(interpreter, logs):
    interpreter(f"import json; print(json.dumps({{'seen': {SEEN}}}))")
    [check] = check_backends(start_probes(False))
    assert check.state == "ok" and "trains on cpu" in check.found
    assert list(logs.iterdir()) == []


@pytest.mark.parametrize("full", [False, True])
def test_what_fails_is_told_in_a_line_and_kept_whole(interpreter, logs, monkeypatch, full):
    """`full`: there is no place for logs."""

    def fail(*_, **__):
        raise OSError("no space left")

    if full:
        monkeypatch.setattr(tempfile, "mkstemp", fail)
    interpreter(
        "import sys; print('a first line', file=sys.stderr)\nraise ImportError('no symbol')"
    )
    [check] = check_backends(start_probes(False))
    assert check.state == "problem"
    if full:
        assert "what it wrote" not in check.fix
        return
    assert check.found == "does not train: ImportError: no symbol"
    [log] = logs.iterdir()
    assert f"what it wrote: {log}" in check.fix and "\n" not in check.fix
    assert "a first line" in log.read_text() and "Traceback" in log.read_text()


def test_on_a_gpu_the_reason_is_told_and_not_what_follows_from_it(monkeypatch, tmp_path, logs):
    # Imported in place of PyTorch.
    (tmp_path / "torch.py").write_text(
        "import os, sys\n"
        "assert os.environ['TF_CPP_MIN_LOG_LEVEL'] == '0'\n"
        "print('2026 W tensorflow/gpu_device.cc:2343] Cannot dlopen some GPU libraries. x',"
        " file=sys.stderr)\n"
        "raise ValueError('device cuda: no GPU is seen')"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(frameworks.interpreters, "expected", lambda: ("torch",))
    probes = start_probes(True)
    assert [(each.backend, each.device) for each in probes] == [("torch", "cpu"), ("torch", "cuda")]
    on_cpu, on_gpu = (each.answer(lambda line: None) for each in probes)
    assert on_gpu.why == "Cannot dlopen some GPU libraries. x"
    assert on_cpu.why == "backend torch: device cuda: no GPU is seen"


def test_a_framework_that_hangs_is_given_up_and_its_processes_end(
    interpreter, monkeypatch, tmp_path
):
    monkeypatch.setattr(frameworks, "LIMITS", {"cpu": 2.0, "cuda": 2.0})
    monkeypatch.setattr(frameworks, "PATIENCE", 0.1)
    child = tmp_path / "child"
    # What it has started holds its pipe open, and would keep whoever reads it waiting.
    interpreter(
        "import subprocess, time\n"
        f"started = subprocess.Popen([{sys.executable!r}, '-c', 'import time; time.sleep(30)'])\n"
        f"open({str(child)!r}, 'w').write(str(started.pid))\n"
        'print(\'{"doing": "compiling"}\', flush=True)\ntime.sleep(30)'
    )
    said, began = [], time.monotonic()
    [found] = check_backends(start_probes(False), said.append)
    assert time.monotonic() - began < 20
    assert found.state == "warning"
    assert found.found == "no answer within 2 s on cpu: it was compiling"
    assert said == ["Waiting for torch to train a step on cpu, 2 s at most"]
    number, until = int(child.read_text()), time.monotonic() + 10
    while runs(number) and time.monotonic() < until:  # a signal takes a moment to be taken
        time.sleep(0.05)
    assert not runs(number)


def runs(number):
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(number).status() != psutil.STATUS_ZOMBIE


def test_a_process_that_is_stopped_is_given_up(interpreter, monkeypatch):
    monkeypatch.setattr(frameworks, "LIMITS", {"cpu": 0.2, "cuda": 0.2})
    interpreter("import time; time.sleep(30)")
    [one] = start_probes(False)
    one._child._process.send_signal(signal.SIGSTOP)
    [found] = check_backends([one])
    assert found.state == "warning" and one._child._process.returncode == -signal.SIGKILL
    assert not psutil.pid_exists(one._child._process.pid)


def test_of_a_gpu_that_takes_one_process_they_are_asked_one_by_one(interpreter, monkeypatch):
    interpreter("raise SystemExit(1)")
    monkeypatch.setattr(frameworks.interpreters, "expected", lambda: ("torch", "tf"))
    probes = start_probes(True, one_by_one=True)
    running = [each._child is not None for each in probes]
    assert running == [True, False, True, False]
    first, second = probes[1], probes[3]
    first.answer(lambda line: None)
    assert first._child._process.returncode and second._child is None
    assert second.answer(lambda line: None).why
    for each in probes:
        each.stop()


TORCH_OLD = (
    "/x/torch/cuda/__init__.py:180: UserWarning: CUDA initialization: The NVIDIA driver on your"
    " system is too old (found version 12040). Please update\n  return torch._C\n"
    'Traceback (most recent call last):\n  File "x"\nValueError: device cuda: PyTorch sees no GPU'
)
CHAIN = (
    "Traceback (most recent call last):\n  File x\nImportError: libcudart.so.12: cannot open shared"
    " object file\n\nDuring handling of the above exception\nTraceback (most recent call last):\n"
    "RuntimeError: it did not work"
)
NOISE = (
    "E0000 00:00:1 2 cuda_dnn.cc:8579] Unable to register cuDNN factory: already registered\n"
    "2026 E cuda_driver.cc:266] failed call to cuInit: CUDA_ERROR_NO_DEVICE\n"
    "ModuleNotFoundError: No module named 'numpy'\n"
)


@pytest.mark.parametrize(
    ("written", "device", "told"),
    [
        (TORCH_OLD, "cuda", "CUDA initialization: The NVIDIA driver on your system is too old"
         " (found version 12040). Please update"),
        (TORCH_OLD, "cpu", "ValueError: device cuda: PyTorch sees no GPU"),
        (CHAIN, "cuda", "ImportError: libcudart.so.12: cannot open shared object file"),
        (NOISE, "cpu", "ModuleNotFoundError: No module named 'numpy'"),
        (NOISE, "cuda", "failed call to cuInit: CUDA_ERROR_NO_DEVICE"),
        ("RuntimeError: cuDNN error: CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH", "cuda",
         "RuntimeError: cuDNN error: CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH"),
        ("first\nlast\n", "cpu", "killed (SIGSEGV)"),
        ("", "cuda", "killed (SIGSEGV)"),
        ("ValueError: " + "x" * 999, "cpu", "ValueError: " + "x" * 288),
    ],
)  # fmt: skip
def test_the_first_line_that_names_a_cause_is_told(written, device, told):
    assert cause(written, device, "killed (SIGSEGV)") == told
