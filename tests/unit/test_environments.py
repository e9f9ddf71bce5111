"""Environments are made, found and kept: fake Pythons, a fake driver, nothing downloaded."""

import ast
import ctypes
import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from harness.system.errors import UserError
from harness.tools.environments import choose as choosing
from harness.tools.environments import commands, driver, install, installed, project, stamps
from harness.tools.environments.choose import SetupRequest, choose
from harness.tools.environments.driver import Driver, build_for, read_driver

HERE = sys.version_info[:2]
PYTHON = "{}.{}".format(*HERE)
H200 = Driver((13, 0), ((9, 0),))
REAL = Path(__file__).parents[2]
# What `python -m harness.tools.environments` imports besides: Python's own library only.
NEEDED = (
    "harness/__init__.py", "harness/system/__init__.py", "harness/system/errors.py",
    "harness/tools/__init__.py",
)  # fmt: skip

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
    *find_spec*) cat "$here/missing" 2>/dev/null; exit 0 ;;
    *"-Im pip"*) echo "$*" >> "$FAKE_LOG"; {pip} ;;
esac
"""


def fake_python(file, version=HERE, no_ensurepip=0, pip_version="echo pip 23.2.1", pip=":"):
    file.parent.mkdir(parents=True, exist_ok=True)
    words = "{} {}".format(*version)
    file.write_text(
        FAKE.format(version=words, no_ensurepip=no_ensurepip, pip_version=pip_version, pip=pip)
    )
    file.chmod(0o755)
    return file


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A checkout of its own, with nothing but pyproject.toml, and what fake Pythons were told."""
    root = tmp_path / "checkout"
    root.mkdir()
    shutil.copy(REAL / "pyproject.toml", root)
    for module in (project, stamps, choosing, commands, install):
        monkeypatch.setattr(module, "ROOT", root)
    monkeypatch.setattr(commands, "LOCK", root / ".venv.lock")
    monkeypatch.setattr(commands, "KERNEL_DRIVER", root / "none")
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "told"))
    monkeypatch.delenv("PIP_ARGS", raising=False)
    return root


@pytest.fixture
def told(tmp_path):
    """Reads what fake Pythons were told to do, line by line."""
    return lambda: (tmp_path / "told").read_text().splitlines()


def made(root, name=".venv", version=HERE, /, **fields):
    """An environment that a setup has finished."""
    folder = root / name
    fake_python(folder / "bin" / "python", version)
    first = {"build": "cpu", "extras": ("cpu",), "pins": stamps.pins(), "state": stamps.READY}
    stamp = replace(stamps.new_stamp("harness", version), **{**first, **fields})
    stamps.write_stamp(folder, stamp)
    return folder


def never():
    raise AssertionError("the driver must not be asked")


def folders(choice):
    return [each.folder.name for each in choice.environments]


# ----------------------------------------------------------------------------------- the driver


@pytest.mark.parametrize(
    ("found", "build", "says"),
    [
        (None, "cpu", "no NVIDIA driver"),
        (Driver((13, 0), ()), "cpu", "shows no GPU"),
        (Driver((13, 0), (), "fails (cuInit answers 803)"), "cpu", "803"),
        (H200, "cuda", "CUDA 13.0"),
        (Driver((13, 1), ((7, 5),)), "cuda", "CUDA 13.1"),
        (Driver((12, 4), ((7, 5),)), "cuda12", "12.6"),  # a T4 with an older driver
        (Driver((13, 0), ((7, 0),)), "cuda12", "7.0"),  # V100
        (Driver((13, 0), ((8, 9), (6, 1))), "cuda12", "6.1"),  # an old display card beside it
        (Driver((12, 8), ((12, 0),)), "cuda", "580"),  # Blackwell: only CUDA 13 has it
        (Driver((11, 4), ((8, 0),)), "cpu", "too old"),
    ],
)
def test_builds_are_those_that_the_driver_can_run(found, build, says):
    chosen = build_for(found)
    assert chosen.name == build and says in chosen.why


