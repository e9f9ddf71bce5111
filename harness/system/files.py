"""What a comparison leaves on disk: names, schema and atomic writes. See results/README.md.

Every file is written in a temporary folder beside its place, flushed and renamed, so a reader meets
either the old file or the new one, never a half, and a crash of the machine leaves one of them too.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from harness.system.errors import UserError
from harness.system.untrusted import check_end, check_file, parse_json, reason, shown

SCHEMA_VERSION = 1
MOST_JSON = 256 * 2**20  # bytes
# What reading arrays of a damaged file, or of a type that NumPy has not, ends in.
DAMAGED_ARRAYS = (
    SafetensorError, ValueError, TypeError, KeyError, AttributeError, OverflowError, MemoryError,
    OSError,
)  # fmt: skip
PARTIAL = ".partial"  # how folders end that are only there while a file is written


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to, which replaces `path` in one step if the block ends well.

    It is in a folder of its own, for who writes there may need temporary names, too. Parents are
    created.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{path.name}.", suffix=PARTIAL, dir=path.parent) as folder:
        temporary = Path(folder) / path.name
        yield temporary
        _flush(temporary)
        temporary.chmod(0o644)
        temporary.replace(path)
        # The new name is in the folder, which is flushed by itself.
        _flush(path.parent)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_leftovers(folder: Path) -> None:
    """Take away what killed processes left of `replacing` there and in the folders below."""
    for leftover in folder.rglob(f".*{PARTIAL}"):
        shutil.rmtree(leftover, ignore_errors=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Replace `path` by `content` in one step; parents are created."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write `content` with the schema version in front. Raises ValueError on NaN or infinity."""
    document = {"schema_version": SCHEMA_VERSION, **content}
    write_bytes(path, (json.dumps(document, indent=2, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """Raises UserError for a missing, damaged or newer-schema file."""
    try:
        check_file(path, MOST_JSON)
        document = parse_json(path.read_text(encoding="utf-8"))
        if not isinstance(document, dict) or "schema_version" not in document:
            raise ValueError("no schema_version in it")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run `make compare` to make it") from None
    except (ValueError, OSError) as error:
        why = reason(error)
        raise UserError(f"{path}: not a record of cyclebench ({why}); remove it") from None
    check_version(path, document["schema_version"])
    return document


def write_table(path: Path, table: pd.DataFrame) -> None:
    """CSV with a first line `# schema_version: N`; floats keep every bit."""
    # Row by row into the file: a long run's table is hundreds of megabytes of text.
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(f"# schema_version: {SCHEMA_VERSION}\n".encode())
        table.to_csv(file, index=False, lineterminator="\n")


def read_table(path: Path) -> pd.DataFrame:
    """The inverse of `write_table`. Raises UserError for a missing or damaged file."""
    try:
        check_file(path)
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            head = re.fullmatch(rb"# schema_version: ([0-9]{1,9})\n", file.readline(64))
            if head is None:
                raise ValueError("no schema_version in its first line")
            check_end(file)
            # Else lines of more fields than the header has would name their rows.
            table = pd.read_csv(file, float_precision="round_trip", index_col=False)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run `make compare` to make it") from None
    except (ValueError, pd.errors.ParserWarning, OverflowError, MemoryError, OSError) as error:
        why = reason(error)
        raise UserError(f"{path}: not a table of cyclebench ({why}); remove it") from None
    check_version(path, int(head[1]))
    return table


def write_arrays(
    path: Path, arrays: Mapping[str, np.ndarray], facts: Mapping[str, str] | None = None
) -> None:
    """Named arrays as safetensors; schema version and `facts` are in the file's metadata."""
    # Not `ascontiguousarray`, which would give scalars a dimension.
    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    metadata = {"schema_version": str(SCHEMA_VERSION), **(facts or {})}
    with replacing(path) as temporary:
        try:
            # Straight into the file: `save` would put all of it together in memory first, twice.
            save_file(contiguous, temporary, metadata)
        except SafetensorError as error:
            raise OSError(errno.EIO, str(error), str(path)) from None


def read_arrays(path: Path, prefix: str = "") -> dict[str, np.ndarray]:
    """Every array of a file written by `write_arrays` whose name begins with `prefix`.

    The others are not read. Raises UserError if the file is damaged or missing.
    """
    try:
        check_file(path)
        with safe_open(str(path), framework="numpy") as file:
            version = int((file.metadata() or {}).get("schema_version", -1))
            # A sequence of names, not a mapping: the handle is no dict.
            names = [name for name in file.keys() if name.startswith(prefix)]  # noqa: SIM118
            arrays = {name: file.get_tensor(name) for name in names}
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run `make compare` to make it") from None
    except DAMAGED_ARRAYS as error:
        why = reason(error)
        raise UserError(f"{path}: not an array file of cyclebench ({why}); remove it") from None
    check_version(path, version)
    return arrays


def check_version(path: Path, version: object) -> None:
    if type(version) is not int or version != SCHEMA_VERSION:
        raise UserError(
            f"{path}: schema_version {shown(version)}, this cyclebench reads {SCHEMA_VERSION}; "
            "use the version that wrote it or train anew in another results folder"
        )
