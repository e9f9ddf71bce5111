"""`cyclebench bench` on real backends, with blocks too short to mean anything."""

from __future__ import annotations

import json

import pytest

from harness.cli import main

QUICKLY = ["--starts", "3", "--pairs", "2", "--block-seconds", "0.01", "--preset", "smoke"]


def test_two_backends_are_timed_in_turns(tmp_path, capsys):
    assert main(["bench", *QUICKLY, "--width", "100", "--results", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "TensorFlow takes" in out and "as long as PyTorch" in out and "of the matrix peak" in out
    (file,) = (tmp_path / "bench").glob("*.json")
    starts = json.loads(file.read_text())["starts"]
    assert len(starts) == 3
    for start in starts:
        assert [side["backend"] for side in start["sides"]] == ["torch", "tf"]
        for side in start["sides"]:
            assert len(side["seconds_per_step"]) == 2 and min(side["seconds_per_step"]) > 0
            assert side["matrix_peak"] > 1e9 and side["first_step_seconds"] > 0
            assert side["memory"]["bytes"] > 2**20
        assert start["sides"][0]["flops_per_step"] == start["sides"][1]["flops_per_step"] > 1e6


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--backends", "torch"], "two backends are timed"),
        (["--aa", "jax"], "jax"),
        (["--preset", "none"], "preset 'none': unknown"),
    ],
)
def test_bad_input_is_one_line_and_status_2(tmp_path, capsys, arguments, says):
    assert main(["bench", *arguments, "--results", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_line_before_anything_is_timed(tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert main(["bench", *QUICKLY, "--results", str(tmp_path / "file")]) == 2
    error = capsys.readouterr().err
    assert "cannot write" in error and error.count("\n") == 1
