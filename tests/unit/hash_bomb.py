"""A .pth file of a kilobyte that takes for ever to read."""

from __future__ import annotations

import zipfile
from pathlib import Path


def write_hash_bomb(path: Path, depth: int = 60) -> None:
    """A tuple of twice a tuple of twice a tuple ..., the key of a dictionary: 2**depth hashes."""
    pairs = b"".join(b"h%c\x86q%c" % (number, number + 1) for number in range(1, depth + 1))
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", b"\x80\x02}q\x00()q\x01" + pairs + b"K\x01u.")
        file.writestr("archive/version", "3\n")