class FakeLibrary:
    """libcuda of a machine with GPUs of these capabilities."""

    def __init__(self, capabilities, init=0):
        self.capabilities, self.init = capabilities, init

    def cuInit(self, flags):
        return self.init

    def cuDriverGetVersion(self, number):
        return self.answer(number, 12040)

    def cuDeviceGetCount(self, number):
        return self.answer(number, len(self.capabilities))

    def cuDeviceGet(self, number, index):
        return self.answer(number, index)

    def cuDeviceGetAttribute(self, number, attribute, device):
        return self.answer(number, self.capabilities[device][attribute - driver.CAPABILITY_MAJOR])

    def answer(self, number, value):
        ctypes.cast(number, ctypes.POINTER(ctypes.c_int))[0] = value
        return 0


def test_the_driver_is_read():
    found = read_driver(lambda name: FakeLibrary([(8, 9), (7, 5)]))
    assert found == {"cuda": (12, 4), "capabilities": [(8, 9), (7, 5)], "fault": ""}
    assert read_driver(lambda name: FakeLibrary([], driver.NO_DEVICE))["fault"] == ""
    assert "803" in read_driver(lambda name: FakeLibrary([(8, 9)], 803))["fault"]
    assert "no NVIDIA driver" in read_driver(lambda name: object())["fault"]

    def none(name):
        raise OSError

    assert read_driver(none) is None


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


@pytest.mark.parametrize("smi", ["exit 9", "echo 'GPU 0: NVIDIA H200 (UUID: GPU-0)'"])
def test_nvidia_smi_is_not_believed(root, tmp_path, monkeypatch, smi):
    """One that fails and prints, or prints a GPU that no driver has."""
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho 'GPU 0: no'\n{smi}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(driver, "ROOT", REAL)
    if driver.ask_driver() is not None:
        pytest.skip("this machine has a driver")
    assert choose(SetupRequest()).build == "cpu"


# -------------------------------------------------------------------------- which environment


def test_without_a_gpu_one_environment_has_all(root):
    choice = choose(SetupRequest(), lambda: None)
    [only] = choice.environments
    assert only.folder == root / ".venv" and only.extras == ("cpu",)
    with_tests = choose(SetupRequest(extras=("test",)), lambda: None)
    assert with_tests.environments[0].extras == ("cpu", "test")


def test_with_a_gpu_each_framework_has_its_own(root):
    choice = choose(SetupRequest(), lambda: H200)
    assert folders(choice) == [".venv", ".venv-torch", ".venv-tf"]
    assert [each.extras for each in choice.environments] == [("harness",), ("torch",), ("tf-cuda",)]
    assert not any(each.index or each.requirements for each in choice.environments)
    # Tests want both frameworks in one process, and no GPU.
    tests = choose(SetupRequest(extras=("test",)), lambda: H200)
    assert folders(tests) == [".venv-test"] and tests.environments[0].extras == ("cpu", "test")


def test_an_older_driver_gets_the_build_for_cuda_12_of_pytorch_only(root):
    choice = choose(SetupRequest(), lambda: Driver((12, 4), ((7, 5),)))
    _, torch, tf = choice.environments
    assert re.fullmatch(r"torch==[\d.]+\+cu126", *torch.requirements) and "cu126" in torch.index
    assert not tf.requirements and not tf.index


def test_what_is_there_is_used_and_the_driver_not_asked(root):
    made(root)
    assert choose(SetupRequest(), never).environments[0].is_ready
    # A login node without a GPU, with the environments of the nodes that have one.
    made(root, build="cuda", extras=("harness",))
    choice = choose(SetupRequest(), never)
    assert choice.build == "cuda" and choice.base == root / ".venv"


def test_setup_adds_builds_for_a_gpu_unless_cpu_was_asked_for(root):
    made(root)
    choice = choose(SetupRequest(), lambda: H200, upgrade=True)
    assert folders(choice) == [".venv", ".venv-torch", ".venv-tf"]
    assert choice.environments[0].extras == ("cpu", "harness"), "nothing is taken away"
    made(root, chosen=True)
    assert choose(SetupRequest(), never, upgrade=True).build == "cpu"


