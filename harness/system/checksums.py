"""SHA-256 of all that a finished run consists of, so that what is changed later is noticed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.system.errors import UserError
from harness.system.files import read_json, write_json

FILE_NAME = "sums.json"
# Not the status, which is written after the sums, nor the log, which no number comes from.
COVERED = (
    "environment.json",
    "losses.csv",
    "blocks.csv",
    "resources.json",
    "state.safetensors",
    "course-*.safetensors",
    "evaluations/*.safetensors",
)
CHUNK = 1 << 20  # bytes


@dataclass(frozen=True)
class Damage:
    """Names of files, relative to the run's folder, that are not as they were listed."""

    missing: Sequence[str]
    changed: Sequence[str]
    unlisted: Sequence[str]

    def __bool__(self) -> bool:
        return bool(self.missing or self.changed or self.unlisted)

    def __str__(self) -> str:
        kinds = {"missing": self.missing, "changed": self.changed, "not listed": self.unlisted}
        return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in kinds.items() if names)


def write_sums(folder: Path) -> None:
    """Write sums.json of a run whose files are all there."""
    files = {name: sha256(folder / name) for name in _names(folder)}
    write_json(folder / FILE_NAME, {"files": files})


def check_sums(folder: Path) -> Damage | None:
    """What is not as it was when the run finished; None for a run without sums.json.

    Raises UserError for a damaged sums.json and for a file that cannot be read.
    """
    file = folder / FILE_NAME
    if not file.exists():
        return None
    listed = read_json(file).get("files")
    if not isinstance(listed, dict):
        raise UserError(f"{file}: has no list of files; copy it from where the run was made")
    present = _names(folder)
    return Damage(
        missing=[name for name in listed if name not in present],
        changed=[n for n in present if n in listed and sha256(folder / n) != listed[n]],
        unlisted=[name for name in present if name not in listed],
    )


def sha256(file: Path) -> str:
    """In hexadecimal, of a file's bytes. Raises UserError where it cannot be read."""
    try:
        return digest_of(file)
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror}); check the disk") from None


def digest_of(file: Path, algorithm: str = "sha256") -> str:
    """The checksum of a file's bytes in lower-case hexadecimal. Raises OSError."""
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _names(folder: Path) -> list[str]:
    files = (path for pattern in COVERED for path in sorted(folder.glob(pattern)))
    return [path.relative_to(folder).as_posix() for path in files]
