"""What a program makes of its surroundings before it does anything else."""

from __future__ import annotations

import os
import subprocess
import sys

import bench_records
import pytest

from harness.studies.timing.record_files import write_record
from harness.system.interpreters import ROOT

CODE = """
import os, sys
from harness.system.start import begin
begin()
print(sys.getfilesystemencoding(), os.environ["PYTHONSAFEPATH"], sys.argv[1:] == ["\\u00e9"])
print("\\u00d7 \\u00b1 \\u2192 \\u65e5 \\udcff")
print("\\u00d7", file=sys.stderr)
"""
C = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def in_locale(*command: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    names = ("LC_ALL", "LANG", "PYTHONUTF8", "PYTHONIOENCODING", "PYTHONSAFEPATH")
    kept = {name: value for name, value in os.environ.items() if name not in names}
    return subprocess.run(
        [sys.executable, *command], capture_output=True, cwd=ROOT, env={**kept, **variables}
    )


@pytest.mark.parametrize(
    ("variables", "printed"),
    [
        (C, b"x +/- -> ? ?"),
        ({**C, "PYTHONIOENCODING": "latin-1"}, b"\xd7 \xb1 -> ? ?"),
        ({"PYTHONUTF8": "1"}, "\u00d7 ± → 日 ?".encode()),
        ({"PYTHONUTF8": "1", "PYTHONIOENCODING": "ascii"}, b"x +/- -> ? ?"),
    ],
)
def test_files_are_read_alike_and_printing_never_fails(variables, printed):
    done = in_locale("-c", CODE, "é", **variables)
    assert done.stdout.splitlines() == [b"utf-8 1 True", printed], done.stderr
    assert done.returncode == 0 and done.stderr in (b"x\n", b"\xd7\n", "\u00d7\n".encode())


def test_a_command_says_what_it_found_in_every_locale(tmp_path):
    files = [tmp_path / "new.json", tmp_path / "old.json"]
    for file, second in zip(files, (1.2, 1.1), strict=True):
        write_record(bench_records.several(second), file)
    done = in_locale("-m", "harness.cli", "regress", *map(str, files), **C)
    assert b"Traceback" not in done.stderr and done.stderr == b""
    assert done.stdout.isascii() and b"PyTorch" in done.stdout
