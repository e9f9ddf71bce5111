"""The parent's end of a child process: JSON lines over pipes. The child's end is in child.py.

The parent writes a first line, then commands. The child answers the first line and every command
with one event. While it works it may send events with the key `alive`, which tell of its progress.
`{"refused": ...}` and `{"failed": ..., "fault": ...}` are its last words.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.processes.faults import ended
from harness.system import interpreters
from harness.system.errors import Fault, UserError, WorkerFailed
from harness.system.lock import open_own
from harness.system.waiting import wait_policy

# The longest silence of a process that computes with a framework: a first step that compiles for a
# new GPU, float64 gradients on a CPU.
FRAMEWORK_SECONDS = 1800.0
# Of what TensorFlow and XLA log warnings are kept: in them they say why they see no GPU.
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "1", "PYTHONUNBUFFERED": "1"}
LAST = {"finish", "stop"}  # commands after which a child ends by itself
LEAVING_SECONDS = 10.0


class Child:
    """A Python module in a process of its own.

    `module` runs in the Python of `backend`, or in this one, with `variables` in its environment.
    `first` is its first line and `begin` the answer, which is waited for unless `wait` is false.
    What it prints goes to the file `log`, or to a temporary file that stays if the child fails.
    `patience`: seconds of silence after which a child that owes an answer is killed.

    Methods raise WorkerFailed if the child dies, fails or is silent for too long, and UserError
    if it refuses its input. Whoever starts a child has to `close` it.
    """

    limit = ""  # the setting of `patience`, for the message

    def __init__(
        self,
        module: str,
        name: str,
        log: Path | None,
        first: Mapping[str, Any],
        patience: float,
        backend: str | None = None,
        variables: Mapping[str, str] | None = None,
        wait: bool = True,
    ):
        self.name, self.patience = name, patience
        self.failed = ""  # why; empty as long as nothing went wrong
        self.begin: dict[str, Any] = {}
        self._received = bytearray()
        self._leaving = False
        self._is_temporary = log is None
        self.log = _temporary_log(name) if log is None else log
        if log is not None:
            log.parent.mkdir(parents=True, exist_ok=True)
        command = interpreters.command(backend, module)
        with open_own(self.log) if self.log else Path(os.devnull).open("ab") as file:
            self._log_start = file.tell()
            try:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=file,
                    bufsize=0,
                    env={
                        **interpreters.environment(),
                        **wait_policy(os.environ),
                        **QUIET,
                        **(variables or {}),
                    },
                    # What a terminal or `kill` sends to the group is for the parent to act on; and
                    # whatever the child starts is killed with it.
                    start_new_session=True,
                )
            except OSError as error:
                self._remove_log()
                message = f"{name}: {command[0]} does not start ({error.strerror})"
                raise UserError(f"{message}; run `make setup`") from None
        assert self._process.stdin is not None and self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        os.set_blocking(self._stdin.fileno(), False)  # a stopped child must not block a write
        try:
            self._write(first)
            if wait:
                *_, self.begin = self._events()
        except BaseException:
            self.close()
            raise

    def request(self, **command: Any) -> dict[str, Any]:
        """Send one command and wait for its answer."""
        *_, event = self.events(**command)
        return event

    def events(self, **command: Any) -> Iterator[dict[str, Any]]:
        """Send one command; yields the events of its progress and, as the last one, the answer."""
        self._leaving = bool(command.keys() & LAST)
        self._write(command)
        yield from self._events()

    def exchange(self, command: dict[str, Any], content: bytes) -> tuple[dict[str, Any], bytes]:
        """As `request`, with bytes behind each line; `content` has their number in both."""
        self._write({**command, "content": len(content)}, content)
        *_, event = self._events()
        count = event["content"]
        if not self._receive(lambda: len(self._received) >= count, self.patience):
            raise self.give_up(self.patience)
        content, self._received = bytes(self._received[:count]), self._received[count:]
        return event, content

    def hear(self, seconds: float) -> dict[str, Any] | None:
        """The next event, be it progress or an answer; None if there is none within `seconds`."""
        until, line = time.monotonic() + seconds, b""
        # A line that is no JSON object is one that Python printed before the module ran.
        while not line.startswith(b"{"):
            if not self._receive(lambda: b"\n" in self._received, until - time.monotonic()):
                return None
            before, _, self._received = self._received.partition(b"\n")
            line = bytes(before)
        event: dict[str, Any] = json.loads(line)
        if "refused" in event:
            raise UserError(event["refused"])
        if "failed" in event:
            raise self.failure(event["failed"], event.get("fault", "error"), "the traceback is in")
        return event

    def give_up(self, seconds: float) -> WorkerFailed:
        """Kill a child that was silent for so many seconds; returns the error to raise."""
        self._kill()
        why = f"did nothing for {seconds:.0f} s{self.limit} and was killed"
        return self.failure(why, "silent")

    def end(self, command: dict[str, Any], seconds: float) -> None:
        """Send a last command and wait for the process to end; one that takes longer is killed."""
        if self._process.poll() is None:
            self.patience = seconds
            with suppress(WorkerFailed, UserError):  # then it is ending by itself
                self._write(command)
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                self._kill()

    def close(self) -> None:
        """End the process: now, unless it is about to leave and take its temporary files along."""
        if self._leaving:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(LEAVING_SECONDS)
        if self._process.poll() is None:
            self._kill()
        self._process.wait()
        self._stdin.close()
        self._stdout.close()
        self._remove_log()

    def _write(self, command: Mapping[str, Any], content: bytes = b"") -> None:
        for part in (json.dumps(command).encode() + b"\n", content):
            left = memoryview(part)
            while left:
                if not select.select([], [self._stdin], [], self.patience)[1]:
                    raise self.give_up(self.patience)
                try:
                    left = left[os.write(self._stdin.fileno(), left) :]
                except BrokenPipeError:
                    list(self._events())  # raises, with the last word

    def _events(self) -> Iterator[dict[str, Any]]:
        event: dict[str, Any] = {"alive": True}
        while "alive" in event:
            heard = self.hear(self.patience)
            if heard is None:
                raise self.give_up(self.patience)
            event = heard
            yield event

    def _receive(self, is_enough: Callable[[], bool], seconds: float) -> bool:
        """Read until there is enough; False if there is not within `seconds`."""
        until = time.monotonic() + seconds
        while not is_enough():
            left = max(0.0, until - time.monotonic())
            if not select.select([self._stdout], [], [], left)[0]:
                return False
            more = os.read(self._stdout.fileno(), 1 << 20)
            if not more:
                raise self._death()
            self._received += more
        return True

    def _death(self) -> WorkerFailed:
        """Of a child that closed its pipe without a last word."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(LEAVING_SECONDS)
        self._kill()
        status = self._process.wait()
        fault, why = ended(status)
        written = self.written().strip().splitlines()
        # An exception before the child could catch any; a signal says more than the last line.
        return self.failure(f"{why}: {written[-1]}" if written and status > 0 else why, fault)

    def written(self) -> str:
        """What the child has written to its log."""
        if self.log is None:
            return ""
        with suppress(OSError), self.log.open("rb") as file:
            file.seek(self._log_start)
            return file.read().decode(errors="replace")
        return ""

    def failure(self, why: str, fault: Fault = "error", see: str = "see") -> WorkerFailed:
        """The error to raise; from now on the log is kept."""
        self.failed = why
        log = f"; {see} {self.log}" if self.log else ""
        return WorkerFailed(f"{self.name}: {why}{log}", fault)

    def _kill(self) -> None:
        """The process and what it has started."""
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _remove_log(self) -> None:
        if self._is_temporary and self.log and not self.failed:
            self.log.unlink(missing_ok=True)


def _temporary_log(name: str) -> Path | None:
    """None where no file can be made: then nothing is kept."""
    with suppress(OSError):
        prefix = "".join(letter if letter.isalnum() else "-" for letter in f"cyclebench {name} ")
        number, file = tempfile.mkstemp(prefix=prefix, suffix=".log")
        os.close(number)
        return Path(file)
    return None
