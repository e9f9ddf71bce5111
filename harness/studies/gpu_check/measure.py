"""The pieces of a check, in the order in which they matter, until the time is up."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from backends.interface import Batch, Runtime
from backends.objective import LOSS_TERMS
from harness.config.experiment import Experiment, load_experiment
from harness.plan.initial_weights import initial_state
from harness.plan.plan import make_plan
from harness.plan.random_streams import stream
from harness.plan.step_cost import step_flops
from harness.processes.process import Child
from harness.processes.remote_backend import Process, load_in
from harness.studies.gpu_check.record import Parity, Reached, Record, Repeated, Started, Timed
from harness.system import dates, gpu, interpreters, provenance
from harness.system.energy_meter import Meter
from harness.system.errors import UserError, WorkerFailed
from harness.system.machine import Machine
from harness.system.progress import Display

# What is timed, most telling first. `channels_last` only means something to a backend that lists it
# among its neutral options.
SETTINGS: dict[str, dict[str, Any]] = {
    "float32": {},
    "float32, channels last": {"channels_last": True},
    "TF32": {"tf32": True},
    "bfloat16": {"precision": "bfloat16"},
    "bfloat16, channels last": {"precision": "bfloat16", "channels_last": True},
    "TF32, channels last": {"tf32": True, "channels_last": True},
    "deterministic": {"deterministic": True},
    "compiled": {"compile": "reduce-overhead"},
}
STEPS, IMAGES = 10, 4  # of the check whether steps can be repeated
BLOCKS, BLOCK_SECONDS = 8, 0.3
LEAST = 15.0  # seconds; with less left nothing more is begun
FAILURES = (WorkerFailed, UserError, ValueError, ImportError, MemoryError, OSError)


@dataclass(frozen=True)
class Request:
    """`presets`: what is trained: first all settings of the last one, which is the largest.

    `seconds`: of all together, about. `logs`: folder of what processes print.
    """

    backends: tuple[str, ...]
    machine: Machine
    logs: Path
    presets: tuple[str, ...] = ("quick", "paper")
    parity_preset: str = "smoke"
    seconds: float = 480.0


class Clock:
    """How much of the time is left."""

    def __init__(self, seconds: float):
        self._began, self._seconds = time.monotonic(), seconds

    @property
    def used(self) -> float:
        return time.monotonic() - self._began

    @property
    def left(self) -> float:
        return self._seconds - self.used


def check(request: Request, display: Display) -> Record:
    """Never raises for what a backend or the device does: that is what is recorded."""
    clock = Clock(request.seconds)
    machine = provenance.describe(request.machine.device)
    started = tuple(_started(request, name, clock, display) for name in request.backends)
    running = [each.backend for each in started if each.state == "ok"]
    parity = _parity(request, running, clock, display)
    reached = tuple(_reached(request, name, clock, display) for name in running)
    repeated = tuple(
        _repeated(request, name, deterministic, clock, display)
        for deterministic in (True, False)
        for name in running
    )
    lists = {each.backend: each.environment or {} for each in started}
    timed = tuple(
        _timed(request, name, preset, setting, clock, display)
        for preset, setting, name in _points(request, running, lists)
    )
    return Record(
        device=request.machine.device_name,
        device_kind=request.machine.device,
        threads=request.machine.threads,
        finished=dates.moment(dates.now()),
        seconds=clock.used,
        presets=request.presets,
        machine=machine,
        started=started,
        parity=parity,
        reached=reached,
        timed=timed,
        repeated=repeated,
    )


def _points(
    request: Request, running: list[str], environments: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, str, str]]:
    """Preset, setting and backend: the plain setting of every preset first, then the others."""
    first = next(iter(SETTINGS))
    for preset in request.presets:
        for name in running:
            yield preset, first, name
    for setting, changes in list(SETTINGS.items())[1:]:
        for name in running:
            neutral = environments[name].get("neutral_options", ())
            if "channels_last" not in changes or "channels_last" in neutral:
                yield request.presets[-1], setting, name


def _child(request: Request, name: str, experiment: Experiment, label: str, limit: float) -> Child:
    log = request.logs / f"{name}-{label.replace(', ', '-').replace(' ', '-')}.txt"
    first = {
        "backend": name,
        "experiment": experiment.model_dump(),
        "device": request.machine.device,
        "threads": request.machine.threads,
        "log": str(log.resolve()),
    }
    return Child("harness.training.timed_worker", name, log, first, patience=limit, backend=name)


def _experiment(preset: str, changes: dict[str, Any]) -> Experiment:
    plain = load_experiment(None, preset, [])
    settings = plain.model_dump()
    settings["runtime"] |= changes
    return Experiment.model_validate(settings)


def _why(error: Exception) -> str:
    return " ".join(str(error).split())[:500] or type(error).__name__


def _started(request: Request, name: str, clock: Clock, display: Display) -> Started:
    """Networks built, and two training steps: the first one compiles and tries kernels out."""
    display.say(f"{name}: a training step")
    if clock.left < LEAST:
        return Started(name, "skipped", "no time was left")
    try:
        experiment = _experiment(request.presets[0], {})
        with closing(_child(request, name, experiment, "start", clock.left)) as child:
            first = child.request(steps=1)["seconds"]
            return Started(
                name,
                "ok",
                environment=child.begin["environment"],
                setup_seconds=child.begin["setup_seconds"],
                first_step_seconds=first,
                step_seconds=child.request(steps=1)["seconds"],
            )
    except FAILURES as error:
        return Started(name, "failed", _why(error))


def _parity(request: Request, running: list[str], clock: Clock, display: Display) -> Parity:
    """By the command itself, in a process that can be ended when the time is up."""
    preset, device = request.parity_preset, request.machine.device
    if device == "cpu" and len(running) < 2:
        return Parity("skipped", "on a CPU it takes two backends", preset)
    if not running or clock.left < LEAST:
        return Parity("skipped", "no backend runs" if not running else "no time was left", preset)
    display.say("Parity: does the device compute what a CPU computes?")
    with TemporaryDirectory(prefix="cyclebench-") as folder:
        file = Path(folder) / "parity.json"
        options = ["--preset", preset, "--backends", ",".join(running), "--device", device]
        command = [sys.executable, "-m", "harness.cli", "parity", *options, "--to", str(file)]
        try:
            done = subprocess.run(
                [*command, "--json"],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=max(LEAST, clock.left / 2),
                env=interpreters.environment(),
            )
        except subprocess.TimeoutExpired:
            return Parity("failed", f"not done after {clock.left:.0f} s", preset)
        if not file.exists():
            last = done.stderr.strip().splitlines()[-1:] or [f"status {done.returncode}"]
            return Parity("failed", last[0][:500], preset)
        return Parity("ok", "", preset, tuple(json.loads(file.read_text("utf-8"))["rows"]))


def _reached(request: Request, name: str, clock: Clock, display: Display) -> Reached:
    display.say(f"{name}: the device's best")
    if clock.left < LEAST:
        return Reached(name, "skipped", "no time was left")
    try:
        experiment = _experiment(request.presets[0], {})
        with closing(_child(request, name, experiment, "peaks", clock.left)) as child:
            peaks = child.request(peaks=True)
        return Reached(name, "ok", "", peaks["matrix"], peaks["convolution"], peaks["bandwidth"])
    except FAILURES as error:
        return Reached(name, "failed", _why(error))


def _lacking(changes: Mapping[str, Any], device: str) -> str:
    """Why a device cannot compute so; empty where it can."""
    if device == "cpu":
        return "a CPU has no TF32" if "tf32" in changes else ""
    found, asked = gpu.find_gpu(), "tf32" in changes or "precision" in changes
    if found is None or not asked or found.has_bfloat16:
        return ""
    return f"compute capability {found.capability[0]}.{found.capability[1]} has neither of the two"


def _timed(
    request: Request, name: str, preset: str, setting: str, clock: Clock, display: Display
) -> Timed:
    device, meter = request.machine.device, Meter(request.machine.device)
    lacking = _lacking(SETTINGS[setting], device)
    if lacking or clock.left < LEAST:
        return Timed(name, preset, setting, "skipped", lacking or "no time was left")
    display.say(f"{name}, {preset}: {setting}")
    try:
        experiment = _experiment(preset, SETTINGS[setting])
        with closing(_child(request, name, experiment, f"{preset}-{setting}", clock.left)) as child:
            first = child.request(steps=1)["seconds"]
            again = child.request(steps=2)["seconds"] / 2
            steps = max(1, round(BLOCK_SECONDS / again))
            child.request(steps=steps, warmup=True)
            before = meter.joules()
            blocks: list[float] = []
            # At least three, unless a step takes that long.
            while len(blocks) < BLOCKS and (clock.left > LEAST or len(blocks) < 3):
                blocks.append(child.request(steps=steps)["seconds"] / steps)
            joules = meter.since(before) / (steps * len(blocks))
            found = gpu.find_gpu() if device == "cuda" else None
            state = gpu.gpu_state(found) if found else {}
            memory = child.request(memory=True)
        clocks = state.get("clocks") or {}
        return Timed(
            backend=name,
            preset=preset,
            setting=setting,
            state="ok",
            first_step_seconds=first,
            blocks=tuple(blocks),
            peak_bytes=memory["bytes"],
            joules=joules if np.isfinite(joules) else None,
            clock_mhz=clocks.get("graphics_mhz"),
            throttle_reasons=tuple(state.get("throttle_reasons") or ()),
            flops=step_flops(experiment),
        )
    except FAILURES as error:
        if clock.left < 1:
            return Timed(name, preset, setting, "skipped", "not done when the time was up")
        return Timed(name, preset, setting, "failed", _why(error))


def _repeated(
    request: Request, name: str, deterministic: bool, clock: Clock, display: Display
) -> Repeated:
    display.say(f"{name}: the same steps twice" + (", deterministic" if deterministic else ""))
    if clock.left < LEAST:
        return Repeated(name, deterministic, "skipped", "no time was left")
    try:
        experiment = _experiment(request.presets[0], {"deterministic": deterministic})
        runtime = Runtime(
            device=request.machine.device,  # type: ignore[arg-type]
            threads=request.machine.threads,
            **experiment.runtime.model_dump(),
        )
        one, other = (_losses(name, experiment, runtime, clock.left) for _ in range(2))
    except FAILURES as error:
        return Repeated(name, deterministic, "failed", _why(error))
    # Accuracies are counts: one decision more or less is a jump.
    losses, others = (values[:, : len(LOSS_TERMS)] for values in (one, other))
    size = np.maximum(np.abs(losses), np.finfo(np.float64).tiny)
    largest = float((np.abs(others - losses) / size).max())
    same = bool(np.array_equal(one, other))
    return Repeated(name, deterministic, "ok", "", STEPS, same, largest)


def _losses(name: str, experiment: Experiment, runtime: Runtime, limit: float) -> np.ndarray:
    """Of STEPS steps in a new process; the plan, the images and the start are always the same."""
    model, objective = experiment.networks(), experiment.loss()
    with closing(Process(name, patience=limit)) as process:
        backend = load_in(process, name, model, objective, runtime)
        backend.load_state(initial_state(model, objective, 0, experiment.model.initial_weights))
        for batch in _batches(experiment):
            backend.train_step(batch)
        return backend.losses()


def _batches(experiment: Experiment) -> list[Batch]:
    data = experiment.data

    def noise(domain: str) -> np.ndarray:
        side, channels = data.load(domain), data.channels(domain)
        shape = (IMAGES, side, side, channels)
        return stream(0, f"gpu-check {domain}").integers(256, size=shape, dtype=np.uint8)

    plan, a, b = make_plan(experiment, 0, IMAGES, IMAGES), noise("a"), noise("b")
    return [plan.batch(step % plan.steps, a, b) for step in range(STEPS)]
