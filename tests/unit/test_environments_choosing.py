"""Which environments and builds suit a machine: fake Pythons, a fake driver, nothing installed."""

import ast
import os
import re
import subprocess

import fake_gpus
import pytest
from fake_pythons import HERE, PYTHON, REAL, checkout, fake_python, made, program

from harness.system.errors import UserError
from harness.tools.environments import choose as choosing
from harness.tools.environments import commands, driver, stamps
from harness.tools.environments.choose import SetupRequest, choose
from harness.tools.environments.driver import Driver, build_for, read_driver

H200 = Driver((13, 0), ((9, 0),))
T4 = Driver((12, 4), ((7, 5),))  # with an older driver


@pytest.fixture
def root(tmp_path, monkeypatch):
    return checkout(tmp_path, monkeypatch)


def none():
    """There is no driver."""


def never():
    raise AssertionError("the driver must not be asked")


def folders(choice):
    return [each.folder.name for each in choice.environments]


@pytest.mark.parametrize(
    ("found", "build", "says"),
    [
        (None, "cpu", "no NVIDIA driver"),
        (Driver((13, 0), ()), "cpu", "shows no GPU"),
        (Driver((13, 0), (), "fails (cuInit answers 803)"), "cpu", "803"),
        (H200, "cuda", "CUDA 13.0"),
        (Driver((13, 1), ((7, 5),)), "cuda", "CUDA 13.1"),
        (T4, "cuda12", "CUDA 12.4: builds for CUDA 12"),
        (Driver((13, 0), ((7, 0),)), "cuda12", "7.0"),  # V100
        (Driver((13, 0), ((8, 9), (6, 1))), "cuda12", "6.1"),  # an old display card beside it
        (Driver((12, 8), ((12, 0),)), "cuda", "580"),  # Blackwell: only CUDA 13 has it
        (Driver((11, 4), ((8, 0),)), "cpu", "too old"),
    ],
)
def test_builds_are_those_that_the_driver_can_run(found, build, says):
    chosen = build_for(found)
    assert chosen.name == build and says in chosen.why


