"""The file with the Inception weights that FID is defined by: where it may lie, how to get it."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from harness.data.cache import cache_folder, explained_writes
from harness.data.connection import check_url, open_url
from harness.data.download import download
from harness.data.fetch import MIRROR_VARIABLE, Report, StageProgress
from harness.metrics.extractors import INCEPTION
from harness.system.checksums import digest_of
from harness.system.errors import UserError
from harness.system.files import write_bytes
from harness.system.untrusted import expanded, is_file

FILE_NAME = "pt_inception-2015-12-05-6726825d.pth"
SIZE = 95_628_359  # bytes
SHA256 = INCEPTION.weights_sha256
URL = f"https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{FILE_NAME}"

HUB_NAMES = (FILE_NAME, "weights-inception-2015-12-05-6726825d.pth")  # one file, two programs
OFFLINE_VARIABLE = "CYCLEBENCH_OFFLINE"
MARKER = ".tried"
DEADLINE = 4.0  # seconds until the first byte of an answer, looking up the address included


def find_weights() -> Path | None:
    """The published file in our cache, or in PyTorch's, where other programs keep it, else None.

    A damaged or unreadable file is passed over.
    """
    caches = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    home = Path(os.environ.get("TORCH_HOME") or caches / "torch")
    places = [_folder() / FILE_NAME]
    with suppress(RuntimeError):  # no home folder
        places += [home.expanduser() / "hub" / "checkpoints" / name for name in HUB_NAMES]
    for path in places:
        with suppress(OSError):
            if path.stat().st_size == SIZE and file_sha256(path) == SHA256:
                return path
    return None


def fetch_weights(source: Path | None, report: Report, progress: StageProgress | None) -> Path:
    """Put the file into the cache, from `source` or else over the network, unless it is there.

    The network means its publisher, or the mirror named by CYCLEBENCH_MIRROR. `report` gets a line
    on what is done, `progress` (what, bytes, total bytes). Raises UserError for another or a
    damaged file, a failed download (a second call continues it) and a folder that cannot be
    written.
    """
    target = find_weights()
    if target is not None:
        report(f"Inception weights: already in {target}, nothing to fetch")
    elif source is not None:
        target = _copy(expanded(source))
        report(f"Inception weights: copied from {source} to {target}")
    else:
        try:
            target = _download(report, progress)
        except UserError as error:
            raise UserError(
                f"{error}. Without internet: `cyclebench fetch-weights PATH`, where PATH is"
                f" {FILE_NAME} from another machine"
            ) from None
    with suppress(OSError):
        (_folder() / MARKER).unlink()
    return target


def try_once(report: Report, progress: StageProgress | None) -> Path | None:
    """The file if it is there or can be downloaded now, else None; never raises UserError.

    Without internet the first call takes DEADLINE seconds and leaves a marker in the cache, which
    keeps later calls from trying. Nothing is downloaded where the variable CYCLEBENCH_OFFLINE is
    set. `report` gets one line if the file cannot be had.
    """
    path = find_weights()
    marker = _folder() / MARKER
    if path is not None or os.environ.get(OFFLINE_VARIABLE) or marker.exists():
        return path
    try:
        _check_answers(_address())
        return _download(report, progress, attempts=1)
    except UserError as error:
        with suppress(OSError):
            marker.parent.mkdir(parents=True, exist_ok=True)
            marker.write_text(
                f"The Inception weights could not be downloaded ({error}). Remove this file once"
                " they can: `make compare` then tries again; `cyclebench fetch-weights` need not"
                " wait.\n",
                encoding="utf-8",
            )
        report(
            f"FID will not be computed, for its Inception weights cannot be had ({error})."
            " `cyclebench fetch-weights` tries again, `cyclebench fetch-weights PATH` takes them"
            " from a file"
        )
        return None


def _folder() -> Path:
    return cache_folder() / "weights"


def file_sha256(path: Path) -> str:
    """Read again only if the size or the time of change is another. Raises OSError."""
    status = path.stat()
    return _sha256(path.absolute(), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=16)
def _sha256(path: Path, size: int, changed: int) -> str:
    return digest_of(path)


def _copy(source: Path) -> Path:
    """Verify `source` and copy it into the cache, where it appears complete or not at all."""
    if not is_file(source):
        raise UserError(f"{source}: no such file; give the path of {FILE_NAME}")
    anew = f"damaged, or not {FILE_NAME}: download it anew from {URL}"
    try:
        size = source.stat().st_size
        if size > 2 * SIZE:  # it may be terabytes: not read
            raise UserError(f"{source}: {size} bytes, expected {SIZE}; {anew}")
        digest = file_sha256(source)
    except OSError as error:
        raise UserError(f"{source}: cannot read ({error.strerror}); check its rights") from None
    if (size, digest) != (SIZE, SHA256):
        raise UserError(
            f"{source}: {size} bytes with sha256 {digest}, expected {SIZE} bytes with {SHA256};"
            f" {anew}"
        )
    target = _folder() / FILE_NAME
    with explained_writes(target.parent):
        write_bytes(target, source.read_bytes())
    return target


def _address() -> str:
    mirror = os.environ.get(MIRROR_VARIABLE, "").rstrip("/")
    return f"{mirror}/{FILE_NAME}" if mirror else URL


def _download(report: Report, progress: StageProgress | None, attempts: int = 4) -> Path:
    url, target = _address(), _folder() / FILE_NAME
    report(f"Inception weights: downloading {url} ({SIZE / 1e6:.0f} MB)")
    with explained_writes(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
    download(
        url,
        target,
        sha256=SHA256,
        size_limit=SIZE,
        progress=progress and partial(progress, "Inception weights"),
        attempts=attempts,
    )
    return target


def _check_answers(url: str) -> None:
    """Raises UserError unless the server begins to send the file within DEADLINE seconds.

    It asks in a thread, left behind if need be: no time limit reaches the system's look-up of a
    name, which takes minutes where the network drops every packet. It follows redirections and
    asks proxies, as the download of the file does.
    """
    check_url(url)
    answers: SimpleQueue[str] = SimpleQueue()

    def ask() -> None:
        try:
            with open_url(url, {"Range": "bytes=0-0"}, DEADLINE) as response:
                answers.put("" if response.ok else f"the server answered {response.status_code}")
        except Exception as error:  # an exception cannot leave a thread
            answers.put(" ".join(str(error).split()) or type(error).__name__)

    Thread(target=ask, daemon=True).start()
    try:
        problem = answers.get(timeout=DEADLINE)
    except Empty:
        problem = f"no answer within {DEADLINE:g} s"
    if problem:
        raise UserError(f"{url}: {problem}")
