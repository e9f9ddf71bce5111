"""`make study` hands on what the user set, and leaves the rest to the study's file."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VARIABLES = ("DATASET", "SEEDS", "BACKENDS", "DEVICE", "DATA_DIR", "RESULTS", "SET", "STUDY")


@pytest.fixture
def handed_on(tmp_path):
    """What `make study` would call cyclebench with, by option."""
    if shutil.which("make") is None:
        pytest.skip("no make here")
    program = tmp_path / "cyclebench"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    (tmp_path / "ready").touch()

    def call(*set_on_the_line, **in_the_environment):
        clean = {name: value for name, value in os.environ.items() if name not in VARIABLES}
        made = subprocess.run(
            ["make", "-s", "-C", str(ROOT), "study", f"BIN={tmp_path}", f"READY={tmp_path}/ready",
             *set_on_the_line],
            env={**clean, **in_the_environment}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        command, *words = made.stdout.splitlines()
        assert command == "study" and words[-2] == "--"
        return {**dict(zip(words[:-2:2], words[1:-2:2], strict=True)), "study": words[-1]}

    return call


def test_defaults_of_a_comparison_are_not_those_of_a_study(handed_on):
    given = handed_on("STUDY=pool")
    assert given.pop("study") == "pool" and given.pop("--results") == "results"
    assert set(given.values()) == {""} and {"--dataset", "--seeds", "--backends"} <= set(given)


def test_what_the_user_sets_is_handed_on_from_either_place(handed_on):
    given = handed_on(
        "STUDY=my file.yaml", "SEEDS=0,1", "SET=a.b=1 c.d=2", BACKENDS="tf", DATASET="maps"
    )
    assert given["study"] == "my file.yaml" and given["--set"] == "a.b=1 c.d=2"
    assert (given["--seeds"], given["--backends"], given["--dataset"]) == ("0,1", "tf", "maps")


def test_setting_a_comparisons_default_outright_counts_as_setting_it(handed_on):
    given = handed_on("STUDY=pool", "SEEDS=0", DATASET="seasons")
    assert (given["--seeds"], given["--dataset"]) == ("0", "seasons")