def test_another_build_than_what_is_there(root):
    made(root, build="cuda", extras=("harness",))
    assert choose(SetupRequest("cpu"), never).base == root / ".venv-cpu"
    with pytest.raises(UserError, match="BUILD=rocm"):
        choose(SetupRequest("rocm"), never)


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
    ("fields", "name"),
    [
        ({"machine": "sparc"}, f".venv-{os.uname().machine}"),
        ({"root": "/elsewhere"}, ".venv-moved"),
    ],
)
def test_what_was_made_elsewhere_is_left_alone(root, fields, name):
    made(root, **fields)
    assert choose(SetupRequest(), lambda: None).base == root / name
    # Another one that does not serve either: a number.
    made(root, name, **fields)
    assert choose(SetupRequest(), lambda: None).base == root / f"{name}-2"


@pytest.mark.parametrize("state", [stamps.READY, stamps.UPDATING])
def test_an_environment_whose_python_does_not_run_here_is_left_alone(root, state):
    folder = made(root, state=state)
    (folder / "bin" / "python").unlink()
    assert choose(SetupRequest(), lambda: None).base == root / f".venv-py{PYTHON}"


def test_an_interrupted_setup_goes_on_where_it_was(root):
    for state in (stamps.BEGUN, stamps.UPDATING):
        made(root, state=state)
        choice = choose(SetupRequest(), lambda: None)
        assert choice.base == root / ".venv" and not choice.environments[0].is_ready
    made(root, state=stamps.BEGUN)
    (root / ".venv" / "bin" / "python").unlink()
    assert choose(SetupRequest(), lambda: None).base == root / ".venv"


def test_an_environment_without_a_stamp_is_gone_on_with_if_it_can_be(root):
    fake_python(root / ".venv" / "bin" / "python")
    assert choose(SetupRequest(), lambda: None).base == root / ".venv"
    # Both frameworks' builds for GPUs in one: nothing to go on with, and not ours to remove.
    (root / ".venv" / ".ready-cuda-py3.11-1").touch()
    assert choose(SetupRequest(), lambda: None).base == root / f".venv-py{PYTHON}"


def test_changed_pins_make_an_environment_unready(root):
    made(root)
    file = root / "pyproject.toml"
    file.write_text(file.read_text().replace("line-length = 100", "line-length = 99"))
    assert choose(SetupRequest(), never).environments[0].is_ready, (
        "settings of tools install nothing"
    )
    file.write_text(file.read_text().replace("safetensors>=0.5", "safetensors>=0.6"))
    assert not choose(SetupRequest(), never).environments[0].is_ready


# --------------------------------------------------------------------------------- installing


def test_setup_makes_each_environment_once(root, monkeypatch, told, capsys):
    monkeypatch.setattr(sys, "executable", str(fake_python(root / "python3")))
    monkeypatch.setenv("PIP_ARGS", "--find-links '/my wheels'")
    assert commands.main(["setup", "--build", "cuda"]) == 0
    said = capsys.readouterr().err
    assert "GB to download" in said and ".venv-tf" in said
    lines = told()
    assert [line.split("-Im ")[1].split()[0] for line in lines] == ["venv", "pip"] * 3
    installs = [line for line in lines if " install " in line]
    assert ["[harness]" in installs[0], "[torch]" in installs[1], "[tf-cuda]" in installs[2]]
    assert all("--find-links /my wheels" in line for line in installs)
    assert {stamps.read_stamp(root / f".venv{of}").state for of in ("", "-torch", "-tf")} == {
        stamps.READY
    }
    assert commands.main(["setup"]) == 0
    assert told() == lines and "is ready" in capsys.readouterr().out


def test_what_works_is_brought_up_to_date_in_place(root, told):
    folder = made(root, pins="of another time")
    (folder / "kept").touch()
    assert commands.main(["setup"]) == 0
    [line] = told()
    assert "install" in line and "venv" not in line.split("-Im")[1].split()[0]
    assert (folder / "kept").exists() and stamps.read_stamp(folder).pins == stamps.pins()


def test_setup_looks_into_what_says_that_it_is_ready(root, told):
    folder = made(root)
    (folder / "missing").write_text("numpy")
    assert commands.main(["setup"]) == 2, "pip here installs nothing"
    assert len(told()) == 1 and stamps.read_stamp(folder).state == stamps.UPDATING


