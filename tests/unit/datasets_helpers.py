"""Small image folders, zips of them and a web server with the faults that real ones have."""

from __future__ import annotations

import hashlib
import io
import re
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness.data.find_or_fetch import find_or_fetch
from harness.data.layout import SPLITS, DatasetFolder


def find(dataset: str, data_dir: Path | None = None, **options: Any) -> DatasetFolder:
    """`find_or_fetch`, a built-in set being of 8 px, 3 images to train on and 2 to test with."""
    return find_or_fetch(dataset, data_dir, size=8, counts=(3, 2), **options)


def everything_in(folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob("*")]


def present(path: Path) -> Path:
    """`path` in the folder of real data sets; a test whose set is not among them is skipped."""
    if not path.exists():
        pytest.skip(f"no {path.name} in the folder that CYCLEBENCH_DATA names")
    return path


def picture(seed: int, size: int = 12) -> Image.Image:
    """Noise in colour: no two seeds give equal pixels."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def write_set(folder: Path, count: int = 2) -> Path:
    """A data set of `count` different PNGs a split: 0.png, 1.png, ..."""
    for position, split in enumerate(SPLITS):
        (folder / split).mkdir(parents=True)
        for index in range(count):
            (folder / split / f"{index}.png").write_bytes(png(picture(100 * position + index)))
    return folder


def zipped_set(top: str = "horse2zebra/", count: int = 2) -> bytes:
    members = {
        f"{top}{split}/{index}.png": png(picture(100 * position + index))
        for position, split in enumerate(SPLITS)
        for index in range(count)
    }
    return zip_of(members)


def zip_of(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


@dataclass
class Site:
    """What the server holds and how it misbehaves; `requests` is what it was asked."""

    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    etag: str = '"v1"'
    drops: list[int] = field(default_factory=list)  # next answers: bytes sent before hanging up
    statuses: list[int] = field(default_factory=list)  # next answers: this error status
    skew: int = 0  # answer a range request this many bytes off
    announce_length: bool = True
    redirect: str = ""
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    url: str = ""

    def publish(self, files: Mapping[str, bytes], listed: bytes | None = None) -> None:
        """Add files, and beside each the checksum of `listed`, else of the file itself."""
        for name, content in files.items():
            checksum = hashlib.sha256(content if listed is None else listed).hexdigest()
            self.files[f"/{name}"] = content
            self.files[f"/{name}.sha256"] = f"{checksum}  {name}\n".encode()


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    """`site` on a free port of this machine, while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self, site)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answer(handler: BaseHTTPRequestHandler, site: Site) -> None:
    asked = handler.headers.get("Range")
    site.requests.append((handler.path, asked))
    if site.redirect:
        handler.send_response(302)
        handler.send_header("Location", site.redirect)
        handler.end_headers()
        return
    if site.statuses:
        handler.send_error(site.statuses.pop(0))
        return
    content = site.files.get(handler.path)
    if content is None:
        handler.send_error(404)
        return
    span = re.fullmatch(r"bytes=(\d+)-", asked or "")
    fits = site.ranges and handler.headers.get("If-Range", site.etag) == site.etag
    start = int(span[1]) if span and fits else None
    if start is not None and start >= len(content):
        handler.send_response(416)
        handler.send_header("Content-Range", f"bytes */{len(content)}")
        handler.end_headers()
        return
    # Before the head is sent: the next request may come, in another thread, once that has arrived.
    sent = site.drops.pop(0) if site.drops else None
    if start is None:
        body = content
        handler.send_response(200)
    else:
        start += site.skew
        body = content[start:]
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
    if site.ranges:
        handler.send_header("Accept-Ranges", "bytes")
        handler.send_header("ETag", site.etag)
    if site.announce_length:
        handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[:sent])
