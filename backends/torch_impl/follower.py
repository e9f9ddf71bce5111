"""The processes of replicas 1 to N - 1: how replica 0 starts and tells them, and what they do.

Down a pipe go JSON lines with the bytes of arrays behind them; gradients, fakes and states go by
collectives (replicas.py). A follower ends when its pipe does, or when replica 0 is gone. TensorFlow
has its replicas in one process: there is no such file there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch.distributed import FileStore

from backends import ReplicaLost
from backends.architecture import DiscriminatorSpec, NormSpec, ResNetSpec, UNetSpec
from backends.interface import Batch, PoolDecision, Runtime
from backends.model import Model
from backends.objective import Objective
from backends.torch_impl.replicas import LOST_SECONDS, Replicas

TYPES: dict[str, Any] = {
    type_.__name__: type_
    for type_ in (
        Batch, DiscriminatorSpec, Model, NormSpec, Objective, PoolDecision, ResNetSpec, Runtime,
        UNetSpec,
    )
}  # fmt: skip
ROOT = Path(__file__).resolve().parents[2]
# Isolated, so that neither the current folder nor PYTHON* variables decide what is imported: that
# is what replica 0 imports from.
START = (
    "import json, sys; sys.path[:0] = json.loads(sys.argv[1]);"
    " from backends.torch_impl.follower import main; main()"
)
LOOK_SECONDS = 0.5  # after which a follower looks again whether replica 0 is there

# ------------------------------------------------------------------------------- of replica 0


def begin(model: Model, objective: Objective, runtime: Runtime, device: torch.device) -> Replicas:
    """The other replicas, started; this is replica 0. Raises ReplicaLost if one does not start."""
    if runtime.replicas == 1:
        return Replicas()
    followers = Followers(runtime.replicas)
    # A file that nobody else can read: a store of PyTorch's that listens would do so to all.
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "store")
        followers.wait_until_ready([file, model, objective, runtime])
        store = FileStore(file, runtime.replicas)
        replicas = Replicas(runtime.replicas, 0, device, store, followers.tell, followers.lost)
    if device.type == "cuda":
        # A GPU waits for a replica that is gone as long as PATIENCE says.
        followers.watch(replicas.group.abort)
    weakref.finalize(replicas, followers.close)
    return replicas


class Followers:
    """Processes, and the pipes to them. What they print goes to this process's standard error."""

    def __init__(self, count: int):
        paths = [str(ROOT), *(p for p in sys.path if p and Path(p).resolve() != Path.cwd())]
        command = [sys.executable, "-I", "-c", START, json.dumps(paths)]
        self.closed = False
        self.processes = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            for _ in range(count - 1)
        ]
        self.pipes: list[BinaryIO] = [process.stdin for process in self.processes]

    def wait_until_ready(self, given: list[Any]) -> None:
        for rank, pipe in enumerate(self.pipes, 1):
            with suppress(BrokenPipeError):  # noticed below
                write(pipe, [rank, *given])
        for process in self.processes:
            if process.stdout.readline() != b"ready\n":
                lost = self.lost(LOST_SECONDS)
                self.close()
                raise ReplicaLost(lost)

    def tell(self, command: str, given: Any) -> None:
        """`given`: to all, or of a list to each replica its entry."""
        for rank, pipe in enumerate(self.pipes, 1):
            write(pipe, [command, given[rank] if isinstance(given, list) else given])

    def lost(self, seconds: float = 0.0) -> str:
        """Which of them has ended, if any has within `seconds`."""
        until = time.monotonic() + seconds
        while True:
            for rank, process in enumerate(self.processes, 1):
                if (status := process.poll()) is not None:
                    how = f"signal {-status}" if status < 0 else "an error, which its log has"
                    return f"replica {rank} of runtime.replicas={len(self.pipes) + 1}: {how}"
            if time.monotonic() >= until:
                return ""
            time.sleep(0.05)

    def watch(self, abort: Callable[[], None]) -> None:
        """`abort` once when one of them ends before its time."""

        def wait(process: subprocess.Popen) -> None:
            process.wait()
            if not self.closed:
                abort()

        for process in self.processes:
            threading.Thread(target=wait, args=(process,), daemon=True).start()

    def close(self) -> None:
        self.closed = True
        for process in self.processes:
            with suppress(OSError):
                process.stdin.close()
            process.stdout.close()
        for process in self.processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(LOST_SECONDS)
            process.kill()
            process.wait()


