"""Measures the pieces of a check, the most important ones first, until the time is up."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import numpy as np

from backends.objective import LOSS_TERMS
from harness.config.experiment import Experiment
from harness.config.load import load_experiment
from harness.plan.step_cost import step_flops
from harness.studies.gpu_check.record import (
    GpuCheckRecord,
    Parity,
    Reached,
    Repeated,
    Started,
    Timed,
)
from harness.system import dates, gpu, interpreters, provenance
from harness.system.energy_meter import Meter
from harness.system.errors import UserError, WorkerFailed
from harness.system.machine import Machine
from harness.system.progress import Display
from harness.training.timed_session import TimedSession, joules_of, timed_session

# What is timed, the most informative settings first: changes to a preset's runtime. Settings with
# `channels_last` are only for backends that list it among their neutral options.
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
PARITY_PRESET = "smoke"
STEPS = 10  # of the check whether steps can be repeated
BLOCKS, BLOCK_SECONDS = 8, 0.3
LEAST = 15.0  # seconds; no piece is begun with less left
FAILURES = (WorkerFailed, UserError, ValueError, ImportError, MemoryError, OSError)
Piece = TypeVar("Piece", Started, Parity, Reached, Timed, Repeated)


class Skipped(Exception):
    """A piece is not measured; the message says why."""


@dataclass(frozen=True)
class GpuCheck:
    """What to check. `presets`: whose networks and images are used. The plain setting is timed with
    every preset, then all other settings with the last one.

    `logs`: folder of what processes print. `seconds`: about how long all pieces may take together,
    from `began` on.
    """

    backends: tuple[str, ...]
    machine: Machine
    logs: Path
    display: Display
    presets: tuple[str, ...]
    seconds: float = 480.0
    began: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.began + self.seconds - time.monotonic()

    def piece(
        self, kind: Callable[..., Piece], measure: Callable[..., Mapping[str, Any]], **keys: Any
    ) -> Piece:
        """A piece of the record: `keys` say which, `measure(self, **keys)` gives its other fields.

        A failure is recorded in the piece, with its reason. Without time left a piece is skipped.
        """
        try:
            if self.left < LEAST:
                raise Skipped("no time was left")
            return kind(**keys, state="ok", **measure(self, **keys))
        except Skipped as reason:
            return kind(**keys, state="skipped", why=str(reason))
        except FAILURES as error:
            if self.left < 1 and kind is Timed:
                return kind(**keys, state="skipped", why="not done when the time was up")
            why = " ".join(str(error).split())[:500] or type(error).__name__
            return kind(**keys, state="failed", why=why)

    def session(
        self, backend: str, preset: str, changes: Mapping[str, Any], label: str
    ) -> AbstractContextManager[TimedSession]:
        """A new process of one backend, with `changes` to the runtime of a preset."""
        experiment = _experiment(preset, changes)
        return timed_session(
            experiment, self.machine, (backend,), self.logs, label, patience=self.left
        )


def _experiment(preset: str, changes: Mapping[str, Any]) -> Experiment:
    overrides = [f"runtime.{key}={value}" for key, value in changes.items()]
    return load_experiment(None, preset, overrides)


def check(run: GpuCheck) -> GpuCheckRecord:
    """Measures all pieces. What a backend or the device does wrong is recorded, never raised."""
    machine = provenance.describe(run.machine.device)
    started = tuple(run.piece(Started, _start, backend=name) for name in run.backends)
    running = [piece.backend for piece in started if piece.state == "ok"]
    parity = run.piece(partial(Parity, preset=PARITY_PRESET), partial(_parity, running=running))
    reached = tuple(run.piece(Reached, _peaks, backend=name) for name in running)
    repeated = tuple(
        run.piece(Repeated, _repeat, backend=name, deterministic=deterministic)
        for deterministic in (True, False)
        for name in running
    )
    environments = {piece.backend: piece.environment or {} for piece in started}
    timed = tuple(
        run.piece(Timed, _time, backend=name, preset=preset, setting=setting)
        for preset, setting, name in _points(run.presets, running, environments)
    )
    return GpuCheckRecord(
        device=run.machine.device_name,
        device_kind=run.machine.device,
        threads=run.machine.threads,
        finished=dates.moment(dates.now()),
        seconds=time.monotonic() - run.began,
        presets=run.presets,
        machine=machine,
        started=started,
        parity=parity,
        reached=reached,
        timed=timed,
        repeated=repeated,
    )


def _points(
    presets: tuple[str, ...], running: list[str], environments: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, str, str]]:
    """Preset, setting and backend: the plain setting of every preset first, then the others."""
    plain, *others = SETTINGS
    for preset in presets:
        for name in running:
            yield preset, plain, name
    for setting in others:
        for name in running:
            neutral = environments[name].get("neutral_options", ())
            if "channels_last" not in SETTINGS[setting] or "channels_last" in neutral:
                yield presets[-1], setting, name


def _start(run: GpuCheck, backend: str) -> dict[str, Any]:
    """Networks built, and two training steps: the first one compiles and tries kernels out."""
    run.display.say(f"{backend}: a training step")
    with run.session(backend, run.presets[0], {}, "start") as session:
        first, second = (session.ask(steps=1)[0]["seconds"] for _ in range(2))
        return {
            "environment": session.environments[0],
            "setup_seconds": session.setup_seconds[0],
            "first_step_seconds": first,
            "step_seconds": second,
        }


def _parity(run: GpuCheck, running: list[str]) -> dict[str, Any]:
    """Runs `cyclebench parity` in a process of its own, which is killed when the time is up."""
    device = run.machine.device
    if not running:
        raise Skipped("no backend runs")
    if device == "cpu" and len(running) < 2:
        raise Skipped("on a CPU it takes two backends")
    run.display.say("Parity: does the device compute what a CPU computes?")
    with TemporaryDirectory(prefix="cyclebench-") as folder:
        file, limit = Path(folder) / "parity.json", max(LEAST, run.left / 2)
        options = {"preset": PARITY_PRESET, "backends": ",".join(running)}
        options |= {"device": device, "to": str(file)}
        arguments = [text for name, value in options.items() for text in (f"--{name}", value)]
        try:
            done = subprocess.run(
                [*interpreters.command(None, "harness.cli"), "parity", *arguments, "--json"],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=limit,
                env=interpreters.environment(),
            )
        except subprocess.TimeoutExpired:
            raise WorkerFailed(f"not done after {limit:.0f} s") from None
        if not file.exists():
            last = done.stderr.strip().splitlines()[-1:] or [f"status {done.returncode}"]
            raise WorkerFailed(last[0])
        return {"rows": tuple(json.loads(file.read_text("utf-8"))["rows"])}


def _peaks(run: GpuCheck, backend: str) -> dict[str, Any]:
    run.display.say(f"{backend}: the device's best")
    with run.session(backend, run.presets[0], {}, "peaks") as session:
        peaks = session.ask(peaks=True)[0]
    return {
        "matrix_flops": peaks["matrix"],
        "convolution_flops": peaks["convolution"],
        "bandwidth_bytes": peaks["bandwidth"],
    }


def _time(run: GpuCheck, backend: str, preset: str, setting: str) -> dict[str, Any]:
    device, changes = run.machine.device, SETTINGS[setting]
    if lacking := _lacking(changes, device):
        raise Skipped(lacking)
    run.display.say(f"{backend}, {preset}: {setting}")
    with run.session(backend, preset, changes, f"{preset}-{setting}") as session:
        first = session.warm_up(BLOCK_SECONDS)[0]
        blocks = []
        for (block,) in session.rounds(Meter(device)):
            blocks.append(block)
            # At least three, unless a step takes that long.
            if len(blocks) >= (BLOCKS if run.left > LEAST else 3):
                break
        card = gpu.find_gpu() if device == "cuda" else None
        state = gpu.gpu_state(card) if card else {}
        memory = session.ask(memory=True)[0]
    joules = joules_of(blocks)
    return {
        "first_step_seconds": first,
        "blocks": tuple(block.seconds for block in blocks),
        "peak_bytes": memory["bytes"],
        "joules": float(np.mean(joules)) if joules else None,
        "clock_mhz": (state.get("clocks") or {}).get("graphics_mhz"),
        "throttle_reasons": tuple(state.get("throttle_reasons") or ()),
        "flops": step_flops(_experiment(preset, changes)),
    }


def _lacking(changes: Mapping[str, Any], device: str) -> str:
    """Why a device cannot compute with these changes; empty where it can."""
    if device == "cpu":
        return "a CPU has no TF32" if "tf32" in changes else ""
    card = gpu.find_gpu()
    reduced = "tf32" in changes or "precision" in changes
    if card is None or not reduced or card.has_bfloat16:
        return ""
    return f"compute capability {card.capability[0]}.{card.capability[1]} has neither of the two"


def _repeat(run: GpuCheck, backend: str, deterministic: bool) -> dict[str, Any]:
    """The same steps in two processes: images, plan and first weights are the same."""
    run.display.say(f"{backend}: the same steps twice" + ", deterministic" * deterministic)
    runs = []
    for label in ("repeat-1", "repeat-2"):
        changes = {"deterministic": deterministic}
        with run.session(backend, run.presets[0], changes, label) as session:
            runs.append(np.array(session.ask(steps=STEPS, losses=True)[0]["losses"]))
    # Accuracies are counts: one decision more or less is a jump.
    losses, others = (values[:, : len(LOSS_TERMS)] for values in runs)
    size = np.maximum(np.abs(losses), np.finfo(np.float64).tiny)
    largest = float((np.abs(others - losses) / size).max())
    return {"steps": STEPS, "same": bool(np.array_equal(runs[0], runs[1])), "largest": largest}
