"""Environments are made, kept and looked into: fake Pythons, nothing downloaded."""

import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import pytest
from fake_pythons import PYTHON, REAL, checkout, fake_python, made, program

from harness.tools.environments import commands, install, installed, stamps
from harness.tools.environments.choose import SetupRequest, choose

PACKAGE = Path("harness/tools/environments")
# What the package imports besides Python's own library.
NEEDED = (
    "backends/__init__.py", "backends/releases.py", "harness/__init__.py",
    "harness/system/__init__.py", "harness/system/errors.py", "harness/system/lock.py",
    "harness/tools/__init__.py",
)  # fmt: skip


@pytest.fixture
def root(tmp_path, monkeypatch):
    return checkout(tmp_path, monkeypatch)


@pytest.fixture
def told(tmp_path):
    """Reads what fake Pythons were told to do, line by line."""
    return lambda: (tmp_path / "told").read_text().splitlines()


@pytest.fixture
def creator(root, monkeypatch):
    """Makes a fake Python which then is the one that runs the setup."""

    def create(**answers):
        python = fake_python(root / "python3", **answers)
        monkeypatch.setattr(sys, "executable", str(python))

    return create


def state(folder):
    return stamps.read_stamp(folder).state


def test_setup_makes_each_environment_once(root, creator, monkeypatch, told, capsys):
    creator()
    monkeypatch.setenv("PIP_ARGS", "--find-links '/my wheels'")
    assert commands.main(["setup", "--build", "cuda"]) == 0
    err = capsys.readouterr().err
    assert "GB to download" in err and ".venv-tf" in err
    lines = told()
    assert [line.split("-Im ")[1].split()[0] for line in lines] == ["venv", "pip"] * 3
    installs = [line for line in lines if " install " in line]
    assert "[harness]" in installs[0] and "[torch]" in installs[1] and "[tf-cuda]" in installs[2]
    assert all("--find-links /my wheels" in line for line in installs)
    assert {state(root / f".venv{of}") for of in ("", "-torch", "-tf")} == {stamps.READY}
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
    assert len(told()) == 1 and state(folder) == stamps.UPDATING


def test_without_network_a_proxy_is_named(root, creator, capsys, monkeypatch):
    creator(pip="echo 'WARNING: Retrying: ProxyError(Cannot connect to proxy.)'; exit 1")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@127.0.0.1:9")
    assert commands.main(["setup", "--build", "cpu"]) == 2
    said = capsys.readouterr().err
    assert "no network, pip reaches no package index through the proxy of " in said
    assert "HTTPS_PROXY" in said and "secret" not in said


@pytest.mark.parametrize(
    ("pip", "says"),
    [
        ("echo 'WARNING: Retrying: Temporary failure in name resolution'; exit 1", "no network"),
        ("echo 'ERROR: No matching distribution found for torch'; exit 1", "No matching"),
    ],
)
def test_a_failed_setup_says_why_and_is_not_taken_for_ready(root, creator, capsys, pip, says):
    creator(pip=pip)
    assert commands.main(["setup", "--build", "cpu"]) == 2
    [line] = [line for line in capsys.readouterr().err.splitlines() if says in line]
    assert "make setup" in line and state(root / ".venv") == stamps.BEGUN
    assert not choose(SetupRequest()).environments[0].is_ready


def test_a_setup_that_is_interrupted_goes_on_the_next_time(tmp_path):
    """The program itself, in a copy of the sources, with Ctrl-C while pip works."""
    root = tmp_path / "checkout"
    shutil.copytree(REAL / PACKAGE, root / PACKAGE)
    (root / "harness/system").mkdir()
    (root / "backends").mkdir()
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
    assert state(root / ".venv") == stamps.BEGUN
    fake_python(python)
    done = subprocess.run(command, **how, capture_output=True)
    assert done.returncode == 0 and state(root / ".venv") == stamps.READY


def test_large_downloads_are_told_as_they_begin(creator, capsys):
    creator(pip="echo '  Downloading torch-2.13.0-cp311-none-any.whl (532.5 MB)'; echo 'x'")
    assert commands.main(["setup", "--build", "cpu"]) == 0
    assert "  torch 2.13.0, 532 MB\n" in capsys.readouterr().err


def test_without_ensurepip_another_pip_installs_into_it(root, creator, told, capsys):
    """Colab, and Debian without python3-venv."""
    own = 'case "$0" in */.venv/*) exit 1;; esac; echo pip 24.1'
    creator(no_ensurepip=1, pip_version=own)
    assert commands.main(["setup", "--build", "cpu"]) == 0
    made_by, installed_by = told()
    assert "--without-pip" in made_by
    assert f"--python {root}/.venv/bin/python install" in installed_by
    creator(no_ensurepip=1, pip_version="exit 1")
    shutil.rmtree(root / ".venv")
    assert commands.main(["setup", "--build", "cpu"]) == 2
    assert f"apt install python{PYTHON}-venv" in capsys.readouterr().err


