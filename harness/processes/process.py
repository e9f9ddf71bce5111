"""The parent's end of a worker process: JSON lines over pipes."""

from __future__ import annotations

import json
import os
import select
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.processes.faults import ended
from harness.system import interpreters
from harness.system.errors import UserError, WorkerFailed

# Warnings are kept: in them TensorFlow says why it sees no GPU.
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "1", "PYTHONUNBUFFERED": "1"}
LAST = {"finish", "stop"}  # commands after which a worker ends by itself
LEAVING_SECONDS = 10.0


class Child:
    """A process that is sent JSON lines and answers each by one.

    `module` is run, in the Python of `backend` where that is given, with `first` as its first line;
    `begin` is what it answers. Its prints are to go to the file `log`. `patience`: seconds without
    a word, after which it is killed while an answer is waited for. Raises WorkerFailed where it
    dies, UserError where it refuses its input.
    """

    limit = ""  # the key that says how long is too long

    def __init__(
        self,
        module: str,
        name: str,
        log: Path,
        first: dict[str, Any],
        patience: float | None = None,
        backend: str | None = None,
    ):
        self.name, self.log, self.patience = name, log, patience
        self._heard = bytearray()
        self._leaving = False
        self._process = subprocess.Popen(
            interpreters.command(backend, module),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**interpreters.environment(), **QUIET},
            # What a terminal or `kill` sends to the group is for the parent to act on.
            start_new_session=True,
        )
        try:
            self._write(first)
            self.begin = self._read()
        except BaseException:
            self.close()
            raise

    def request(self, **command: Any) -> dict[str, Any]:
        """Send one command and wait for its event. Raises WorkerFailed if the process died."""
        self._leaving = bool(command.keys() & LAST)
        self._write(command)
        return self._read()

    def exchange(self, command: dict[str, Any], content: bytes) -> tuple[dict[str, Any], bytes]:
        """As `request`, with bytes behind each line; `content` has their number in both."""
        self._write({**command, "content": len(content)}, content)
        event = self._read()
        return event, self._take(event["content"])

    def end(self, command: dict[str, Any], seconds: float) -> None:
        """Send a last command and wait for the process to end; one that takes longer is killed."""
        if self._process.poll() is None:
            try:
                with suppress(BrokenPipeError, ValueError):  # then it is ending by itself
                    self._process.communicate(_line(command), seconds)
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                self._process.kill()

    def close(self) -> None:
        """End the process: now, unless it is about to leave, and take its temporary files along."""
        if self._leaving:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(LEAVING_SECONDS)
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    def _write(self, command: dict[str, Any], content: bytes = b"") -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(_line(command))
            self._process.stdin.write(content)
            self._process.stdin.flush()
        except BrokenPipeError:
            self._read()  # raises, with what the process said last

    def _read(self) -> dict[str, Any]:
        event: dict[str, Any] = {"alive": True}
        while "alive" in event:
            event = json.loads(self._next_line())
        if "refused" in event:
            raise UserError(event["refused"])
        if "failed" in event:
            raise WorkerFailed(
                f"{self.name}: {event['failed']}; the traceback is in {self.log}",
                event.get("fault", "error"),
            )
        return event

    def _next_line(self) -> bytes:
        since = time.monotonic()
        while b"\n" not in self._heard:
            self._hear(since)
        line, _, rest = self._heard.partition(b"\n")
        self._heard = bytearray(rest)
        return bytes(line)

    def _take(self, count: int) -> bytes:
        since = time.monotonic()
        while len(self._heard) < count:
            self._hear(since)
        content, self._heard = bytes(self._heard[:count]), self._heard[count:]
        return content

    def _hear(self, since: float) -> None:
        """Raises WorkerFailed where nothing comes any more, or nothing for too long."""
        assert self._process.stdout is not None
        # Past Python's buffer, which `select` does not see.
        pipe = self._process.stdout.fileno()
        left = None if self.patience is None else since + self.patience - time.monotonic()
        if not select.select([pipe], [], [], left and max(0.0, left))[0]:
            self._process.kill()
            raise WorkerFailed(
                f"{self.name}: did nothing for {self.patience:.0f} s{self.limit} and was killed;"
                f" see {self.log}",
                "silent",
            )
        more = os.read(pipe, 1 << 20)
        if not more:
            raise self._ended()
        self._heard += more

    def _ended(self) -> WorkerFailed:
        assert self._process.stderr is not None
        self._process.wait()
        fault, why = ended(self._process.returncode)
        # Until the process has its log, its errors come through the pipe.
        early = self._process.stderr.read().decode(errors="replace").strip().splitlines()[-1:]
        return WorkerFailed(f"{self.name}: {early[0] if early else why}; see {self.log}", fault)


def _line(command: dict[str, Any]) -> bytes:
    return json.dumps(command).encode() + b"\n"
