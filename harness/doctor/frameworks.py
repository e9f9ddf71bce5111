"""Every backend in a process of its own: does it start, and which device does it see?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import backends
from harness.doctor.check import Check, ok
from harness.doctor.keras_settings import settings_file

PATIENCE = 16.0  # seconds until every one has answered; a quiet machine takes five


@dataclass(frozen=True)
class Probe:
    """A running process of `harness.doctor.probe`."""

    backend: str
    device: str
    process: subprocess.Popen[str]
    until: float  # on the monotonic clock


@dataclass(frozen=True)
class Answer:
    """`seen`: what the backend says of itself; empty where it does not start, and then `why`."""

    backend: str
    device: str
    seen: Mapping[str, object]
    why: str = ""
    late: bool = False


def check_gpu(name: str | None) -> Check:
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if name is None:
        return ok("GPU", "the driver shows no NVIDIA GPU (nvidia-smi); the CPU is used")
    if hidden is not None and hidden.strip() in ("", "-1"):
        fix = "unset CUDA_VISIBLE_DEVICES, or ask for --device cpu"
        return Check("GPU", "problem", f"{name}, hidden by CUDA_VISIBLE_DEVICES={hidden!r}", fix)
    return ok("GPU", name)


def start_probes(gpu: str | None) -> tuple[Probe, ...]:
    """All at once, on the CPU and, where the driver shows a GPU, there. Writes nothing."""
    devices = ("cpu", "cuda") if gpu else ("cpu",)
    return tuple(_start(name, device) for name in backends.available() for device in devices)


def check_backends(probes: Sequence[Probe]) -> Iterator[Check]:
    """Waits for their answers, PATIENCE from their start at most."""
    answers = [_answer(probe) for probe in probes]
    for name in dict.fromkeys(probe.backend for probe in probes):
        yield judge(name, [each for each in answers if each.backend == name])


def judge(name: str, answers: list[Answer]) -> Check:
    """What the answers of one backend come to."""
    title = f"backend {name}"
    first = answers[0]
    if any(each.late for each in answers):
        fix = "look again when nothing else runs"
        return Check(title, "warning", f"no answer within {PATIENCE:.0f} s", fix)
    if not first.seen:
        fix = "`make setup`; the whole error: `cyclebench parity --preset smoke`"
        return Check(title, "problem", f"does not start: {first.why}", fix)
    versions = first.seen["versions"]
    assert isinstance(versions, Mapping)
    said = ", ".join(f"{package} {version}" for package, version in versions.items() if version)
    blind = next((each for each in answers if each.device == "cuda" and not each.seen), None)
    if blind is not None:
        fix = "`make setup BUILD=cuda` installs builds for GPUs; or ask for --device cpu"
        return Check(title, "problem", f"{said}; cannot use the GPU: {blind.why}", fix)
    device = answers[-1].seen["device"]
    return ok(title, f"{said}; sees {device}, {first.seen['threads']} threads")


def _start(name: str, device: str) -> Probe:
    """Its own imports are to leave no trace: no byte code, no folder of Keras's settings."""
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONDONTWRITEBYTECODE": "1"}
    if "KERAS_HOME" not in os.environ and not settings_file().exists():
        quiet["KERAS_HOME"] = os.devnull
    process = subprocess.Popen(
        [sys.executable, "-m", "harness.doctor.probe", name, device],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env={**os.environ, **quiet},
    )
    return Probe(name, device, process, time.monotonic() + PATIENCE)


def _answer(probe: Probe) -> Answer:
    try:
        out, said = probe.process.communicate(timeout=max(0.1, probe.until - time.monotonic()))
    except subprocess.TimeoutExpired:
        probe.process.kill()
        probe.process.communicate()
        return Answer(probe.backend, probe.device, {}, late=True)
    if probe.process.returncode:
        last = said.strip().splitlines()[-1:] or [f"status {probe.process.returncode}"]
        return Answer(probe.backend, probe.device, {}, last[0][:300])
    return Answer(probe.backend, probe.device, json.loads(out.splitlines()[-1]))
