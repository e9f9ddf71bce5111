"""Every backend in a process of its own: does it train, and on which device?"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import backends
from harness.system import interpreters
from harness.system.errors import UserError
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
class Answer:
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
        self._process: subprocess.Popen[str] | None = None
        self._refused = ""  # why its Python cannot be used
        self._written: IO[bytes] | None = None

    def start(self) -> None:
        """Its imports are to leave no trace: no byte code, no folder of Keras's settings."""
        # Of TensorFlow everything: why it sees no GPU it says in warnings.
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "0", "PYTHONDONTWRITEBYTECODE": "1"}
        if "KERAS_HOME" not in os.environ and not settings_file().exists():
            quiet["KERAS_HOME"] = os.devnull
        try:
            interpreters.check_interpreters([self.backend])
        except UserError as error:
            self._refused = str(error)
            return
        self._written = _scratch()
        self._began = time.monotonic()
        self._process = subprocess.Popen(
            [
                *interpreters.command(self.backend, "harness.tools.doctor.probe"),
                self.backend,
                self.device,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._written,
            text=True,
            errors="replace",
            env={**interpreters.environment(), **quiet},
            start_new_session=True,  # so that what it has started ends with it
        )

    def answer(self, say: Callable[[str], None]) -> Answer:
        """Waits for it, `limit` seconds from its start at most, and starts it if need be.

        `say` is told what is waited for, where it takes long.
        """
        if self._process is None and not self._refused:
            self.start()
        if self._refused:
            return Answer(self.backend, self.device, {}, self._refused)
        process, written = self._process, self._written
        assert process is not None and written is not None
        until = self._began + self.limit
        told = max(0.1, min(PATIENCE, until - time.monotonic()))
        try:
            try:
                out, _ = process.communicate(timeout=told)
            except subprocess.TimeoutExpired:
                say(
                    f"Waiting for {self.backend} to train a step on {self.device},"
                    f" {self.limit:.0f} s at most"
                )
                out, _ = process.communicate(timeout=max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.stop()
            out, _ = process.communicate()
            why = _last(out, "doing") or "starting Python"
            return Answer(self.backend, self.device, {}, str(why), True, self._keep())
        seen = _last(out, "seen")
        if process.returncode == 0 and isinstance(seen, dict):
            return Answer(self.backend, self.device, seen)
        written.seek(0)
        text = written.read().decode(errors="replace")
        why = cause(text, self.device, process.returncode)
        return Answer(self.backend, self.device, {}, why, False, self._keep())

    def stop(self) -> None:
        """End it, and what it has started, at once; of one that has ended nothing is left to."""
        if self._process is not None and self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _keep(self) -> Path | None:
        """What it has written, in a file that stays; None where none can be made."""
        assert self._written is not None
        self._written.seek(0)
        prefix = f"cyclebench-doctor-{self.backend}-{self.device}-"
        with suppress(OSError):
            number, name = tempfile.mkstemp(prefix=prefix, suffix=".log")
            with os.fdopen(number, "wb") as file:
                file.write(self._written.read())
            return Path(name)
        return None


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


def judge(name: str, answers: list[Answer]) -> Check:
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


def _with_log(fix: str, answer: Answer) -> str:
    return f"{fix}; {EVERYTHING_WRITTEN}{answer.log}" if answer.log else fix


def _scratch() -> IO[bytes]:
    """A file without a name; nothing is kept where no folder for temporary files can be used."""
    try:
        return tempfile.TemporaryFile()
    except OSError:
        return Path(os.devnull).open("w+b")


def _last(out: str, what: str) -> object:
    """Of the JSON lines of a probe, between which a framework may have printed its own."""
    found = None
    for line in out.splitlines():
        with suppress(ValueError):
            said = json.loads(line)
            if isinstance(said, dict) and what in said:
                found = said[what]
    return found
