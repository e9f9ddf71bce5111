"""A checkout whose environments have fake Pythons: nothing is downloaded, no driver is asked."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import backends
from harness.tools.environments import choose as choosing
from harness.tools.environments import commands, install, stamps

REAL = Path(__file__).parents[2]
HERE = sys.version_info[:2]
PYTHON = "{}.{}".format(*HERE)
# Answers what programs of this package ask a Python; `pip` writes down how it was called.
FAKE = """#!/bin/sh
here=$(dirname "$(dirname "$0")")
case "$*" in
    *sys.version_info*) echo {version} ;;
    *"import ensurepip"*) exit {no_ensurepip} ;;
    *"-Im venv"*) for last; do :; done
        echo "$*" >> "$FAKE_LOG"
        mkdir -p "$last/bin" && cp "$0" "$last/bin/python" ;;
    *"-Im pip --version"*) {pip_version} ;;
    *PackageNotFoundError*) cat "$here/missing" 2>/dev/null; exit 0 ;;
    *"-Im pip"*) echo "$*" >> "$FAKE_LOG"; {pip} ;;
esac
"""


def program(file, text):
    """A program that can be started, with this text."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)
    return file


def fake_python(file, version=HERE, no_ensurepip=0, pip_version="echo pip 23.2.1", pip=":"):
    words = {"no_ensurepip": no_ensurepip, "pip_version": pip_version, "pip": pip}
    return program(file, FAKE.format(version="{} {}".format(*version), **words))


def checkout(tmp_path, monkeypatch):
    """A checkout of its own, with nothing but pyproject.toml. Fake Pythons write to `told`."""
    root = tmp_path / "checkout"
    root.mkdir()
    shutil.copy(REAL / "pyproject.toml", root)
    for module in (stamps, choosing, install):
        monkeypatch.setattr(module, "ROOT", root)
    monkeypatch.setattr(commands, "LOCK", root / ".venv.lock")
    monkeypatch.setattr(commands, "KERNEL_DRIVER", root / "none")
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "told"))
    for name in ("PIP_ARGS", *map(backends.interpreter_variable, backends.available())):
        monkeypatch.delenv(name, raising=False)
    return root


def made(root, name=".venv", version=HERE, /, **fields):
    """An environment that a setup has finished."""
    folder = root / name
    fake_python(folder / "bin" / "python", version)
    first = {"build": "cpu", "extras": ("cpu",), "pins": stamps.pins(), "state": stamps.READY}
    stamp = replace(stamps.new_stamp("harness", version), **{**first, **fields})
    stamps.write_stamp(folder, stamp)
    return folder
