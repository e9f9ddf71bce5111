"""One published file, from its publisher or from the mirror that CYCLEBENCH_MIRROR names."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from harness.data.archive import MAX_BYTES
from harness.data.cache import explained_writes
from harness.data.connection import fetch_text
from harness.data.download import download
from harness.data.layout import Progress
from harness.data.sources import Archive
from harness.system.errors import UserError

MIRROR_VARIABLE = "CYCLEBENCH_MIRROR"

Report = Callable[[str], None]
StageProgress = Callable[[str, int, int], None]  # stage, done, total (0: not known)


@dataclass(frozen=True)
class Feedback:
    """What the user is told: `report` gets lines, `progress` how far a stage is."""

    report: Report
    progress: StageProgress | None

    def stage(self, name: str) -> Progress | None:
        """Progress of the stage `name`."""
        return self.progress and partial(self.progress, name)


class Unavailable(UserError):
    """A published file cannot be downloaded; the user can put it in place by hand."""


def fetch(name: str, licence: str, source: Archive, target: Path, feedback: Feedback) -> str:
    """Download `source` into the file `target`, verified by what is known of it; its address.

    `name` and `licence` are for the lines reported; where no SHA-256 is known the one obtained is
    reported too. Raises Unavailable where `download` raises UserError, and for a mirror's checksum
    that is none.
    """
    try:
        archive = _from_mirror(source)
        size = f"{archive.size / 1e6:.0f} MB, " if archive.size else ""
        feedback.report(f"{name}: downloading {archive.url} ({size}{licence})")
        sha256 = download(
            archive.url,
            target,
            sha256=archive.sha256,
            md5=archive.md5,
            size=archive.size,
            size_limit=archive.size or MAX_BYTES,
            progress=feedback.stage("download"),
        )
    except UserError as error:
        raise Unavailable(str(error)) from None
    if archive.sha256 is None:
        checked = "its MD5 is the published one" if archive.md5 else "nothing to compare it with"
        feedback.report(f"{name}: {archive.file_name} has sha256 {sha256} ({checked})")
    return archive.url


def _from_mirror(source: Archive) -> Archive:
    """The file to fetch.

    A mirror may publish NAME.sha256 beside a file (as `sha256sum` prints it): who names the mirror
    trusts it. Without one what is known of the published file holds.
    """
    base = os.environ.get(MIRROR_VARIABLE, "").rstrip("/")
    if not base:
        return source
    url = f"{base}/{source.file_name}"
    listed = fetch_text(f"{url}.sha256")
    if listed is None:
        return replace(source, url=url)
    line = re.match(r"\\?([0-9a-fA-F]{64})(\s|$)", listed)
    if line is None:
        raise UserError(f"{url}.sha256: not a line of sha256sum; mend it or remove it")
    return Archive(url, 0, line[1].lower())


def fetch_and_unpack(
    name: str,
    licence: str,
    source: Archive,
    folder: Path,
    unpacker: Callable[[Path, Path, Progress | None], None],
    feedback: Feedback,
) -> None:
    """Fetch a zip and unpack it into `folder`; a partial download stays if it can be continued.

    Raises Unavailable where it cannot be had or what came is of no use.
    """
    zip_file = folder.with_name(f".{folder.name}.zip")
    with explained_writes(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        url = fetch(name, licence, source, zip_file, feedback)
        feedback.report(f"{name}: unpacking into {folder}")
        try:
            unpacker(zip_file, folder, feedback.stage("unpack"))
        except UserError as error:
            # The user knows the address, not the temporary file.
            raise Unavailable(str(error).replace(str(zip_file), url)) from None
    finally:
        zip_file.unlink(missing_ok=True)
        with suppress(OSError):
            folder.parent.rmdir()  # only if empty
