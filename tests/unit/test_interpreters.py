"""Which Python a backend runs in, and what is said of one that does not do."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import backends
from harness.config.backend_names import check_backends
from harness.system import interpreters, provenance
from harness.system.errors import UserError

FULL = {"python": [3, 11, 7], "missing": [], "versions": {"torch": "2.13.0+cpu", "numpy": "2.4.6"}}


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    """Answers are remembered for a process: not from one test to the next."""
    interpreters._answer.cache_clear()
    for name in backends.available():
        monkeypatch.delenv(backends.interpreter_variable(name), raising=False)
    yield
    interpreters._answer.cache_clear()


@pytest.fixture
def python(tmp_path, monkeypatch):
    """A program in place of PyTorch's Python, which does as the shell script says."""

    def made(script: str) -> Path:
        path = tmp_path / "python"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("CYCLEBENCH_PYTHON_TORCH", str(path))
        return path

    return made


def says(**changed) -> str:
    return f"echo '{json.dumps({**FULL, **changed})}'"


def refusal() -> str:
    with pytest.raises(UserError) as refused:
        check_backends(["torch"])
    text = str(refused.value)
    assert "\n" not in text and "CYCLEBENCH_PYTHON_TORCH" in text
    return text


def test_without_more_it_is_this_one(monkeypatch):
    monkeypatch.setattr(sys, "prefix", "/nowhere/.venv")
    assert backends.interpreter("torch") == Path(sys.executable)
    assert interpreters.is_own("torch")


def test_an_environment_beside_this_one_is_taken(monkeypatch, tmp_path):
    (tmp_path / ".venv-torch").mkdir()
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    assert backends.interpreter("torch") == tmp_path / ".venv-torch/bin/python"
    assert backends.interpreter("tf") == Path(sys.executable)


def test_one_beside_that_is_broken_is_to_be_made_anew(monkeypatch, tmp_path):
    (tmp_path / ".venv-torch").mkdir()
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    with pytest.raises(UserError, match=r"\.venv-torch/bin/python is not there; remove .*make set"):
        check_backends(["torch"])


def test_a_named_one_comes_first_and_may_be_a_folder(monkeypatch, tmp_path):
    (tmp_path / ".venv-torch").mkdir()
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    monkeypatch.setenv("CYCLEBENCH_PYTHON_TORCH", "/some/python")
    assert backends.interpreter("torch") == Path("/some/python")
    monkeypatch.setenv("CYCLEBENCH_PYTHON_TORCH", str(tmp_path))
    assert backends.interpreter("torch") == tmp_path / "bin/python"


def test_packages_are_those_of_its_own_python(python):
    python(says())
    assert interpreters.packages("torch") == {"numpy": "2.4.6", "torch": "2.13.0"}
    here = interpreters.packages("tf")
    assert here["tensorflow"] and "torch" not in here and "tensorflow-cpu" not in here
    check_backends(["torch"])


def test_another_version_there_is_another_experiment(python):
    python(says())
    before = provenance.deciding_packages()
    interpreters._answer.cache_clear()
    python(says(versions={"torch": "2.14.1", "numpy": "2.4.6"}))
    after = provenance.deciding_packages()
    assert before["torch"] != after["torch"]
    assert (before["tf"], before["harness"]) == (after["tf"], after["harness"])


def test_where_a_framework_is_missing_its_backend_is_not_installed(python):
    python(says(versions={"numpy": "2.4.6"}))
    assert interpreters.packages("torch") == {}
    assert "torch" not in interpreters.installed() and "tf" in interpreters.installed()
    assert "torch" not in provenance.deciding_packages()
    assert "has no package torch" in refusal()


def test_a_missing_program(monkeypatch):
    monkeypatch.setenv("CYCLEBENCH_PYTHON_TORCH", "/no/such/python")
    assert "/no/such/python is not there; set " in refusal()


def test_a_file_that_is_no_program(python):
    python("").chmod(0o644)
    assert "does not start (Permission denied)" in refusal()


def test_one_that_fails(python):
    python("echo one >&2; echo 'cannot load libpython.so' >&2; exit 3")
    assert "does not work (cannot load libpython.so)" in refusal()


def test_one_that_says_something_else(python):
    python("echo hello")
    assert "does not work (ended with status 0)" in refusal()


def test_one_that_never_answers(python, monkeypatch):
    monkeypatch.setattr(interpreters, "PATIENCE", 0.3)
    python("exec sleep 60")
    assert "gave no answer within 0 s" in refusal()


def test_an_old_python(python):
    python(says(python=[3, 9, 1]))
    assert "is Python 3.9.1, older than 3.10" in refusal()


def test_one_without_what_a_worker_imports(python):
    python(says(missing=["pydantic", "yaml"]))
    assert "lacks pydantic, yaml" in refusal()


def test_the_question_is_answered_by_another_python_as_by_this_one(python):
    python(f'exec {sys.executable} "$@"')
    asked = ("torch", "numpy", "no-such-package")
    other = interpreters._answer("torch", backends.interpreter("torch"), asked)
    assert other == interpreters._answer("torch", Path(sys.executable), asked)
    assert other.versions.keys() == {"torch", "numpy"} and not other.missing


def test_a_backend_beyond_the_usual_is_expected_where_it_is_installed_or_has_a_python(monkeypatch):
    """Whoever does not want it is not told that it is missing."""
    monkeypatch.setattr(interpreters, "packages", lambda name: {})
    assert interpreters.expected() == backends.USUAL
    monkeypatch.setenv("CYCLEBENCH_PYTHON_JAX", "/somewhere/else/python")
    assert interpreters.expected() == (*backends.USUAL, "jax")
    monkeypatch.delenv("CYCLEBENCH_PYTHON_JAX")
    monkeypatch.setattr(interpreters, "packages", lambda name: {name: "1.0"})
    assert interpreters.expected() == (*backends.USUAL, "jax")


def test_what_brings_a_backend_that_make_setup_does_not_install_by_itself():
    assert interpreters.remedy("jax") == "run `make setup BACKENDS=torch,tf,jax`"
    assert interpreters.remedy("torch") == "run `make setup`"
