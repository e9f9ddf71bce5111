"""Ways to spoil a record. All of them leave a file that opens; what is in it is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

Spoil = Callable[[Path], object]
GONE = object()


def put(value: Any, *keys: str | int) -> Spoil:
    """`value` at a place in a JSON record; GONE takes it away."""

    def spoil(path: Path) -> None:
        document = json.loads(path.read_text())
        inner = document
        for key in keys[:-1]:
            inner = inner[key]
        if value is GONE:
            del inner[keys[-1]]
        else:
            inner[keys[-1]] = value
        path.write_text(json.dumps(document))

    return spoil


def text(content: str | bytes) -> Spoil:
    raw = content if isinstance(content, bytes) else content.encode()
    return lambda path: path.write_bytes(raw)


def replaced(old: str, new: str) -> Spoil:
    def spoil(path: Path) -> None:
        found = path.read_text()
        assert old in found, old
        path.write_text(found.replace(old, new, 1))

    return spoil


def cut(characters: int) -> Spoil:
    """The end of a file."""
    return lambda path: path.write_bytes(path.read_bytes()[:-characters])


def gone(path: Path) -> None:
    path.unlink()


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def pipe(path: Path) -> None:
    import os

    path.unlink()
    os.mkfifo(path)


def loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def terabyte(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(2**40)


def lines(change: Callable[[list[str]], Sequence[str]]) -> Spoil:
    """The lines of a table, with their ends."""
    return lambda path: path.write_text("".join(change(path.read_text().splitlines(keepends=True))))


def arrays(**changes: np.ndarray | None) -> Spoil:
    """Arrays of a safetensors file put in, replaced or (None) taken away."""

    def spoil(path: Path) -> None:
        found = {**load_file(path), **changes}
        kept = {name: array for name, array in found.items() if array is not None}
        save_file(kept, path, {"schema_version": "1"})

    return spoil


def head(document: Any, length: int | None = None, rest: bytes = b"") -> Spoil:
    """A safetensors file with whatever header; `length`: as it is claimed to be."""
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    size = len(raw) if length is None else length
    return lambda path: path.write_bytes(size.to_bytes(8, "little") + raw + rest)