@pytest.mark.parametrize(
    ("pip", "says"),
    [
        ("echo 'WARNING: Retrying: Temporary failure in name resolution'; exit 1", "no network"),
        ("echo 'ERROR: No matching distribution found for torch'; exit 1", "No matching"),
    ],
)
def test_a_failed_setup_says_why_and_is_not_taken_for_ready(root, monkeypatch, capsys, pip, says):
    monkeypatch.setattr(sys, "executable", str(fake_python(root / "python3", pip=pip)))
    assert commands.main(["setup", "--build", "cpu"]) == 2
    [line] = [each for each in capsys.readouterr().err.splitlines() if says in each]
    assert "make setup" in line and stamps.read_stamp(root / ".venv").state == stamps.BEGUN
    assert not choose(SetupRequest(), never).environments[0].is_ready


def test_a_setup_that_is_interrupted_goes_on_the_next_time(tmp_path):
    """The program itself, in a copy of the sources, with Ctrl-C while pip works."""
    root = tmp_path / "checkout"
    here = Path("harness/tools/environments")
    shutil.copytree(REAL / here, root / here)
    (root / "harness/system").mkdir()
    for name in (*NEEDED, "pyproject.toml"):
        shutil.copy(REAL / name, root / name)
    python = fake_python(root / ".venv" / "bin" / "python", pip="sleep 60")
    told = tmp_path / "told"
    command = [sys.executable, "-ES", "-m", "harness.tools.environments", "setup", "--build", "cpu"]
    how = {"cwd": root, "env": {**os.environ, "FAKE_LOG": str(told)}, "text": True}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "start_new_session": True}
    # Where the tests run in a shell's background Ctrl-C is ignored, and by what they start, too.
    heed = lambda: signal.signal(signal.SIGINT, signal.default_int_handler)  # noqa: E731
    with subprocess.Popen(command, **how, **pipes, preexec_fn=heed) as process:
        until = time.monotonic() + 60
        while not told.exists():
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(30) == 130
        assert "interrupted; the same command goes on" in process.stderr.read()
    assert stamps.read_stamp(root / ".venv").state == stamps.BEGUN
    fake_python(python)
    done = subprocess.run(command, **how, capture_output=True)
    assert done.returncode == 0 and stamps.read_stamp(root / ".venv").state == stamps.READY


def test_large_downloads_are_told_as_they_begin(root, monkeypatch, capsys):
    pip = "echo '  Downloading torch-2.13.0-cp311-none-any.whl (532.5 MB)'; echo 'Collecting x'"
    monkeypatch.setattr(sys, "executable", str(fake_python(root / "python3", pip=pip)))
    assert commands.main(["setup", "--build", "cpu"]) == 0
    assert "  torch 2.13.0, 532 MB\n" in capsys.readouterr().err


def test_without_ensurepip_another_pip_installs_into_it(root, monkeypatch, told, capsys):
    """Colab, and Debian without python3-venv."""
    outer = root / "python3"
    own = 'case "$0" in */.venv/*) exit 1;; esac; echo pip 24.1'
    fake_python(outer, no_ensurepip=1, pip_version=own)
    monkeypatch.setattr(sys, "executable", str(outer))
    assert commands.main(["setup", "--build", "cpu"]) == 0
    made_by, installed_by = told()
    assert "--without-pip" in made_by
    assert f"--python {root}/.venv/bin/python install" in installed_by
    fake_python(outer, no_ensurepip=1, pip_version="exit 1")
    shutil.rmtree(root / ".venv")
    assert commands.main(["setup", "--build", "cpu"]) == 2
    assert f"apt install python{PYTHON}-venv" in capsys.readouterr().err


def test_a_folder_that_is_not_ours_is_not_written_over(root, monkeypatch, capsys):
    made(root, build="cuda", extras=("harness",))
    (root / ".venv-torch").mkdir()
    (root / ".venv-torch" / "mine").touch()
    assert commands.main(["setup"]) == 2
    assert "move or remove it" in capsys.readouterr().err
    assert [each.name for each in (root / ".venv-torch").iterdir()] == ["mine"]


