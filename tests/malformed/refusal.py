"""What a refusal is measured by: its line, what it left on disk, its time and its memory."""

from __future__ import annotations

import hashlib
import os
import resource
import stat
import time
import warnings
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from case import Case, Place, standard_error

from harness.cli import main, make_parser

PARSER = make_parser()
SECONDS = 10.0
BYTES = 500 * 2**20
LONGEST_LINE = 3000
LARGE = 2**24  # files beyond are told apart by their times alone
# Left on purpose wherever they come about: locks, and what is known of images that were looked at.
KEPT = ("*/.lock", "cache/scans/*.json")


@dataclass(frozen=True)
class Refusal:
    """`bytes`: by which the process grew meanwhile, at the most."""

    name: str
    seconds: float
    bytes: int
    line: str


def refuse(case: Case, place: Place) -> Refusal:
    """Run the case's command. Raises AssertionError unless it is refused as it should be."""
    arguments = [str(each) for each in case.prepare(place)]
    before = snapshot(place.folder)
    said, printed = standard_error(), standard_error()
    memory = Peak()
    began = time.perf_counter()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with redirect_stderr(said), redirect_stdout(printed):
            status = run(arguments)
    refusal = Refusal(case.name, time.perf_counter() - began, memory.growth(), _last(said))
    said.seek(0)
    text = said.read()
    assert status == 2, f"status {status}: {text}"
    _check_said(text, case)
    assert [str(each.message) for each in warned if _is_shown(each)] == []
    changed = [
        each for each in changes(before, snapshot(place.folder)) if not _is_kept(each, case.keeps)
    ]
    assert changed == [], changed
    assert refusal.seconds < SECONDS and refusal.bytes < BYTES, refusal
    return refusal


def run(arguments: list[str]) -> int | str | None:
    try:
        return main(arguments, PARSER)
    except SystemExit as stop:  # of argparse
        return stop.code


def _last(said) -> str:
    said.seek(0)
    return (said.read().strip().splitlines() or [""])[-1]


def _check_said(text: str, case: Case) -> None:
    lines = text.strip().splitlines()
    told = [line for line in lines if line.startswith("cyclebench")]
    assert "Traceback" not in text, text
    # What is said of progress comes before.
    assert len(told) == 1 and lines[-1] == told[0], text
    assert told[0].startswith("cyclebench: "), text
    assert len(told[0]) < LONGEST_LINE, len(told[0])
    missing = [words for words in case.says if words not in told[0]]
    assert not missing, f"no {missing} in: {told[0]}"
    # What to do comes behind what is wrong.
    assert any(mark in told[0] for mark in (";", ",", ". ", "; ", "one of", "any of")), told[0]


def _is_shown(warning: warnings.WarningMessage) -> bool:
    """Whether a user would see it: a line or two beside the one that counts."""
    return not issubclass(warning.category, (DeprecationWarning, PendingDeprecationWarning,
                                             ImportWarning, ResourceWarning))  # fmt: skip


def _is_kept(path: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(path, pattern) for pattern in (*KEPT, *patterns))


def snapshot(folder: Path) -> dict[str, tuple[object, ...]]:
    """Of every file below `folder`, by its path, all that must stay; folders are not in it."""
    found: dict[str, tuple[object, ...]] = {}
    for root, folders, files in os.walk(folder):
        links = [name for name in folders if (Path(root) / name).is_symlink()]
        for name in (*files, *links):
            path = Path(root) / name
            found[str(path.relative_to(folder))] = _facts(path)
    return found


def _facts(path: Path) -> tuple[object, ...]:
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        return ("link", str(path.readlink()))
    if not stat.S_ISREG(status.st_mode):
        return ("special", status.st_mode)
    if status.st_size > LARGE:
        return (status.st_mode, status.st_size, status.st_mtime_ns)
    return (status.st_mode, status.st_size, hashlib.sha256(path.read_bytes()).hexdigest())


def changes(before: dict, after: dict) -> list[str]:
    """Paths of what came, went or is not as it was."""
    return sorted(
        path for path in before.keys() | after.keys() if before.get(path) != after.get(path)
    )


class Peak:
    """The most memory this process has had since. Linux can forget the peak; elsewhere it stays."""

    def __init__(self) -> None:
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
        self.before = _resident()

    def growth(self) -> int:
        return max(0, _highest() - self.before)


def _resident() -> int:
    return _of_status("VmRSS") or _highest()


def _highest() -> int:
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return _of_status("VmHWM") or kilobytes * 1024


def _of_status(name: str) -> int | None:
    """Bytes, where the system tells."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(name)), None)


def summary(refusals: list[Refusal]) -> str:
    """For the end of the session."""
    slowest = max(refusals, key=lambda each: each.seconds)
    largest = max(refusals, key=lambda each: each.bytes)
    total = sum(each.seconds for each in refusals)
    return (
        f"{len(refusals)} refused in {total:.1f} s. Slowest: {slowest.name},"
        f" {slowest.seconds:.2f} s. Most memory: {largest.name}, {largest.bytes / 2**20:.0f} MiB.\n"
    )
