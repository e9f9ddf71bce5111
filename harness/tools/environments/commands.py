"""What `python3 -m harness.tools.environments` does: setup, ready, bin, check, wheels."""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.system.errors import UserError
from harness.system.lock import open_own
from harness.tools.environments.choose import (
    Choice,
    SetupRequest,
    Wanted,
    choose,
    environment_folders,
    this_version,
)
from harness.tools.environments.extras import table
from harness.tools.environments.install import install, missing
from harness.tools.environments.stamps import (
    ROOT,
    check_python,
    interpreter,
    read_stamp,
    version_of,
)

# There where the kernel has NVIDIA's driver; a look at it costs nothing.
KERNEL_DRIVER = Path("/proc/driver/nvidia/version")
LOCK = ROOT / ".venv.lock"


def main(arguments: list[str]) -> int:
    """Exit status: 0, 1 (`check` found something), 2 (bad input), 130 (interrupted)."""
    options = parser().parse_args(arguments)
    try:
        if options.command in ("setup", "ready", "bin"):
            return prepare(options)
        # Not above: its imports take longer than all of `ready`.
        from harness.tools.environments import installed

        if options.command == "check":
            return installed.check(options.folders or environment_folders())
        return installed.check_wheels(options.folders)
    except UserError as error:
        print(f"cyclebench: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("cyclebench: interrupted; the same command goes on from here", file=sys.stderr)
        return 130


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python3 -m harness.tools.environments", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    described = {
        "setup": "make what is not there, bring up to date what is",
        "ready": "the same where it has to be, then print the folder of the environment's programs",
        "bin": "print that folder; nothing is made",
    }
    for name, text in described.items():
        one = commands.add_parser(name, help=text)
        one.add_argument("--build", default="", help="cpu, cuda or cuda12; else what suits")
        one.add_argument("--extra", action="append", default=[], help="such as test or lint")
        one.add_argument("--backends", default="", help="as torch,jax or torch,tf@2.20.0")
        one.add_argument(
            "--this-python", action="store_true", help="in no environment of another version"
        )
        if name == "setup":
            one.add_argument("--dry-run", action="store_true", help="only say what it would do")
    for name, text in (
        ("check", "files that two packages of an environment both write"),
        ("wheels", "the same of wheels, for each folder and for all in one environment"),
    ):
        one = commands.add_parser(name, help=text)
        one.add_argument("folders", nargs="+" if name == "wheels" else "*", type=Path)
    return top


def prepare(options: argparse.Namespace) -> int:
    """setup, ready and bin."""
    version = this_version() if options.this_python else None
    if version:
        check_python(version)
    names = tuple(name.strip() for name in options.backends.split(","))
    request = SetupRequest(options.build, version, tuple(options.extra), names)
    setup = options.command == "setup"
    choice = choose(request, upgrade=setup)
    if options.command == "bin":
        print(os.path.relpath(str(choice.programs)))
        return 0
    if setup and options.dry_run:
        for wanted in choice.environments:
            state = "is ready" if wanted.is_ready else "would be set up"
            print(f"{wanted.folder.name} {state}: {described(wanted, choice)}")
        return 0
    if not all(is_complete(wanted, setup) for wanted in choice.environments):
        with locked():
            # Another process may have done it meanwhile.
            choice = choose(request, upgrade=setup)
            make_ready(choice, setup)
    elif setup:
        for wanted in choice.environments:
            print(f"{wanted.folder.name} is ready: {described(wanted, choice)}")
    if setup:
        return 0
    if choice.build == "cpu" and not choice.chosen and KERNEL_DRIVER.exists():
        tell(f"an NVIDIA driver is here, but {choice.base.name} has CPU builds: `make setup`")
    print(os.path.relpath(str(choice.programs)))
    return 0


def is_complete(wanted: Wanted, thorough: bool) -> bool:
    """Whether it says that it is ready; `thorough`: and all packages are there."""
    return wanted.is_ready and not (thorough and missing(wanted))


def make_ready(choice: Choice, thorough: bool) -> None:
    """Install what is lacking."""
    for wanted in choice.environments:
        if is_complete(wanted, thorough):
            continue
        before, sizes = read_stamp(wanted.folder), table("sizes")
        fresh = [x for x in wanted.extras if x in sizes and not (before and x in before.extras)]
        large = "".join(f"; {extra}: about {sizes[extra]}" for extra in fresh)
        tell(f"setting up {wanted.folder.name} ({described(wanted, choice)}){large}")
        # All environments of a family get the Python of the harness's.
        base = choice.base
        install(wanted, interpreter(base) if version_of(base) else Path(sys.executable), tell)


def described(wanted: Wanted, choice: Choice) -> str:
    builds = "builds for GPUs" if wanted.stamp.build != "cpu" else "cpu builds"
    extras, python = ", ".join(wanted.extras), wanted.stamp.python
    return f"{extras}; {builds}: {choice.why}; Python {python}"


def tell(line: str) -> None:
    """On stderr: what a program says on stdout stays what it says."""
    print(line if line.startswith(" ") else f"cyclebench: {line}", file=sys.stderr, flush=True)


@contextmanager
def locked() -> Iterator[None]:
    """Two of `make` at once: the second waits, and finds it done."""
    try:
        lock = open_own(LOCK)
    except OSError as error:
        raise UserError(f"{LOCK}: cannot write there ({error.strerror})") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("another `make` is setting up; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError:
            tell(f"{LOCK}: this file system has no locks; run one `make` at a time")
        yield