def test_pip_is_kept_from_other_places(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/modules")
    monkeypatch.setenv("PIP_USER", "1")
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.example")
    found = install.environment_of_pip()
    assert not {"PYTHONPATH", "PIP_USER"} & found.keys()
    assert found["PIP_INDEX_URL"] == "https://mirror.example"


def while_another_sets_up(root, capsys, arguments, meanwhile):
    """`arguments` are run while another has the lock; `meanwhile`: what that one then does."""
    with (root / ".venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        second = threading.Thread(target=commands.main, args=(arguments,))
        second.start()
        said, until = "", time.monotonic() + 60
        while "waiting" not in said:
            said += capsys.readouterr().err
            assert second.is_alive() and time.monotonic() < until
            time.sleep(0.01)
        meanwhile()
        fcntl.flock(lock, fcntl.LOCK_UN)
        second.join(60)


def test_the_second_of_two_waits_and_finds_it_done(root, capsys):
    made(root, pins="of another time")
    while_another_sets_up(root, capsys, ["setup"], lambda: made(root))
    assert not (root.parent / "told").exists(), "nothing was installed twice"


def test_what_another_has_added_meanwhile_stays(root, capsys):
    made(root)
    while_another_sets_up(
        root, capsys, ["setup", "--extra", "lint"], lambda: made(root, extras=("cpu", "test"))
    )
    assert stamps.read_stamp(root / ".venv").extras == ("cpu", "test", "lint")


# ------------------------------------------------------------------------- programs and Pythons


MAKEFILE = """
include {root}/Makefile
mine: export RESULTS = a  'b' $$(c)
mine:
\t@$(BIN)/program "$$RESULTS" -- -x ""
"""


def test_make_starts_a_program_of_the_environment(tmp_path, monkeypatch):
    """The Makefile itself, with an environment for these sources that is ready, or cannot be."""
    program = made(tmp_path) / "bin" / "program"
    program.write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    program.chmod(0o755)
    fake = tmp_path / "python3"
    refuse = 'case "$*" in *"--build x"*) exit 2;; esac'
    fake.write_text(f'#!/bin/sh\n{refuse}\necho "{program.parent}"\n')
    fake.chmod(0o755)
    (tmp_path / "test.mk").write_text(MAKEFILE.format(root=REAL))

    def make(*arguments):
        command = ["make", "-f", str(tmp_path / "test.mk"), "mine", *arguments]
        # As if no other make had started this test.
        given = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "BUILD", "PYTHON")
        kept = {name: value for name, value in os.environ.items() if name not in given}
        return subprocess.run(command, cwd=REAL, capture_output=True, text=True, env=kept)

    assert make(f"PYTHON={fake}").stdout == "a  'b' $(c)|--|-x||"
    failed = make(f"PYTHON={fake}", "BUILD=x")
    assert failed.returncode == 2 and failed.stdout == "" and "not found" not in failed.stderr
    missing = make("PYTHON=/none/python3")
    first, *_ = missing.stderr.splitlines()
    assert missing.returncode == 2 and first.startswith("cyclebench: PYTHON=/none/python3 is not")


def test_a_gpu_that_is_not_used_is_told(root, monkeypatch, capsys):
    made(root)
    (root / "none").touch()
    commands.main(["ready"])
    assert "has CPU builds: `make setup`" in capsys.readouterr().err
    made(root, chosen=True)
    commands.main(["ready"])
    assert capsys.readouterr().err == ""


def test_bin_and_a_dry_run_make_nothing(root, monkeypatch, capsys):
    monkeypatch.chdir(root)
    assert commands.main(["bin", "--build", "cpu"]) == 0
    assert capsys.readouterr().out == ".venv/bin\n"
    assert commands.main(["setup", "--dry-run", "--build", "cpu"]) == 0
    assert "would be set up" in capsys.readouterr().out
    assert [each.name for each in root.iterdir()] == ["pyproject.toml"]


@pytest.mark.parametrize(
    ("version", "says"),
    [
        ((3, 14), "Python 3.14: TensorFlow has no release for it yet; use PYTHON=python3.13"),
        ((3, 9), "Python 3.9: too old, 3.10 to 3.13 will do; use PYTHON=python3.13"),
    ],
)
def test_a_python_that_will_not_do_is_told_which_one_does(root, monkeypatch, capsys, version, says):
    monkeypatch.setattr(project.shutil, "which", lambda name: None)
    for module in (commands, choosing):
        monkeypatch.setattr(module, "this_version", lambda: version)
    assert commands.main(["setup", "--this-python"]) == 2
    assert capsys.readouterr().err == f"cyclebench: {says}\n"
    # As nobody named it, what is there will do.
    made(root)
    assert choose(SetupRequest(), never).base == root / ".venv"


def test_a_python_that_is_here_is_proposed(root, tmp_path, monkeypatch):
    """But not a shim that leads nowhere."""
    fake_python(tmp_path / "bin" / "python3.12")
    (tmp_path / "bin" / "python3.13").write_text("#!/bin/sh\nexit 127\n")
    (tmp_path / "bin" / "python3.13").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    with pytest.raises(UserError, match=r"use PYTHON=python3\.12, which"):
        project.check_python((3, 14))


def test_an_old_python_gets_as_far_as_saying_so():
    """3.8 reads all of it, any one the first file."""
    for file in [*sorted((REAL / "harness" / "tools" / "environments").glob("*.py")),
                 *(REAL / name for name in NEEDED)]:  # fmt: skip
        ast.parse(file.read_text(), str(file), feature_version=(3, 8))
    first = (REAL / "harness" / "tools" / "environments" / "__main__.py").read_text()
    assert "annotations" not in first and "version_info < (3, 8)" in first


# -------------------------------------------------------------------------------- shared files


def wheel(folder, name, files):
    """A wheel with these files: path -> contents."""
    lines = [
        f"{path},sha256={hashlib.sha256(text.encode()).hexdigest()},{len(text)}"
        for path, text in files.items()
    ]
    record = f"{name}-1.0.dist-info/RECORD"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as file:
        for path, text in files.items():
            file.writestr(path, text)
        file.writestr(record, "\n".join([*lines, f"{record},,"]))


def test_files_of_two_packages_are_found_in_wheels_and_environments(tmp_path, capsys):
    cudnn, header = "nvidia/cudnn/lib/libcudnn.so.9", "nvidia/cudnn/include/cudnn.h"
    one, two = tmp_path / "torch", tmp_path / "tf"
    wheel(one, "nvidia_cudnn_cu13", {cudnn: "9.20", header: "same", "a/__init__.pyc": "1"})
    wheel(one, "nvidia_cublas", {"nvidia/cu13/lib/libcublas.so.13": "13"})
    wheel(two, "nvidia_cudnn_cu12", {cudnn: "9.28", header: "same", "a/__init__.pyc": "2"})
    assert commands.main(["wheels", str(one)]) == 0
    out = capsys.readouterr().out
    assert "CUDA 13: 2 packages" in out and "no file belongs to two" in out
    assert commands.main(["wheels", str(one), str(two)]) == 1
    out = capsys.readouterr().out
    assert "2 files belong to two packages, 1 with different contents" in out
    assert f"nvidia-cudnn-cu12 and nvidia-cudnn-cu13: 2 files, 1 different, such as {cudnn}" in out
    assert "two versions of CUDA" in out
    site = tmp_path / ".venv" / "lib" / "python3.11" / "site-packages"
    for file in [*one.glob("*.whl"), *two.glob("*.whl")]:
        zipfile.ZipFile(file).extractall(site)
    assert commands.main(["check", str(tmp_path / ".venv")]) == 1
    assert "2 files belong to two packages" in capsys.readouterr().out


def test_an_environment_describes_itself(tmp_path):
    command = [sys.executable, "-I", installed.__file__, "cyclebench", "numpy", "none"]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert found["python"].startswith(PYTHON) and found["prefix"] == sys.prefix
    assert found["versions"]["numpy"] and "numpy" in found["origins"]
    assert any("extra == 'torch'" in each.replace('"', "'") for each in
               found["requires"]["cyclebench"])  # fmt: skip
    assert "none" not in found["versions"] and found["shared"] == []
