"""Keras's settings of the user, which it takes on import whoever imports it."""

from __future__ import annotations

import os
from pathlib import Path

from harness.system.untrusted import check_file, parse_json, shown
from harness.tools.doctor.check import Check, ok

MOST = 2**16  # bytes
# What networks are built with; a backend states all else itself.
EXPECTED = {"backend": "tensorflow", "floatx": "float32", "image_data_format": "channels_last"}


def settings_file() -> Path:
    home = os.environ.get("KERAS_HOME")
    return Path(home or os.path.expanduser("~/.keras")) / "keras.json"  # noqa: PTH111


def check_keras(file: Path) -> Check:
    name, fix = "Keras's settings", f"remove {file}: Keras writes it anew"
    try:
        check_file(file, MOST)
        found = parse_json(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return ok(name, "its own")
    except (OSError, ValueError):
        return Check(name, "warning", f"{file}: cannot be read", fix)
    if not isinstance(found, dict):
        return Check(name, "warning", f"{file}: no settings in it", fix)
    other = {key: found[key] for key, value in EXPECTED.items() if found.get(key, value) != value}
    if other:
        said = ", ".join(f"{key} {shown(value)}" for key, value in other.items())
        return Check(name, "problem", f"{file}: {said}, which changes the networks", fix)
    return ok(name, str(file))
