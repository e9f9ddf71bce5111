"""What is looked at before a comparison, each with what helps."""

import os

import pytest

import backends
from harness.metrics.weights import OFFLINE_VARIABLE
from harness.tools.doctor import examine as examining
from harness.tools.doctor import machine
from harness.tools.doctor.check import Check, answer, as_json, ok
from harness.tools.doctor.examine import examine
from harness.tools.doctor.settings import check_variables


def state(checks, name):
    """Of the check called so; None where there is none."""
    return next((each.state for each in checks if each.name == name), None)


@pytest.fixture
def unprobed(monkeypatch):
    """No processes of frameworks, no look at all packages, no waiting: these take seconds."""
    monkeypatch.setattr(examining, "start_probes", lambda gpu, one_by_one: ())
    monkeypatch.setattr(examining, "look", lambda names: [ok("packages", "not looked at")])
    monkeypatch.setattr(machine, "SAMPLE", 0.01)


@pytest.mark.parametrize(
    ("variable", "value", "state_then"),
    [
        ("CUDA_LAUNCH_BLOCKING", "1", "warning"),
        ("CUDA_LAUNCH_BLOCKING", "0", None),
        ("XLA_PYTHON_CLIENT_PREALLOCATE", "true", "warning"),
        ("XLA_PYTHON_CLIENT_PREALLOCATE", "false", None),
        ("XLA_FLAGS", "--xla_dump_to=/tmp", "warning"),
        ("OMP_THREAD_LIMIT", "1", "warning"),
        ("OMP_PROC_BIND", "false", None),
        ("OMP_PROC_BIND", "close", "warning"),
        ("LD_PRELOAD", "/lib/libjemalloc.so", "warning"),
        ("CYCLEBENCH_MIRROR", "ftp://here", "problem"),
        ("CYCLEBENCH_MIRROR", "http://here", "ok"),
        (OFFLINE_VARIABLE, "1", "ok"),
    ],
)
def test_variables_that_matter_are_named(variable, value, state_then):
    assert state(check_variables(backends.available(), {variable: value}), variable) == state_then


def test_variables_of_a_backend_that_is_not_here_do_not_matter():
    of_jax, of_torch = "XLA_PYTHON_CLIENT_PREALLOCATE", "ATEN_CPU_CAPABILITY"
    environment = {of_jax: "true", of_torch: "default", "LD_PRELOAD": "/x.so"}
    for names, told in (
        (("jax",), {of_jax, "LD_PRELOAD"}),
        (backends.USUAL, {of_torch, "LD_PRELOAD"}),
    ):
        found = {each.name for each in check_variables(names, environment) if each.fix}
        assert found == told


def test_threads_and_libraries_in_the_environment(tmp_path):
    for given, then in (({"OMP_NUM_THREADS": "1"}, "warning"), ({}, "ok")):
        assert state(check_variables(backends.USUAL, given), "thread settings") == then
    (tmp_path / "libcudnn.so.9").touch()
    path = {"LD_LIBRARY_PATH": f"/nowhere:{tmp_path}"}
    assert state(check_variables(backends.USUAL, path), "LD_LIBRARY_PATH") == "warning"


def test_passwords_of_proxies_are_not_shown():
    checks = check_variables(backends.USUAL, {"https_proxy": "http://me:secret@proxy.example:3128"})
    said = next(each.found for each in checks if each.name == "proxies")
    assert said == "https_proxy proxy.example"


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (machine.check_load(0.05, 2), "ok"),
        (machine.check_load(0.5, 2), "warning"),
        (machine.check_cores(4, 8, None), "ok"),
        (machine.check_cores(4, 8, 1.5), "warning"),
        (machine.check_memory(8 * 2**30, 16 * 2**30), "ok"),
        (machine.check_memory(2 * 2**30, 16 * 2**30), "warning"),
        (machine.check_memory(2**30, 16 * 2**30), "problem"),
    ],
)
def test_what_else_runs_and_what_is_left(found, state):
    assert found.state == state and bool(found.fix) is (state != "ok")


def test_folders_need_not_be_there_but_be_possible(tmp_path, monkeypatch):
    assert machine.check_folder("results", tmp_path / "new" / "er", "x").state == "ok"
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").touch()
    assert machine.check_folder("results", tmp_path / "file" / "x", "x").state == "problem"
    monkeypatch.setattr(machine.os, "access", lambda *_: False)
    assert machine.check_folder("results", tmp_path, "x").state == "problem"
    monkeypatch.undo()
    monkeypatch.setattr(machine, "LITTLE_SPACE", 2**62)
    assert machine.check_folder("results", tmp_path, "x").state == "warning"


def test_data_sets_that_lack_something_are_told(own_cache, tmp_path):
    (tmp_path / "data" / "maps" / "trainA").mkdir(parents=True)
    checks = list(machine.check_data(tmp_path / "data"))
    assert state(checks, "data sets") == "ok" and state(checks, "data set maps") == "warning"
    assert state(machine.check_data(tmp_path / "none"), "data sets") == "problem"


def test_an_examination_writes_nothing(unprobed, own_cache, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    before = sorted(os.walk(tmp_path))
    names = [each.name for each in examine(tmp_path / "results")]
    assert {"load", "cores", "packages", "GPU", "results", "cache", "Inception weights"} <= {*names}
    assert sorted(os.walk(tmp_path)) == before


def test_settings_are_looked_at_for_the_backends_that_are_to_work_here(
    unprobed, own_cache, tmp_path, monkeypatch
):
    monkeypatch.setenv("XLA_PYTHON_CLIENT_PREALLOCATE", "true")
    for names in (backends.USUAL, ("torch", "jax")):
        monkeypatch.setattr(examining, "expected", lambda names=names: names)
        found = {each.name for each in examine(tmp_path)}
        assert ("XLA_PYTHON_CLIENT_PREALLOCATE" in found) is ("jax" in names)


def test_the_program_says_so_in_a_line_or_in_json():
    checks = [ok("a", "good"), Check("b", "problem", "bad", "mend it")]
    assert answer(checks) == "1 problem, 0 warnings, 2 checks"
    assert as_json(checks)["ok"] is False and as_json(checks[:1])["ok"] is True
    assert as_json(checks)["checks"][1] == {
        "name": "b", "state": "problem", "found": "bad", "fix": "mend it",
    }  # fmt: skip
