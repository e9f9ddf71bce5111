"""What is looked at before a comparison, each with what helps."""

import functools
import os
import venv

import pytest

from harness.metrics.weights import OFFLINE_VARIABLE
from harness.tools.doctor import examine as examining
from harness.tools.doctor import machine, packages
from harness.tools.doctor.check import Check, answer, as_json, ok
from harness.tools.doctor.examine import examine
from harness.tools.doctor.settings import check_keras, check_variables
from harness.tools.environments import installed


def state(checks, name):
    """Of the check called so; None where there is none."""
    return next((each.state for each in checks if each.name == name), None)


@pytest.fixture
def unprobed(monkeypatch):
    """No processes of frameworks, no look at all packages, no waiting: these take seconds."""
    monkeypatch.setattr(examining, "start_probes", lambda gpu, one_by_one: ())
    monkeypatch.setattr(packages.installed, "describe", lambda names: described())
    monkeypatch.setattr(machine, "SAMPLE", 0.01)


@functools.cache
def described():
    """This environment; a look at all its packages takes long."""
    return installed.describe([packages.OWN, *packages.FRAMEWORKS, *packages.IMPORTED])


def environment(serves=("torch", "tf"), is_own=True, **fields):
    """This one, with other fields."""
    return packages.Environment(tuple(serves), is_own, **{**described(), **fields})


@pytest.mark.parametrize(
    ("requirement", "said"),
    [
        ("numpy>=1", ""),
        ("torch==2.13.0", ""),  # of which a build for the CPU is installed
        ("numpy==1.0", "numpy is"),
        ("no-such-package>=1", "no-such-package is missing"),
        ("no-such-package; python_version < '3'", ""),
        ("no-such-package; extra == 'tf-cuda'", ""),
        ("no-such-package; extra == 'harness'", "no-such-package is missing"),
    ],
)
def test_packages_are_those_asked_for(requirement, said):
    check = packages.check_pins(environment(requires={packages.OWN: [requirement]}))
    assert check.state == ("problem" if said else "ok")
    assert said in check.found and bool(check.fix) is bool(said)


def test_an_environment_of_one_backend_needs_its_own_packages_only():
    asked_for = ["a; extra == 'harness'", "b; extra == 'tf'", "c; extra == 'tf-cuda'", "d>=1"]
    of_tf = environment(("tf",), False, requires={packages.OWN: asked_for},
                        versions={"tensorflow": "2.21.0", "d": "1"})  # fmt: skip
    found = packages.check_pins(of_tf)
    assert (found.name, found.found) == ("packages of tf", "c is missing")


@pytest.mark.parametrize(("version", "state"), [("3.11.7", "ok"), ("3.9.1", "problem")])
def test_python_is_within_the_range(version, state):
    of_it = environment(python_range="<3.13,>=3.10", python=version)
    assert packages.check_python(of_it).state == state


def test_two_packages_of_tensorflow_spoil_each_other():
    assert packages.check_tensorflow(environment(versions={})).state == "problem", "none"
    both = dict.fromkeys(packages.TENSORFLOWS, "2.21.0")
    found = packages.check_tensorflow(environment(versions=both, prefix="/x/.venv"))
    assert found.state == "problem" and found.fix == "remove /x/.venv, then `make setup`"


def test_files_that_two_packages_write_are_told_with_the_one_thing_that_helps(monkeypatch):
    shared = [{"packages": ["nvidia-cudnn-cu12", "nvidia-cudnn-cu13"], "files": 2, "different": 1,
               "example": "nvidia/cudnn/lib/libcudnn.so.9"}]  # fmt: skip
    monkeypatch.delenv("CYCLEBENCH_PYTHON_TF", raising=False)
    spoilt = environment(("tf",), False, prefix="/x/.venv-tf", shared=shared)
    found = packages.check_shared_files(spoilt)
    assert found.state == "problem" and found.fix == "remove /x/.venv-tf, then `make setup`"
    monkeypatch.setenv("CYCLEBENCH_PYTHON_TF", "/x/.venv-tf/bin/python")
    assert packages.check_shared_files(spoilt).fix.startswith("unset CYCLEBENCH_PYTHON_TF")
    same = environment(shared=[{**shared[0], "different": 0}])
    assert packages.check_shared_files(same).state == "ok"


