"""Makes an environment and brings it up to date: venv, pip, and a stamp at the end."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import backends
from harness.system.errors import UserError
from harness.tools.environments.choose import Wanted
from harness.tools.environments.extras import (
    DEPENDENCIES,
    OWN,
    extra_of,
    names_in,
    of_version,
    packages,
    table,
)
from harness.tools.environments.stamps import (
    BEGUN,
    READY,
    ROOT,
    UPDATING,
    Version,
    check_python,
    dotted,
    interpreter,
    pinned_file,
    read_stamp,
    version_of,
    version_of_python,
    write_stamp,
)

# What pip says of a wheel, and the size from which on the user is told, in MB.
DOWNLOADING = re.compile(r"^\s*Downloading (\S+?)-(\d\S*?)-\S+\.whl \((\d+(?:\.\d+)?) MB\)")
LARGE = 50.0
LOG = "pip.log"
NO_NETWORK = re.compile(
    r"Failed to establish a new connection|Name or service not known|ProxyError|"
    r"Temporary failure in name resolution|Network is unreachable|ConnectTimeout|"
    r"connection broken by|Read timed out"
)
PROXIES = ("http_proxy", "https_proxy", "all_proxy")
# The first pip that can install into another environment (`--python`).
FIRST_PIP = (22, 3)
# An independent implementation of FID for the tests to compare with. In a folder of its own, since
# what it asks for beside itself (torchvision) has no build for every PyTorch.
REFERENCE = ("--upgrade", "--no-deps", "torch-fidelity==0.4.0")
# Prints those of the named packages that are not there.
FIND = """
import sys
from importlib import metadata
for name in sys.argv[1:]:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        print(name)
"""
VENV_PACKAGE = "on Debian and Ubuntu `apt install python{}.{}-venv`, then `make setup`"


def install(wanted: Wanted, creator: Path, say: Callable[[str], None]) -> None:
    """Make it or bring it up to date; what works is never cleared.

    `creator`: the Python that makes it, where it is not there. Raises UserError with what to do.
    """
    folder = wanted.folder
    stamp = replace(wanted.stamp, extras=wanted.extras)
    before = read_stamp(folder)
    version = version_of(folder)
    if version is None:
        # Neither an unfinished setup of ours nor an empty folder.
        foreign = before.state != BEGUN if before else folder.exists() and any(folder.iterdir())
        if foreign:
            remedy = f"move or remove it, then {again(wanted)}"
            raise UserError(f"{folder.name}: its Python does not run here; {remedy}")
        version = version_of_python(creator)
        if version is None:
            raise UserError(f"{creator} does not run here; name another: PYTHON=python3.12")
        check_python(version)
        folder.mkdir(exist_ok=True)
        write_stamp(folder, replace(stamp, python=dotted(version), state=BEGUN))
        make_venv(folder, creator, version)
    began = before is None or before.state == BEGUN
    python, state = dotted(version), BEGUN if began else UPDATING
    stamp = replace(stamp, python=python, pins=wanted.pins(python), state=state)
    write_stamp(folder, stamp)
    (folder / LOG).unlink(missing_ok=True)
    pip = pip_for(folder, creator, version)
    run_pip([*pip, "install", *what(wanted, version)], wanted, say)
    if "test" in wanted.extras:
        run_pip([*pip, "install", "--target", str(folder / "reference"), *REFERENCE], wanted, say)
    if absent := missing(wanted):
        raise UserError(
            f"{folder.name}: {absent} is not there after pip; remove it, {again(wanted)}"
        )
    write_stamp(folder, replace(stamp, state=READY))


def what(wanted: Wanted, python: Version) -> list[str]:
    """Arguments of pip: the project with its extras; of one version, what that backend needs."""
    build, name = wanted.stamp.build, wanted.backend
    extras = [extra_of(backends.implementation(name), build)] if name else wanted.extras
    urls = [url for extra, url in table("indexes").items() if extra in extras]
    index = [word for url in urls for word in ("--extra-index-url", url)]
    if not name:
        return [*index, "--editable", f".[{','.join(wanted.extras)}]"]
    file = pinned_file(name, build, dotted(python))
    if file.is_file():
        return ["--require-hashes", "--requirement", str(file)]
    return [*index, *of_version(name, build)]


def make_venv(folder: Path, creator: Path, version: Version) -> None:
    """Over what an unfinished setup of ours has left there. Without pip, where Python has none to
    give: Colab, and Debian without python3-venv."""
    bare = run([str(creator), "-Ic", "import ensurepip"]).returncode != 0
    done = run([str(creator), "-Im", "venv", *(["--without-pip"] if bare else []), str(folder)])
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:] or ["no word"]
        remedy = VENV_PACKAGE.format(*version)
        raise UserError(f"{creator} -m venv {folder.name}: {last[0]}; {remedy}")


def pip_for(folder: Path, creator: Path, version: Version) -> list[str]:
    """The command: the environment's own pip, or another Python's that installs into it."""
    own = str(interpreter(folder))
    if pip_version(own):
        return [own, "-Im", "pip"]
    for python in dict.fromkeys((sys.executable, str(creator))):
        if pip_version(python) >= FIRST_PIP:
            return [python, "-Im", "pip", "--python", own]
    raise UserError(f"{folder.name}: there is no pip for it; {VENV_PACKAGE.format(*version)}")


def pip_version(python: str) -> tuple[int, ...]:
    """Empty where it has none."""
    version = re.match(r"pip (\d+)\.(\d+)", run([python, "-Im", "pip", "--version"]).stdout)
    return (int(version.group(1)), int(version.group(2))) if version else ()


def run_pip(command: list[str], wanted: Wanted, say: Callable[[str], None]) -> None:
    """Tells of large downloads as they begin; all that pip says goes to LOG in the folder."""
    folder, setup = wanted.folder, again(wanted)
    arguments = shlex.split(os.environ.get("PIP_ARGS", ""))
    command = [*command, "--progress-bar", "off", *arguments]
    log = folder / LOG
    unreachable, last = False, ""
    process = subprocess.Popen(
        command,
        cwd=str(ROOT),
        env=environment_of_pip(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    with process, log.open("a", encoding="utf-8") as kept:
        assert process.stdout is not None
        for line in process.stdout:
            kept.write(line)
            unreachable = unreachable or bool(NO_NETWORK.search(line))
            if line.startswith("ERROR: "):
                last = line[len("ERROR: ") :].strip()
            wheel = DOWNLOADING.match(line)
            if wheel and float(wheel.group(3)) >= LARGE:
                say(f"  {wheel.group(1)} {wheel.group(2)}, {float(wheel.group(3)):.0f} MB")
    if process.returncode == 0:
        return
    if unreachable:
        proxies = [name for name in os.environ if name.lower() in PROXIES and os.environ[name]]
        through = f" through the proxy of {', '.join(proxies)}" if proxies else ""
        raise UserError(
            f"{folder.name}: no network, pip reaches no package index{through}; run {setup} where"
            " there is internet (`make setup` for GPUs elsewhere with BUILD=cuda), or give"
            f' PIP_ARGS="--no-index --find-links FOLDER" with all wheels; see {log}'
        )
    why = (last or f"exit status {process.returncode}")[:300]
    raise UserError(f"{folder.name}: pip: {why}; see {log}; {setup} goes on from here")


def environment_of_pip() -> dict[str, str]:
    """Without what would install into another place, or count a package elsewhere as there."""
    away = ("PYTHONPATH", "PYTHONHOME", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT",
            "PIP_REQUIRE_VIRTUALENV", "PIP_QUIET")  # fmt: skip
    kept = {name: value for name, value in os.environ.items() if name not in away}
    return {"PIP_RETRIES": "2", **kept, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def again(wanted: Wanted) -> str:
    """The command that makes an environment, or goes on with it."""
    return f"`cyclebench env add {wanted.backend}`" if wanted.backend else "`make setup`"


def missing(wanted: Wanted) -> str:
    """Packages that have to be there and are not; empty where all are."""
    version = version_of(wanted.folder)
    if version is None:
        return "a working Python"
    names = [OWN, *packages([DEPENDENCIES, *wanted.extras], version)]
    if wanted.backend:
        names = names_in(of_version(wanted.backend, wanted.stamp.build))
    done = run([str(interpreter(wanted.folder)), "-Ic", FIND, *names])
    return ", ".join(done.stdout.split())


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    """To its end, ten minutes at most; status 127 where it does not start or does not end."""
    try:
        return subprocess.run(
            command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=600
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 127, "", str(error))
