"""A malformed input: how it comes about, and what the line that refuses it has to say."""

from __future__ import annotations

import io
import shutil
import sys
import zlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from datasets_helpers import Site, serving, write_set

Arguments = Sequence[str | Path]


@dataclass(frozen=True)
class Templates:
    """Good records, each in a folder of its own, to copy and to spoil."""

    folder: Path

    @property
    def experiment(self) -> Path:
        return self.folder / "experiment"

    @property
    def study(self) -> Path:
        """A results folder: a study's own folder is below, beside those of its cells."""
        return self.folder / "study"

    @property
    def bench(self) -> Path:
        return self.folder / "bench"

    @property
    def scaling(self) -> Path:
        return self.folder / "scaling"

    @property
    def trained(self) -> Path:
        """An experiment with a run's weights; the same as a model folder in `model`."""
        return self.folder / "trained"


@dataclass
class Place:
    """Where a case happens: folders of its own, an empty cache, and no way to any network."""

    folder: Path
    templates: Templates
    patch: pytest.MonkeyPatch
    stack: ExitStack = field(default_factory=ExitStack)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def results(self) -> Path:
        return self.folder / "results"

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    def data_set(self, name: str = "set", count: int = 2) -> Path:
        """A good one in `data`."""
        return write_set(self.data / name, count)

    def copy(self, template: Path) -> Path:
        """Of a template, in `results`."""
        return Path(shutil.copytree(template, self.results / template.name, symlinks=True))

    def mirror(self) -> Site:
        """A web server that everything is asked of. It waits for nobody."""
        site = self.stack.enter_context(serving(Site()))
        self.patch.setenv("CYCLEBENCH_MIRROR", site.url)
        self.hurry()
        return site

    def hurry(self) -> None:
        """Downloads give up within tenths of a second, and try again at once."""
        from functools import partial

        from harness.data import connection, download, fetch
        from harness.metrics import weights

        soon = partial(download.download, timeout=0.3, pause=0.0)
        self.patch.setattr(fetch, "download", soon)
        self.patch.setattr(weights, "download", soon)
        self.patch.setattr(fetch, "fetch_text", partial(connection.fetch_text, timeout=0.3))


@dataclass(frozen=True)
class Case:
    """`prepare` makes the input, and returns what follows `cyclebench`. `says`: words of the line.

    `keeps`: patterns of files that may be left on purpose, such as a download to be continued.
    """

    name: str
    prepare: Callable[[Place], Arguments]
    says: tuple[str, ...]
    keeps: tuple[str, ...] = ()


def audit(place: Place, dataset: str | Path = "set", *more: str) -> Arguments:
    """The command that looks at every file of a data set, and at nothing else."""
    return ["datasets", "audit", "--dataset", dataset, "--data-dir", place.data, *more]


def png_head(width: int, height: int, depth: int = 8, colour: int = 2) -> bytes:
    """A PNG that claims a size and has no pixels."""
    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    chunks = [(b"IHDR", size + bytes([depth, colour, 0, 0, 0])), (b"IDAT", b""), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)


def chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content).to_bytes(4, "big")
    return len(content).to_bytes(4, "big") + kind + content + check


def standard_error() -> io.TextIOWrapper:
    """As Python's own: it writes whatever it is given."""
    return io.TextIOWrapper(
        io.BytesIO(), sys.stderr.encoding or "utf-8", errors="backslashreplace", write_through=True
    )
