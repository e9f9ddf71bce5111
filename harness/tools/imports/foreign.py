"""Files of other programs, read in a process of its own with bounds of time and memory.

Anybody may have made them: to hash what is in a file of a kilobyte can take for ever.
"""

from __future__ import annotations

import atexit
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.processes import wire
from harness.processes.process import Child
from harness.system.errors import UserError, WorkerFailed
from harness.system.interpreters import check_interpreters
from harness.system.untrusted import is_folder

PTH, KERAS = "torch", "tf"  # backends whose framework has files of its own
OF = {"networks": PTH, "keras": KERAS}  # kind of file -> backend
START = 300.0  # seconds that libraries may take to be imported from a slow disk
SECONDS = 10.0  # for any file, on a machine that has other things to do
BYTES_A_SECOND = 10 * 2**20  # and for what is in it
MOST_SECONDS = 120.0


class Reader(Child):
    """`harness.tools.imports.reader` for one kind of file; ends with this process."""

    def __init__(self, kind: str):
        backend = OF.get(kind)
        check_interpreters([backend] if backend else [])
        one_thread = {"OMP_NUM_THREADS": "1"}
        module = "harness.tools.imports.reader"
        super().__init__(module, "reader", None, {"kind": kind}, START, backend, one_thread)
        atexit.register(self.close)

    def read(self, size: int, *given: object) -> Any:
        """What the reader of this kind returns. Raises as `Child` does."""
        self.patience = _seconds(size)
        packed, content = wire.pack(given)
        command = {"given": packed, "bytes": size, "seconds": self.patience}
        event, content = self.exchange(command, content)
        return wire.unpack(event["returned"], content)

    def close(self) -> None:
        atexit.unregister(self.close)
        super().close()


_readers: dict[str, Reader] = {}  # kind -> the process of this one, used for many files


def read_foreign(kind: str, paths: Path | Sequence[Path], *given: object) -> Any:
    """What `reader.READERS[kind]` returns for `paths` and what else is `given`.

    Raises UserError, also where that takes longer, or more memory, than any good file does.
    """
    files = [paths] if isinstance(paths, Path) else list(paths)
    size = sum(map(_size, _all_files(files)))
    try:
        if kind not in _readers:
            _readers[kind] = Reader(kind)
        return _readers[kind].read(size, paths, *given)
    except UserError:
        raise
    except WorkerFailed as failure:
        reader = _readers.pop(kind, None)
        if reader is None or failure.fault == "error":
            raise  # no fault of the file
        why = reader.failed
        if failure.fault == "silent":
            why = f"reading it takes more than {_seconds(size):.0f} s"
        reader.failed = ""  # no log of what a file did to it is of any use
        reader.close()
        raise UserError(f"{files[0]}: cannot be read ({why}); copy it again") from None
    except BaseException:
        if (reader := _readers.pop(kind, None)) is not None:
            reader.close()  # it may still answer to what nobody waits for
        raise


def _seconds(size: int) -> float:
    return min(SECONDS + size / BYTES_A_SECOND, MOST_SECONDS)


def _all_files(paths: Sequence[Path]) -> Iterable[Path]:
    for path in paths:
        with suppress(OSError):
            yield from path.rglob("*") if is_folder(path) else [path]


def _size(path: Path) -> int:
    with suppress(OSError, ValueError):
        return path.stat().st_size
    return 0