def test_a_folder_that_is_not_ours_is_not_written_over(root, capsys):
    made(root, build="cuda", extras=("harness",))
    (root / ".venv-torch").mkdir()
    (root / ".venv-torch" / "mine").touch()
    assert commands.main(["setup"]) == 2
    assert "move or remove it" in capsys.readouterr().err
    assert [path.name for path in (root / ".venv-torch").iterdir()] == ["mine"]


def test_pip_is_kept_from_other_places(monkeypatch):
    for name in ("PYTHONPATH", "PIP_USER", "PIP_INDEX_URL"):
        monkeypatch.setenv(name, "1")
    variables = install.environment_of_pip()
    assert not {"PYTHONPATH", "PIP_USER"} & variables.keys() and variables["PIP_INDEX_URL"] == "1"


@pytest.mark.parametrize(
    ("arguments", "before", "meanwhile", "after"),
    [
        # The second finds it done: nothing is installed twice.
        (["setup"], {"pins": "of another time"}, {}, ("cpu",)),
        # What the first has added stays.
        (["setup", "--extra", "lint"], {}, {"extras": ("cpu", "test")}, ("cpu", "test", "lint")),
    ],
)
def test_the_second_of_two_setups_waits(
    root, tmp_path, capsys, arguments, before, meanwhile, after
):
    made(root, **before)
    with (root / ".venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        second = threading.Thread(target=commands.main, args=(arguments,))
        second.start()
        err, until = "", time.monotonic() + 60
        while "waiting" not in err:
            err += capsys.readouterr().err
            assert second.is_alive() and time.monotonic() < until
            time.sleep(0.01)
        made(root, **meanwhile)
        fcntl.flock(lock, fcntl.LOCK_UN)
        second.join(60)
    assert stamps.read_stamp(root / ".venv").extras == after
    assert (tmp_path / "told").exists() is (len(after) > 1)


MAKEFILE = """
include {root}/Makefile
mine: export RESULTS = a  'b' $$(c)
mine:
\t@$(BIN)/program "$$RESULTS" -- -x ""
"""


def test_make_starts_a_program_of_the_environment(tmp_path):
    """The Makefile itself, with an environment for these sources that is ready, or cannot be."""
    target = program(made(tmp_path) / "bin" / "program", '#!/bin/sh\nprintf "%s|" "$@"\n')
    refuse = 'case "$*" in *"--build x"*) exit 2;; esac'
    keep = f'echo "$*" > {tmp_path}/told'
    fake = program(tmp_path / "python3", f'#!/bin/sh\n{refuse}\n{keep}\necho "{target.parent}"\n')
    (tmp_path / "test.mk").write_text(MAKEFILE.format(root=REAL))

    def make(*arguments):
        command = ["make", "-f", str(tmp_path / "test.mk"), "mine", *arguments]
        # As if no other make had started this test.
        given = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "BUILD", "PYTHON", "BACKENDS", "AA")
        kept = {name: value for name, value in os.environ.items() if name not in given}
        return subprocess.run(command, cwd=REAL, capture_output=True, text=True, env=kept)

    assert make(f"PYTHON={fake}").stdout == "a  'b' $(c)|--|-x||"
    assert "ready --build  --backends=, --this-python" in (tmp_path / "told").read_text()
    make(f"PYTHON={fake}", "BACKENDS=torch,jax", "AA=new", "BUILD=cpu")
    assert "--build cpu --backends=torch,jax,new " in (tmp_path / "told").read_text()
    failed = make(f"PYTHON={fake}", "BUILD=x")
    assert failed.returncode == 2 and failed.stdout == "" and "not found" not in failed.stderr
    missing = make("PYTHON=/none/python3")
    first, *_ = missing.stderr.splitlines()
    assert missing.returncode == 2 and first.startswith("cyclebench: PYTHON=/none/python3 is not")


def test_a_gpu_that_is_not_used_is_told(root, capsys):
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
    assert [path.name for path in root.iterdir()] == ["pyproject.toml"]


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


def test_an_environment_describes_itself():
    command = [sys.executable, "-I", installed.__file__, "cyclebench", "numpy", "pillow", "none"]
    facts = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert facts["python"].startswith(PYTHON) and facts["prefix"] == sys.prefix
    assert facts["python_range"].startswith("<3.14")
    assert facts["versions"]["numpy"] and facts["origins"].keys() == {"numpy", "PIL"}
    assert any(text.startswith("numpy") for text in facts["requires"]["scipy"])
    requires = [text.replace('"', "'") for text in facts["requires"]["cyclebench"]]
    assert any("extra == 'torch'" in text for text in requires)
    assert "none" not in facts["versions"] and facts["shared"] == []
