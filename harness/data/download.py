"""Downloading one file over HTTP: resumed where it broke off, verified, complete or not there."""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from harness.data.connection import TransferError, check_url, chunks, open_url
from harness.data.layout import Progress
from harness.system.checksums import digest_of
from harness.system.errors import UserError
from harness.system.lock import open_own

if TYPE_CHECKING:
    import requests

RETRIED_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
ENOUGH_TO_GO_ON = 2**20  # bytes a broken attempt must have brought for it not to count as failed


class _Refusal(UserError):
    """The server answers, but not with the file. What came earlier may still be good."""


@dataclass
class _Transfer:
    """State of one download across attempts."""

    url: str
    file: BinaryIO  # opened for appending
    size_limit: int
    timeout: float
    progress: Progress | None
    ranges: bool  # whether the server is known, or may be hoped, to continue
    validator: str | None = None  # of the version the bytes so far belong to

    @property
    def size(self) -> int:
        return os.fstat(self.file.fileno()).st_size

    def forget(self) -> None:
        self.file.truncate(0)
        self.validator = None


def download(
    url: str,
    target: Path,
    *,
    sha256: str | None,
    md5: str | None = None,
    size: int = 0,
    size_limit: int,
    progress: Progress | None = None,
    attempts: int = 4,
    timeout: float = 10.0,
    pause: float = 1.0,
) -> str:
    """Fetch `url` into `target`, which appears complete and verified or not at all.

    Verified is what is known of it: `sha256`, `md5`, `size` in bytes (0: not known). Returns the
    SHA-256 of what came.
    Bytes arrive in `target` + ".part". It stays behind only when the transfer was interrupted, the
    server can continue it and a checksum is known; the next call then does. A dropped connection
    or a busy server is tried again up to `attempts` times, waiting `pause` seconds longer each
    time; a host that cannot be reached is not. `timeout` (seconds) bounds connecting and every wait
    for data.
    Raises UserError (one line, with the URL) for any failure, a file of more than `size_limit`
    bytes and a wrong checksum.
    """
    check_url(url)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    with _locked(part) as file:
        checkable = bool(sha256 or md5)
        if not checkable:
            file.truncate(0)  # nothing could tell whether the bytes of an earlier call belong here
        resumed = os.fstat(file.fileno()).st_size > 0
        transfer = _Transfer(url, file, size_limit, timeout, progress, ranges=resumed)
        try:
            _receive(transfer, attempts, pause)
            if resumed and _problem(part, sha256, md5, size):
                transfer.forget()  # the bytes of an earlier call may be of another version
                _receive(transfer, attempts, pause)
            if problem := _problem(part, sha256, md5, size):
                raise UserError(
                    f"{url}: {problem} ({transfer.size} bytes);"
                    " the file there is damaged, cut short or another one"
                )
            os.fsync(file.fileno())
            part.replace(target)
            return sha256 or digest_of(target)
        except (TransferError, KeyboardInterrupt) as error:
            if not (transfer.ranges and transfer.size and checkable):
                part.unlink(missing_ok=True)
            if isinstance(error, TransferError):
                raise UserError(f"{url}: {error}; try again, or check the network") from None
            raise
        except _Refusal:
            # A mirror that is being mended answers so, for example.
            if not (transfer.size and checkable):
                part.unlink(missing_ok=True)
            raise
        except OSError as error:
            part.unlink(missing_ok=True)
            raise UserError(f"{part}: cannot write ({error.strerror}); free some space") from None
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def _problem(path: Path, sha256: str | None, md5: str | None, size: int) -> str | None:
    """What is wrong with a file that came; None if nothing is."""
    for algorithm, expected in (("sha256", sha256), ("md5", md5)):
        if expected is not None and (got := digest_of(path, algorithm)) != expected:
            return f"wrong checksum, expected {algorithm} {expected}, got {got}"
    if size and path.stat().st_size != size:
        return f"wrong size, expected {size} bytes"
    return None


@contextmanager
def _locked(part: Path) -> Iterator[BinaryIO]:
    """`part` opened for appending by this process alone. Raises UserError if another has it."""
    try:
        file = open_own(part)
    except OSError as error:
        raise UserError(f"{part}: cannot write ({error.strerror})") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The other process may have renamed the file between our opening and locking it.
            ours = part.exists() and os.path.samestat(part.stat(), os.fstat(file.fileno()))
        except BlockingIOError:
            ours = False
        if not ours:
            raise UserError(f"{part}: another process is downloading this; wait for it")
        yield file


def _receive(transfer: _Transfer, attempts: int, pause: float) -> None:
    """Attempts until everything has arrived. Raises TransferError when out of attempts."""
    failed = 0
    while True:
        before = transfer.size
        try:
            return _attempt(transfer)
        except TransferError as error:
            went_on = transfer.ranges and transfer.size - before >= ENOUGH_TO_GO_ON
            failed = 1 if went_on else failed + 1
            if not error.retry or failed >= attempts:
                raise
        time.sleep(pause * failed)


def _attempt(transfer: _Transfer) -> None:
    """Ask once for what is missing. Raises TransferError or UserError unless it all arrived."""
    offset = transfer.size
    headers = {"Range": f"bytes={offset}-"} if offset else {}
    if offset and transfer.validator:
        headers["If-Range"] = transfer.validator
    with open_url(transfer.url, headers, transfer.timeout) as response:
        if response.status_code == 416 and offset:
            return  # nothing after our bytes: they are the file, or the checksum will tell
        total = _begin(transfer, response, offset)
        done = transfer.size
        try:
            for chunk in chunks(response):
                done += len(chunk)
                if done > transfer.size_limit:
                    raise _too_large(transfer, done)
                transfer.file.write(chunk)
                if transfer.progress:
                    transfer.progress(done, total or 0)
        finally:
            transfer.file.flush()
    if total is not None and done < total:
        raise TransferError(f"the connection broke off after {done} of {total} bytes", retry=True)


def _begin(transfer: _Transfer, response: requests.Response, offset: int) -> int | None:
    """Check the head of an answer. The size of the whole file in bytes, None if it is not given."""
    status, headers = response.status_code, response.headers
    if status in RETRIED_STATUS:
        raise TransferError(f"the server answered {status}", retry=True)
    if status not in (200, 206):
        reason = " ".join((response.reason or "").split()) if not response.ok else "no file"
        raise _Refusal(f"{transfer.url}: the server answered {status}, {reason}; check the address")
    transfer.ranges = status == 206 or headers.get("Accept-Ranges") == "bytes"
    if status == 206:
        # \d would match other scripts' digits too; longer numbers are no sizes.
        span = re.fullmatch(
            r"bytes ([0-9]{1,18})-[0-9]+/([0-9]{1,18}|\*)", headers.get("Content-Range", "").strip()
        )
        if span is None or int(span[1]) != offset:
            transfer.forget()
            raise TransferError("the server continued at the wrong place", retry=True)
        total = int(span[2]) if span[2] != "*" else None
    else:
        transfer.forget()
        total = response.raw.length_remaining
    if total is not None and total > transfer.size_limit:
        raise _too_large(transfer, total)
    etag = headers.get("ETag", "")
    strong = etag if etag and not etag.startswith("W/") else None
    transfer.validator = strong or headers.get("Last-Modified")
    return total


def _too_large(transfer: _Transfer, size: int) -> UserError:
    return UserError(
        f"{transfer.url}: the file there is too large ({size} bytes, at most"
        f" {transfer.size_limit} expected); it is not the published one"
    )
