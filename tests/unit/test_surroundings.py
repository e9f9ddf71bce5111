"""The user's folder, variables and settings are no part of the program and change no number."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import matplotlib as mpl
import pytest

import backends
from backends.model import Model
from harness.launch import ray_cluster
from harness.launch.local import UnitProcess
from harness.processes.process import Child
from harness.report.figures import figure
from harness.system import interpreters, provenance
from harness.system.interpreters import ROOT
from harness.training import run_environment

# Says where modules come from, in this process and, from Python 3.11 on, in one that it starts.
ASKING = """
import json, subprocess, sys
sys.stdin.readline()
import backends, random, tempfile
started = ""
if getattr(sys.flags, "safe_path", False):
    code = "import random; print(random.__file__)"
    started = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
print(json.dumps({"from": [random.__file__, backends.__file__], "started": started.strip()}))
"""


@pytest.fixture
def mine(tmp_path, monkeypatch) -> Path:
    """The current folder, whose files have names of modules and leave a trace where they are run.

    PYTHONPATH has an empty entry, as `export PYTHONPATH=$PYTHONPATH:/opt/lib` makes one.
    """
    folder = tmp_path / "mine"
    trace = f"open({str(tmp_path / 'trace')!r}, 'a').write(__name__)\n"
    for name in ("random", "json", "runpy", "backends/__init__", "harness/__init__"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.py").write_text(trace)
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "asking.py").write_text(ASKING)
    monkeypatch.setenv("PYTHONPATH", f"{os.pathsep}{tmp_path / 'modules'}")
    monkeypatch.chdir(folder)
    return folder


def assert_ours(answer: dict, trace: Path) -> None:
    random, of_backends = answer["from"]
    assert "mine" not in random and Path(of_backends).is_relative_to(ROOT)
    assert not trace.exists()


def test_what_lies_in_the_current_folder_is_not_run(mine, tmp_path):
    with closing(Child("asking", "one", tmp_path / "log.txt", {}, 60.0)) as one:
        assert_ours(one.begin, tmp_path / "trace")
    assert ("random" in one.begin["started"]) is (sys.version_info >= (3, 11))


def test_nor_by_a_python_that_cannot_be_told_so(mine, tmp_path):
    """3.10 knows no PYTHONSAFEPATH, which is taken away here."""
    environment = interpreters.environment()
    del environment["PYTHONSAFEPATH"]
    command = interpreters.command(None, "asking")
    done = subprocess.run(command, input="\n", capture_output=True, text=True, env=environment)
    assert_ours(json.loads(done.stdout), tmp_path / "trace")


def test_nor_when_another_python_is_asked_what_it_has(mine, tmp_path, monkeypatch):
    script = tmp_path / "python"
    script.write_text(f'#!/bin/sh\nunset PYTHONSAFEPATH\nexec {sys.executable} "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("CYCLEBENCH_PYTHON_TORCH", str(script))
    assert "torch" in interpreters.packages("torch")
    assert not (tmp_path / "trace").exists()


def test_nor_by_units_and_tasks_of_ray(mine, tmp_path, monkeypatch):
    code = "import os; print(os.getcwd(), os.environ['PYTHONSAFEPATH'], os.environ['PYTHONPATH'])"
    log = tmp_path / "log.txt"
    command = [sys.executable, "-c", code]
    unit = SimpleNamespace(files=SimpleNamespace(log=log), command=lambda: command)
    UnitProcess(unit, {}).wait()
    assert log.read_text().split() == [
        str(ROOT), "1", f"{ROOT}{os.pathsep}{tmp_path / 'modules'}"
    ]  # fmt: skip

    begun = []
    ray = SimpleNamespace(
        init=lambda **given: begun.append((str(Path.cwd()), given["runtime_env"]["env_vars"])),
        remote=lambda function: function,
    )
    monkeypatch.setattr(ray_cluster.importlib, "import_module", lambda name: ray)
    ray_cluster.RayCluster(None, 1, 0, 0)
    assert begun == [(str(ROOT), {"PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"})]
    assert Path.cwd() == mine


# ----------------------------------------------------------------------------------- variables

OVERRIDING = {
    "NVIDIA_TF32_OVERRIDE": "1",
    "ONEDNN_DEFAULT_FPMATH_MODE": "BF16",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": "1",
    "TORCH_COMPILE_DISABLE": "1",
    "KERAS_BACKEND": "torch",
    "KERAS_HOME": "/home/me/.keras",
    "TF_SET_ONEDNN_FPMATH_MODE": "BF16",
    "TF_XLA_FLAGS": "--tf_xla_auto_jit=2",
    "JAX_ENABLE_X64": "1",
    "JAX_DEFAULT_MATMUL_PRECISION": "bfloat16",
    "PYTHONWARNINGS": "error",
    "PYTHONOPTIMIZE": "2",
    "PYTHONIOENCODING": "ascii",
}


def test_variables_that_would_change_what_is_computed_reach_no_process(monkeypatch):
    for name, value in OVERRIDING.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XLA_FLAGS", "--xla_gpu_cuda_data_dir=/opt/cuda")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    given = interpreters.environment()
    assert not OVERRIDING.keys() & given.keys()
    assert given["XLA_FLAGS"] and given["PYTHONDONTWRITEBYTECODE"] and given["PYTHONUTF8"] == "1"


def test_a_backend_that_is_loaded_in_this_process_is_without_them(monkeypatch):
    package = SimpleNamespace(
        OVERRIDES=("KERAS_*", "TF_*"),
        prepare=lambda runtime: os.environ.update(KERAS_BACKEND="tensorflow"),
    )
    backend = SimpleNamespace(Backend=lambda *given: dict(os.environ))
    made = {"backends.tf_impl": package, "backends.tf_impl.backend": backend}
    real = backends.importlib.import_module
    monkeypatch.setattr(
        backends.importlib, "import_module", lambda name: made.get(name) or real(name)
    )
    monkeypatch.setattr(os, "environ", {**OVERRIDING, "HOME": "/home/me"})
    seen = backends.load("tf", Model, None, None)
    expected = {name: value for name, value in OVERRIDING.items() if name.startswith("PYTHON")}
    assert seen == {**expected, "HOME": "/home/me", "KERAS_BACKEND": "tensorflow"}


def test_settings_of_keras_change_nothing(tmp_path):
    settings = {"backend": "torch", "floatx": "float16", "image_data_format": "channels_first"}
    for folder in (tmp_path / ".keras", tmp_path / "other"):
        folder.mkdir()
        (folder / "keras.json").write_text(json.dumps(settings))
    code = (
        "from backends import tf_impl; from backends.interface import Runtime\n"
        "tf_impl.prepare(Runtime()); import keras\n"
        "print(keras.backend.backend(), keras.backend.floatx(), keras.backend.image_data_format())"
    )
    given = {"HOME": str(tmp_path), "KERAS_HOME": str(tmp_path / "other"), "KERAS_BACKEND": "torch"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, cwd=ROOT, env={**os.environ, **given},
    )  # fmt: skip
    assert done.stdout.split() == ["tensorflow", "float32", "channels_last"], done.stderr


def test_without_settings_of_keras_none_are_written(monkeypatch):
    monkeypatch.setattr(os, "environ", {"HOME": "/home/me"})
    from backends import tf_impl
    from backends.interface import Runtime

    monkeypatch.setattr(tf_impl.importlib, "import_module", lambda name: None)
    tf_impl.prepare(Runtime())
    assert not Path(os.environ["KERAS_HOME"], "keras.json").exists()
    assert not Path(os.environ["KERAS_HOME"]).is_dir(), "a folder of it could be made there"


def test_variables_that_change_times_are_recorded(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true")
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "default")
    monkeypatch.setenv("CUDA_LAUNCH_BLOCKING", "0")
    monkeypatch.setattr(run_environment.interpreters, "packages_here", lambda name: {})
    backend = SimpleNamespace(environment=dict)
    for name, more in (("torch", {"ATEN_CPU_CAPABILITY": "default"}), ("tf", {})):
        job = SimpleNamespace(backend=name, threads=1, beside=None, device_name="CPU", device="cpu")
        recorded = run_environment.described(job, backend)["variables"]
        assert recorded == {"XLA_FLAGS": "--xla_cpu_enable_fast_math=true", **more}


def test_a_hook_of_git_does_not_name_another_revision(tmp_path, monkeypatch):
    before = provenance.git_revision()
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path))
    assert provenance.git_revision() == before


# --------------------------------------------------------------------------------------- files


def test_settings_of_matplotlib_change_no_figure():
    def drawn() -> bytes:
        def draw(axes):
            axes[0, 0].plot([1, 2], label="a")
            axes[0, 0].set_title("title", loc="left")

        return figure(1, 1, (2, 2), draw, "step", formats=("png",)).png

    before = drawn()
    other = {
        "lines.linewidth": 9,
        "font.family": "monospace",
        "savefig.bbox": "tight",
        "text.color": "red",
        "savefig.facecolor": "black",
        "axes.prop_cycle": mpl.cycler(color="r"),
    }
    with mpl.rc_context(other):
        assert drawn() == before
        assert mpl.rcParams["lines.linewidth"] == 9, "and changes nobody else's"


@pytest.mark.skipif(shutil.which("make") is None, reason="no make here")
def test_nvidia_smi_is_not_asked(tmp_path):
    """Its first row is no answer to what CUDA will use, and it may fail where CUDA works."""
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path / 'asked'}\necho T400, 2048\n")
    program.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    looking = "from harness.system import machine, provenance as p; print(p.gpu_name(), end='')"
    for command in (
        ["make", "-n", "setup", f"PYTHON={sys.executable}"],
        [sys.executable, "-c", looking],
    ):
        environment = {**os.environ, "PATH": path, "CUDA_VISIBLE_DEVICES": "1"}
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=ROOT, env=environment, check=True
        )
        assert "T400" not in done.stdout and not (tmp_path / "asked").exists()
        if command[0] == "make" and not Path("/proc/driver/nvidia/version").exists():
            assert "cpu builds" in done.stdout and "builds for GPUs" not in done.stdout