def test_the_driver_is_read(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    cards = [fake_gpus.Card(capability=(8, 9)), fake_gpus.Card(capability=(7, 5), number=2)]

    def read(cards, code=0):
        return read_driver(lambda name: fake_gpus.Driver(cards, code, version=12040))

    assert read(cards) == {"cuda": (12, 4), "capabilities": [(8, 9), (7, 5)], "fault": ""}
    assert read([], driver.NO_DEVICE)["fault"] == ""
    assert "803" in read(cards, 803)["fault"]
    assert "no NVIDIA driver" in read_driver(lambda name: object())["fault"]

    def missing(name):
        raise OSError

    assert read_driver(missing) is None


def test_the_driver_is_asked_in_a_process_that_may_hang_or_crash(monkeypatch):
    answers = iter(["null", "", '{"cuda": [13, 0], "capabilities": [[9, 0]], "fault": ""}'])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")

    def run(command, env, **more):
        assert "CUDA_VISIBLE_DEVICES" not in env
        return subprocess.CompletedProcess(command, 0, next(answers), "")

    monkeypatch.setattr(driver.subprocess, "run", run)
    assert driver.ask_driver() is None
    assert "crashed" in driver.ask_driver().fault
    assert driver.ask_driver() == H200

    def hangs(command, **more):
        raise subprocess.TimeoutExpired(command, 1)

    monkeypatch.setattr(driver.subprocess, "run", hangs)
    assert "did not answer" in driver.ask_driver().fault


def test_nvidia_smi_is_not_believed(root, tmp_path, monkeypatch):
    """It may print a GPU that no driver has. The driver is asked in a real process here."""
    smi = program(tmp_path / "bin" / "nvidia-smi", "#!/bin/sh\necho 'GPU 0: NVIDIA H200'\n")
    monkeypatch.setenv("PATH", f"{smi.parent}:{os.environ['PATH']}")
    if driver.ask_driver() is not None:
        pytest.skip("this machine has a driver")
    assert choose(SetupRequest()).build == "cpu"


@pytest.mark.parametrize(
    ("ask", "extras", "names", "has"),
    [
        (none, (), [".venv"], [("cpu",)]),
        (none, ("test",), [".venv"], [("cpu", "test")]),
        (lambda: H200, (), [".venv", ".venv-torch", ".venv-tf"],
         [("harness",), ("torch",), ("tf-cuda",)]),
        # Tests want all frameworks in one process, and no GPU.
        (lambda: H200, ("test",), [".venv-test"], [("cpu", "test")]),
    ],
)  # fmt: skip
def test_with_a_gpu_each_framework_has_its_own_environment(root, ask, extras, names, has):
    choice = choose(SetupRequest(extras=extras), ask)
    assert folders(choice) == names and [each.extras for each in choice.environments] == has


def test_what_is_there_is_used_and_the_driver_not_asked(root):
    made(root)
    assert choose(SetupRequest(), never).environments[0].is_ready
    # A login node without a GPU, with the environments of the nodes that have one.
    made(root, build="cuda", extras=("harness",))
    choice = choose(SetupRequest(), never)
    assert choice.build == "cuda" and choice.base == root / ".venv"
    # What has GPU builds does not get CPU builds beside them.
    assert choose(SetupRequest("cpu"), never).base == root / ".venv-cpu"
    with pytest.raises(UserError, match="BUILD=rocm"):
        choose(SetupRequest("rocm"), never)


def test_setup_adds_builds_for_a_gpu_unless_cpu_was_asked_for(root):
    made(root)
    choice = choose(SetupRequest(), lambda: H200, upgrade=True)
    assert folders(choice) == [".venv", ".venv-torch", ".venv-tf"]
    assert choice.environments[0].extras == ("cpu", "harness"), "nothing is taken away"
    made(root, chosen=True)
    assert choose(SetupRequest(), never, upgrade=True).build == "cpu"


def test_another_python_gets_another_environment(root):
    made(root)
    assert choose(SetupRequest(python=HERE), never).base == root / ".venv"
    other = choose(SetupRequest(python=(3, 99)), lambda: H200)
    assert folders(other) == [".venv-py3.99", ".venv-py3.99-torch", ".venv-py3.99-tf"]
    # The next time it is found there, whatever python3 is.
    made(root, ".venv-py3.99", (3, 99))
    assert choose(SetupRequest(python=(3, 99)), never).base == root / ".venv-py3.99"
    assert choose(SetupRequest(), never).base == root / ".venv"


@pytest.mark.parametrize(
    ("fields", "runs", "name"),
    [
        ({"machine": "sparc"}, True, f".venv-{os.uname().machine}"),
        ({"root": "/elsewhere"}, True, ".venv-moved"),
        ({}, False, f".venv-py{PYTHON}"),
        ({"state": stamps.UPDATING}, False, f".venv-py{PYTHON}"),
        # A setup that was interrupted goes on where it was.
        ({"state": stamps.UPDATING}, True, ".venv"),
        ({"state": stamps.BEGUN}, True, ".venv"),
        ({"state": stamps.BEGUN}, False, ".venv"),
    ],
)
def test_what_cannot_be_used_here_is_left_alone(root, fields, runs, name):
    folder = made(root, **fields)
    if not runs:
        (folder / "bin" / "python").unlink()
    choice = choose(SetupRequest(), none)
    assert choice.base == root / name and not choice.environments[0].is_ready
    if "machine" in fields:
        # Another one that cannot be used either: a number.
        made(root, name, **fields)
        assert choose(SetupRequest(), none).base == root / f"{name}-2"


def test_an_environment_without_a_stamp_is_gone_on_with_if_it_can_be(root):
    fake_python(root / ".venv" / "bin" / "python")
    assert choose(SetupRequest(), none).base == root / ".venv"
    # Both frameworks' builds for GPUs in one: nothing to go on with, and not ours to remove.
    (root / ".venv" / ".ready-cuda-py3.11-1").touch()
    assert choose(SetupRequest(), none).base == root / f".venv-py{PYTHON}"


def test_changed_pins_make_an_environment_unready(root):
    made(root)
    file = root / "pyproject.toml"
    file.write_text(file.read_text().replace("line-length = 100", "line-length = 99"))
    of_tools = choose(SetupRequest(), never).environments[0]
    assert of_tools.is_ready, "settings of tools install nothing"
    file.write_text(file.read_text().replace("safetensors>=0.5", "safetensors>=0.6"))
    assert not choose(SetupRequest(), never).environments[0].is_ready


@pytest.mark.parametrize(
    ("version", "says"),
    [
        ((3, 14), "Python 3.14: too new, 3.10 to 3.13 will do; use PYTHON=python3.13"),
        ((3, 9), "Python 3.9: too old, 3.10 to 3.13 will do; use PYTHON=python3.13"),
    ],
)
def test_a_python_that_will_not_do_is_told_which_one_does(root, monkeypatch, capsys, version, says):
    monkeypatch.setenv("PATH", str(root))
    for module in (commands, choosing):
        monkeypatch.setattr(module, "this_version", lambda: version)
    assert commands.main(["setup", "--this-python"]) == 2
    assert capsys.readouterr().err == f"cyclebench: {says}\n"
    # One that is here is proposed, but not a shim that leads nowhere.
    fake_python(root / "python3.12")
    program(root / "python3.13", "#!/bin/sh\nexit 127\n")
    assert commands.main(["setup", "--this-python"]) == 2
    assert "use PYTHON=python3.12, which is here" in capsys.readouterr().err
    # As nobody named it, what is there will do.
    made(root)
    assert choose(SetupRequest(), never).base == root / ".venv"


def test_an_old_python_gets_as_far_as_saying_so():
    """3.8 reads all of it, any one the first file."""
    package = REAL / "harness" / "tools" / "environments"
    others = ("harness/system/errors.py", "backends/__init__.py")
    for file in [*package.glob("*.py"), *(REAL / name for name in others)]:
        text = file.read_text()
        ast.parse(text, str(file), feature_version=(3, 8))
        # It reads such types in annotations, but not as values.
        assert not re.search(r"^\w+ = (Callable|Iterator|dict|list|tuple)\[", text, re.MULTILINE)
    first = (package / "__main__.py").read_text()
    assert "annotations" not in first and "version_info < (3, 8)" in first