# ------------------------------------------------------------------------------ of a follower


def main() -> None:
    """A whole process."""
    # Frameworks print, and start programs that read: they must not use the pipes.
    commands, ready = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
    status = 0
    try:
        follow(commands, ready)
    except ReplicaLost:  # which replica 0 says, if it is there
        status = 1
    except Exception:
        traceback.print_exc()
        status = 1
    sys.stderr.flush()
    os._exit(status)  # with a framework it takes a second to take all objects apart


def end_with(parent: int) -> None:
    """End this process when `parent` does, whatever it waits for."""
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    os._exit(1)


def follow(commands: BinaryIO, ready: BinaryIO) -> None:
    """Build a backend and do as replica 0 does, until the pipe ends."""
    rank, file, model, objective, runtime = read(commands)
    from backends.torch_impl import device

    where = device.configure(runtime, rank)
    ready.write(b"ready\n")
    ready.flush()
    replicas = Replicas(runtime.replicas, rank, where, FileStore(file, runtime.replicas))
    serve(commands, model, objective, runtime, replicas)


def serve(
    commands: BinaryIO, model: Model, objective: Objective, runtime: Runtime, replicas: Replicas
) -> None:
    from backends.torch_impl.backend import Backend

    backend = Backend(model, objective, runtime, replicas)
    while (message := read(commands)) is not None:
        command, given = message
        if command == "train_step":
            backend.train_step(given)
            backend.pending.clear()
        elif command == "gradients":
            backend.gradients(given)
        elif command == "load_state":
            backend.receive_state(given)
        else:
            backend.compare_state()


# ------------------------------------------------------------------------------- what is sent


def write(pipe: BinaryIO, value: object) -> None:
    """JSON, and arrays behind it. Never pickle: only TYPES come out at the other end."""
    content = bytearray()
    line = json.dumps(pack(value, content))
    pipe.write(f"{len(content)} {line}\n".encode() + content)
    pipe.flush()


def read(pipe: BinaryIO) -> Any:
    """None at the end of the pipe."""
    size, _, line = pipe.readline().partition(b" ")
    if not line.endswith(b"\n"):
        return None
    return unpack(json.loads(line), BytesLeft(pipe.read(int(size))))


class BytesLeft:
    def __init__(self, content: bytes):
        self.content, self.at = content, 0

    def array(self, dtype: str, shape: list[int]) -> np.ndarray:
        count = int(np.prod(shape, dtype=np.int64))
        found = np.frombuffer(self.content, dtype, count, self.at).reshape(shape)
        self.at += found.nbytes
        return found.copy()  # aligned


def pack(value: Any, content: bytearray) -> Any:
    if isinstance(value, np.ndarray):
        content += np.ascontiguousarray(value).tobytes()
        return {"array": value.dtype.str, "shape": value.shape}
    if type(value).__name__ in TYPES:
        names = getattr(value, "_fields", None) or [field.name for field in fields(value)]
        packed = {name: pack(getattr(value, name), content) for name in names}
        return {"type": type(value).__name__, "fields": packed}
    if isinstance(value, Mapping):
        return {"map": {key: pack(item, content) for key, item in value.items()}}
    if isinstance(value, (list, tuple)):
        return [pack(item, content) for item in value]
    return value


def unpack(packed: Any, content: BytesLeft) -> Any:
    if isinstance(packed, list):
        return tuple(unpack(item, content) for item in packed)
    if not isinstance(packed, dict):
        return packed
    if "array" in packed:
        return content.array(packed["array"], packed["shape"])
    if "map" in packed:
        return {key: unpack(item, content) for key, item in packed["map"].items()}
    fields_ = {name: unpack(value, content) for name, value in packed["fields"].items()}
    return TYPES[packed["type"]](**fields_)
