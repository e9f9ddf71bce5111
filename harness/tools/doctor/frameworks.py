"""Every backend in a process of its own: does it train, and on which device?"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.processes.process import Child
from harness.system import interpreters
from harness.system.errors import UserError, WorkerFailed
from harness.tools.doctor.check import Check, ok

# Seconds from a process's start until it is given up: a quiet machine takes ten on the CPU. On a
# GPU a framework may have to compile its kernels first, which the driver keeps for the next time.
LIMITS = {"cpu": 60.0, "cuda": 240.0}
PATIENCE = 10.0  # seconds, after which the user is told what is waited for
PROBE = "harness.tools.doctor.probe"

# What frameworks, CUDA and cuDNN write when a GPU cannot be used: often as a warning, long before
# the exception that follows from it.
GPU_FAULT = re.compile(
    r"driver on your system is too old|driver version is insufficient"
    r"|Cannot dlopen some GPU libraries|Could not load dynamic library"
    r"|Could not find cuda drivers|failed call to cuInit|CUDA_ERROR_\w+|CUDA error"
    r"|CUDNN_STATUS_\w+|Loaded runtime CuDNN library|DNN library initialization failed"
    r"|no kernel image|PTX|libdevice not found|busy or unavailable"
    r"|Expected all tensors to be on the same device"
)
MISSING_LIBRARY = re.compile(
    r"cannot open shared object file|undefined symbol|version `\S+' not found"
)
EXCEPTION = re.compile(r"^[A-Za-z_][\w.]*(Error|Exception|Exit|Interrupt|Diverged)\b")
# Where in a framework's sources a line was written, and when.
ORIGIN = re.compile(r"^.*?(\.cc:\d+\] |\.py:\d+: \w*Warning: )")
LONGEST_CAUSE = 300  # characters


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
        """Its imports are to leave no byte code."""
        # All that XLA and TensorFlow log: why they see no GPU they say in warnings.
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "0", "PYTHONDONTWRITEBYTECODE": "1"}
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


def cause(written: str, device: str, why: str) -> str:
    """The first line that names a cause: what comes after it follows from it.

    `why`: what else is known, for a process that has written no such line.
    """
    lines = [line.rstrip() for line in written.splitlines() if line.strip()]
    # On the CPU a framework may say that it sees no GPU, which keeps it from nothing.
    signs = [*([GPU_FAULT] if device != "cpu" else []), MISSING_LIBRARY, EXCEPTION]
    for sign in signs:
        for line in lines:
            if sign.search(line):
                return ORIGIN.sub("", line).strip()[:LONGEST_CAUSE]
    return why[:LONGEST_CAUSE]


def start_probes(gpu: bool, one_by_one: bool = False) -> tuple[Probe, ...]:
    """On the CPU and, with `gpu`, there, all at once.

    `one_by_one`: those on the GPU are started when their answers are asked for, since it is one
    that takes no second process.
    """
    devices = ("cpu", "cuda") if gpu else ("cpu",)
    probes = tuple(Probe(name, device) for name in interpreters.expected() for device in devices)
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
        yield judge(name, [answer for answer in answers if answer.backend == name])


def judge(name: str, answers: list[ProbeAnswer]) -> Check:
    """The result for one backend, from its answers: on the CPU and, if there is one, on the GPU."""
    title, first, last = f"backend {name}", answers[0], answers[-1]
    late = next((answer for answer in answers if answer.late), None)
    if late is not None:
        limit = f"{LIMITS[late.device]:.0f} s on {late.device}"
        found = f"no answer within {limit}: it was {late.why}"
        return Check(title, "warning", found, _with_log("look again when nothing else runs", late))
    if not first.seen:
        fix = _with_log(interpreters.setup([name]), first)
        return Check(title, "problem", f"does not train: {first.why}", fix)
    # Libraries of CUDA are there only after a step on the GPU.
    versions = {**first.seen["versions"], **last.seen.get("libraries", {})}
    installed = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    if not last.seen:
        setup = interpreters.setup([name], build="cuda")
        fix = _with_log(f"{setup}, or ask for --device cpu", last)
        return Check(title, "problem", f"{installed}; cannot use the GPU: {last.why}", fix)
    threads = first.seen["threads"]
    return ok(title, f"{installed}; trains on {last.seen['device']}, {threads} threads")


def _with_log(fix: str, answer: ProbeAnswer) -> str:
    return f"{fix}; the whole of what it wrote: {answer.log}" if answer.log else fix
