"""Versions of libraries as they are loaded, told by libraries made for the purpose."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from backends import loaded_libraries

COMPILER = shutil.which("cc") or shutil.which("gcc")
CUDNN = "unsigned long cudnnGetVersion(void) {{ return {}; }}"
CUDA_RUNTIME = "int cudaRuntimeGetVersion(int *n) {{ *n = {}; return {}; }}"
# In a process of its own: what is loaded stays loaded.
ASK = """
import ctypes, json, sys
from backends import loaded_libraries
kept = [ctypes.CDLL(path) for path in sys.argv[1:]]
print(json.dumps(loaded_libraries.find()))
"""


def made(folder: Path, name: str, source: str) -> Path:
    """A shared library of C source; `name` has two underscores for a dot."""
    path = folder / name.replace("__", ".")
    command = [str(COMPILER), "-shared", "-fPIC", "-x", "c", "-", "-o", str(path)]
    subprocess.run(command, input=source.encode(), check=True)
    return path


def told(folder: Path, **libraries: str) -> dict[str, str | None]:
    """What a process says that has loaded libraries of these names and sources."""
    paths = [made(folder, name, source) for name, source in libraries.items()]
    command = [sys.executable, "-c", ASK, *map(str, paths)]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)


@pytest.mark.skipif(COMPILER is None, reason="no C compiler to make libraries with")
@pytest.mark.parametrize(
    ("number", "version"), [(92800, "9.28.0"), (90300, "9.3.0"), (8907, "8.9.7")]
)
def test_cudnn_says_its_version(tmp_path: Path, number: int, version: str) -> None:
    folder = tmp_path / "a folder with spaces"
    folder.mkdir()
    # One of the parts that cuDNN consists of is not asked.
    libraries = {"libcudnn__so__9": CUDNN.format(number), "libcudnn_ops__so__9": CUDNN.format(1)}
    assert told(folder, **libraries) == {"cudnn": version, "cuda_runtime": None}


@pytest.mark.skipif(COMPILER is None, reason="no C compiler to make libraries with")
def test_of_several_cuda_runtimes_all_are_named(tmp_path: Path) -> None:
    found = told(
        tmp_path,
        libcudart__so__13=CUDA_RUNTIME.format(13000, 0),
        libcudart__so__12=CUDA_RUNTIME.format(12050, 0),
    )
    assert found == {"cudnn": None, "cuda_runtime": "12.5, 13.0"}


@pytest.mark.skipif(COMPILER is None, reason="no C compiler to make libraries with")
def test_what_fails_or_has_no_such_function_says_nothing(tmp_path: Path) -> None:
    found = told(
        tmp_path,
        libcudart__so__12=CUDA_RUNTIME.format(12050, 35),
        libcudnn__so__9="int another(void) { return 0; }",
    )
    assert found == {"cudnn": None, "cuda_runtime": None}


@pytest.mark.skipif(COMPILER is None, reason="no C compiler to make libraries with")
def test_nothing_is_loaded_to_be_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is named in the maps, and could be loaded, but is not; one that is gone."""
    library = made(tmp_path, "libcudnn__so__9", CUDNN.format(92800))
    maps = tmp_path / "maps"
    line = "7f00-7f01 r-xp 00000000 08:01 42    "
    maps.write_text(f"{line}{library}\n7f02-7f03 rw-p 0 00:00 0\n{line}/gone/libcudart.so.12\n")
    monkeypatch.setattr(loaded_libraries, "MAPS", maps)
    assert loaded_libraries.find() == {"cudnn": None, "cuda_runtime": None}
    assert str(library) not in Path("/proc/self/maps").read_text(encoding="utf-8")


def test_where_there_are_no_maps_nothing_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loaded_libraries, "MAPS", tmp_path / "not there")
    assert loaded_libraries.find() == {"cudnn": None, "cuda_runtime": None}
