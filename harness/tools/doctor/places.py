"""Folders that are written to, data sets and weights that are here. Nothing is made."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from harness.data.cache import CACHE_VARIABLE, cache_folder
from harness.data.listing import catalogue
from harness.metrics.weights import OFFLINE_VARIABLE, find_weights
from harness.system.errors import UserError
from harness.tools.doctor.check import Check, State, ok

LITTLE, TOO_LITTLE = 2 * 2**30, 2**28  # bytes


def check_places(results: Path, data_dir: Path | None) -> Iterator[Check]:
    yield check_folder("results", results, "give another --results")
    try:
        cache = cache_folder()
    except UserError as error:
        yield Check("cache", "problem", str(error), f"set {CACHE_VARIABLE} to a folder")
        return
    yield check_folder("cache", cache, f"point {CACHE_VARIABLE} at another folder")
    temporary = Path(os.environ.get("TMPDIR") or "/tmp")  # noqa: S108
    yield check_folder("temporary files", temporary, "point TMPDIR at another folder")
    yield from check_data(data_dir)
    yield check_weights()


def check_folder(name: str, folder: Path, fix: str) -> Check:
    """Whether it, or what is there of the way to it, can be written to, and has space left."""
    there = folder.absolute()
    while not os.path.lexists(there):
        there = there.parent
    if not there.is_dir():
        return Check(name, "problem", f"{folder}: {there} is not a folder", fix)
    if not os.access(there, os.W_OK | os.X_OK):
        return Check(name, "problem", f"{folder}: {there} cannot be written to", fix)
    free = shutil.disk_usage(there).free
    found = f"{folder}, {free / 2**30:.1f} GiB free"
    if free >= LITTLE:
        return ok(name, found)
    state: State = "problem" if free < TOO_LITTLE else "warning"
    return Check(name, state, found, f"free some space, or {fix}")


def check_data(data_dir: Path | None) -> Iterator[Check]:
    try:
        sets = catalogue(data_dir)
    except UserError as error:
        yield Check("data sets", "problem", str(error), "give another --data-dir")
        return
    named = {state: [each.name for each in sets if each.state == state] for state in
             ("built in", "here", "to download")}  # fmt: skip
    found = "; ".join(f"{state}: {', '.join(names)}" for state, names in named.items() if names)
    yield ok("data sets", found)
    for each in sets:
        if each.state == "damaged":
            yield Check(
                f"data set {each.name}", "warning", each.place, "mend or remove that folder"
            )


def check_weights() -> Check:
    path = find_weights()
    if path is not None:
        return ok("Inception weights", str(path))
    offline = f", and {OFFLINE_VARIABLE} is set" if os.environ.get(OFFLINE_VARIABLE) else ""
    fix = "`make weights`, or `make weights FILE=...` without internet"
    found = f"not here{offline}: FID will not be computed, all other scores are"
    return Check("Inception weights", "warning", found, fix)
