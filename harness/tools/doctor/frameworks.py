"""Every backend in a process of its own: does it train, and on which device?"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import backends
from harness.processes.process import Child
from harness.system import interpreters
from harness.system.errors import UserError, WorkerFailed
from harness.tools.doctor.causes import cause
from harness.tools.doctor.check import Check, ok
from harness.tools.doctor.keras_settings import settings_file

# Seconds from a process's start until it is given up: a quiet machine takes ten on the CPU. On a
# GPU a framework may have to compile its kernels first, which the driver keeps for the next time.
LIMITS = {"cpu": 60.0, "cuda": 240.0}
PATIENCE = 10.0  # seconds, after which the user is told what is waited for
PROBE = "harness.tools.doctor.probe"
EVERYTHING_WRITTEN = "the whole of what it wrote: "


@dataclass(frozen=True)
class ProbeAnswer:
    """`seen`: what the backend says of itself; empty where it does not train, and then `why`.

    `late`: it was given up, and `why` is what it was doing. `log`: file with all it has written.
    """

    backend: str
    device: str
    seen: Mapping[str, Any]
    why: str = ""
    late: bool = False
    log: Path | None = None


class Probe:
    """A process of `harness.tools.doctor.probe`, once it is started."""

    def __init__(self, backend: str, device: str) -> None:
        self.backend, self.device, self.limit = backend, device, LIMITS[device]
        self._child: Child | None = None
        self._refused = ""  # why its Python cannot be used

    def start(self) -> None:
        """Its imports are to leave no trace: no byte code, no folder of Keras's settings."""
        # Of TensorFlow everything: why it sees no GPU it says in warnings.
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "0", "PYTHONDONTWRITEBYTECODE": "1"}
        if "KERAS_HOME" not in os.environ and not settings_file().exists():
            quiet["KERAS_HOME"] = os.devnull
        name, first = f"doctor {self.backend}", {"backend": self.backend, "device": self.device}
        self._began = time.monotonic()
        try:
            interpreters.check_interpreters([self.backend])
            self._child = Child(PROBE, name, None, first, self.limit, self.backend, quiet, False)
        except (UserError, WorkerFailed) as error:
            self._refused = str(error)

    def answer(self, say: Callable[[str], None]) -> ProbeAnswer:
        """Waits for it, `limit` seconds from its start at most, and starts it if need be.

        `say` is told what is waited for, where it takes long.
        """
        if self._child is None and not self._refused:
            self.start()
        if self._child is None:
            return ProbeAnswer(self.backend, self.device, {}, self._refused)
        child, doing = self._child, "starting Python"
        until, tell = self._began + self.limit, time.monotonic() + PATIENCE
        try:
            while True:
                event = child.hear(max(0.1, min(until, tell) - time.monotonic()))
                if event is not None and "seen" in event:
                    return ProbeAnswer(self.backend, self.device, event["seen"])
                if event is not None:
                    doing = event.get("doing", doing)
                elif time.monotonic() >= until:
                    child.give_up(self.limit)
                    return ProbeAnswer(self.backend, self.device, {}, doing, True, child.log)
                else:
                    tell = until
                    say(
                        f"Waiting for {self.backend} to train a step on {self.device},"
                        f" {self.limit:.0f} s at most"
                    )
        except (UserError, WorkerFailed) as error:
            child.failed = cause(child.written(), self.device, child.failed or str(error))
            return ProbeAnswer(self.backend, self.device, {}, child.failed, False, child.log)
        finally:
            child.close()

    def stop(self) -> None:
        """End it, and what it has started, at once."""
        if self._child is not None:
            self._child.close()


def start_probes(gpu: bool, one_by_one: bool = False) -> tuple[Probe, ...]:
    """On the CPU and, with `gpu`, there, all at once.

    `one_by_one`: those on the GPU are started when their answers are asked for, since it is one
    that takes no second process.
    """
    devices = ("cpu", "cuda") if gpu else ("cpu",)
    probes = tuple(Probe(name, device) for name in backends.available() for device in devices)
    for probe in probes:
        if not (one_by_one and probe.device == "cuda"):
            probe.start()
    return probes


def check_backends(
    probes: Sequence[Probe], say: Callable[[str], None] = lambda line: None
) -> Iterator[Check]:
    """Waits for their answers, LIMITS from their start at most; tells `say` what takes long."""
    answers = [probe.answer(say) for probe in probes]
    for name in dict.fromkeys(probe.backend for probe in probes):
        yield judge(name, [each for each in answers if each.backend == name])


def judge(name: str, answers: list[ProbeAnswer]) -> Check:
    """What the answers of one backend come to."""
    title = f"backend {name}"
    first = answers[0]
    late = next((each for each in answers if each.late), None)
    if late is not None:
        limit = f"{LIMITS[late.device]:.0f} s on {late.device}"
        found = f"no answer within {limit}: it was {late.why}"
        return Check(title, "warning", found, _with_log("look again when nothing else runs", late))
    if not first.seen:
        return Check(
            title, "problem", f"does not train: {first.why}", _with_log("`make setup`", first)
        )
    # Libraries of CUDA are there only after a step on the GPU.
    versions = {**first.seen["versions"], **answers[-1].seen.get("libraries", {})}
    said = ", ".join(f"{package} {version}" for package, version in versions.items() if version)
    blind = next((each for each in answers if each.device == "cuda" and not each.seen), None)
    if blind is not None:
        fix = _with_log("`make setup BUILD=cuda`, or ask for --device cpu", blind)
        return Check(title, "problem", f"{said}; cannot use the GPU: {blind.why}", fix)
    device = answers[-1].seen["device"]
    return ok(title, f"{said}; trains on {device}, {first.seen['threads']} threads")


def _with_log(fix: str, answer: ProbeAnswer) -> str:
    return f"{fix}; {EVERYTHING_WRITTEN}{answer.log}" if answer.log else fix