def test_a_framework_from_elsewhere_is_told(tmp_path):
    found = packages.check_origins(environment(origins={"keras": str(tmp_path / "keras.py")}))
    assert found.state == "warning" and f"keras from {tmp_path}" in found.found


def test_the_environment_of_another_interpreter_describes_itself(tmp_path, monkeypatch):
    """A venv that is empty but for one package of the harness's name."""
    other = tmp_path / ".venv-tf"
    venv.create(other, symlinks=True)
    python = other / "bin" / "python"
    monkeypatch.setenv("CYCLEBENCH_PYTHON_TF", str(python))
    names = {check.name: check for check in packages.check_packages()}
    assert names["packages"].state == "ok"
    assert names["cyclebench of tf"].state == "problem"
    monkeypatch.setattr(packages.installed, "describe", lambda names: described())
    folder = next(other.glob("lib/python3*/site-packages")) / "cyclebench-0.1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: cyclebench\nVersion: 0.1.0\nRequires-Python: >=3.10\n"
        "Requires-Dist: numpy==2.4.6\n"
    )
    names = {check.name: check for check in packages.check_packages()}
    assert names["Python of tf"].state == "ok" and str(other) in names["Python of tf"].found
    assert names["packages of tf"].found == "numpy is missing"
    python.unlink()
    names = {check.name: check for check in packages.check_packages()}
    assert names["environment of tf"].fix.startswith("set CYCLEBENCH_PYTHON_TF to the Python of")


@pytest.mark.parametrize(
    ("content", "state"),
    [
        (None, "ok"),
        ('{"backend": "tensorflow", "epsilon": 1e-07}', "ok"),
        ('{"backend": "torch"}', "problem"),
        ('{"floatx": "float16"}', "problem"),
        ("{", "warning"),
        ("[1]", "warning"),
    ],
)
def test_settings_of_keras_can_change_networks(tmp_path, content, state):
    if content is not None:
        (tmp_path / "keras.json").write_text(content)
    assert check_keras(tmp_path / "keras.json").state == state


@pytest.mark.parametrize(
    ("variable", "value", "state_then"),
    [
        ("KERAS_BACKEND", "torch", "problem"),
        ("KERAS_BACKEND", "tensorflow", None),
        ("CUDA_LAUNCH_BLOCKING", "1", "warning"),
        ("CUDA_LAUNCH_BLOCKING", "0", None),
        ("ONEDNN_DEFAULT_FPMATH_MODE", "BF16", "warning"),
        ("LD_PRELOAD", "/lib/libjemalloc.so", "warning"),
        ("CYCLEBENCH_MIRROR", "ftp://here", "problem"),
        ("CYCLEBENCH_MIRROR", "http://here", "ok"),
        (OFFLINE_VARIABLE, "1", "ok"),
    ],
)
def test_variables_that_matter_are_named(variable, value, state_then):
    assert state(check_variables({variable: value}), variable) == state_then


def test_threads_and_libraries_in_the_environment(tmp_path):
    assert state(check_variables({"OMP_NUM_THREADS": "1"}), "thread settings") == "warning"
    assert state(check_variables({}), "thread settings") == "ok"
    (tmp_path / "libcudnn.so.9").touch()
    path = {"LD_LIBRARY_PATH": f"/nowhere:{tmp_path}"}
    assert state(check_variables(path), "LD_LIBRARY_PATH") == "warning"


def test_passwords_of_proxies_are_not_shown():
    checks = check_variables({"https_proxy": "http://me:secret@proxy.example:3128"})
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


def test_the_program_says_so_in_a_line_or_in_json():
    checks = [ok("a", "good"), Check("b", "problem", "bad", "mend it")]
    assert answer(checks) == "1 problem, 0 warnings, 2 checks"
    assert as_json(checks)["ok"] is False and as_json(checks[:1])["ok"] is True
    assert as_json(checks)["checks"][1] == {
        "name": "b", "state": "problem", "found": "bad", "fix": "mend it",
    }  # fmt: skip
