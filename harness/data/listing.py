"""Catalogue and audit as lines for a terminal, and the catalogue as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from harness.data.audit import Audit
from harness.data.catalogue import CATALOGUE, Archive, BuiltIn, CatalogueEntry, Pair, Unusable
from harness.data.class_pairs import SYNTAX
from harness.data.find_local import check_data_dir, find_local
from harness.data.pairs import archives_of, find_single
from harness.data.single_domains import pairable
from harness.system.errors import UserError
from harness.system.untrusted import printable


@dataclass(frozen=True)
class Listed:
    """A data set known by name. `folder`: of one that is here; `bytes`: to download, where known.

    `place`: the same in words, or what is wrong with what is there.
    """

    name: str
    aliases: tuple[str, ...]
    state: Literal["built in", "here", "to download", "not usable", "damaged"]
    place: str
    licence: str
    folder: Path | None = None
    bytes: int | None = None


def catalogue(data_dir: Path | None) -> list[Listed]:
    """Every data set known by name. Raises UserError for a `data_dir` that is not there."""
    check_data_dir(data_dir)
    return [_listed(entry, data_dir) for entry in CATALOGUE]


def catalogue_lines(data_dir: Path | None) -> Iterator[str]:
    """A line a data set: name, short names, where it is or how much there is to download, licence.

    Then what else may be named. Raises UserError as `catalogue` does.
    """
    for row in catalogue(data_dir):
        yield f"{row.name:<24}{', '.join(row.aliases):<26}{row.place} [{row.licence}]"
    for names in pairable():
        yield f"any two of {names}: as A-B"
    yield f"any two folders of classes: {SYNTAX}"


def as_json(data_dir: Path | None) -> dict[str, Any]:
    """`data_sets [{name, aliases, state, folder, bytes, licence, place}]`."""
    rows = [
        {**asdict(row), "folder": row.folder and str(row.folder)} for row in catalogue(data_dir)
    ]
    return {"data_sets": rows}


def _listed(entry: CatalogueEntry, data_dir: Path | None) -> Listed:
    known = partial(Listed, entry.name, entry.aliases, licence=entry.licence)
    if isinstance(entry.source, BuiltIn):
        return known("built in", "built in")
    try:
        if local := find_local(entry.name, data_dir):
            return known("here", str(local.folder), folder=local.folder)
        if isinstance(entry.source, Unusable):
            return known("not usable", f"not usable here: {entry.source.reason}")
        if isinstance(entry.source, Pair):
            return _pair(entry.source, data_dir, known)
    except UserError as error:
        return known("damaged", str(error))
    missing = (entry.source,)
    return known("to download", _to_download(missing), bytes=_size(missing))


def _pair(source: Pair, data_dir: Path | None, known: Callable[..., Listed]) -> Listed:
    folders = {name: find_single(name, data_dir) for name in (source.a, source.b)}
    place = ", ".join(
        f"{name}: {folder or _to_download(archives_of(name))}" for name, folder in folders.items()
    )
    missing = tuple(
        archive for name, folder in folders.items() if not folder for archive in archives_of(name)
    )
    if not missing:
        return known("here", place)
    return known("to download", place, bytes=_size(missing))


def _size(archives: tuple[Archive, ...]) -> int | None:
    """Bytes, None where one is not published."""
    known = all(archive.size for archive in archives)
    return sum(archive.size for archive in archives) if known else None


def _to_download(archives: tuple[Archive, ...]) -> str:
    size = _size(archives)
    return f"to download, {f'{size / 1e6:.0f} MB' if size else 'size not published'}"


def finding_lines(audit: Audit) -> Iterator[str]:
    """Image counts, then a line a finding."""
    yield "images: " + ", ".join(f"{split} {count}" for split, count in audit.counts.items())
    yield f"duplicates: {len(audit.duplicates)}"
    for pair in audit.duplicates:
        first, second = f"{pair.split}/{pair.name}", f"{pair.other_split}/{pair.other_name}"
        yield f"  {printable(first)} = {printable(second)}"
    yield f"greyscale: {len(audit.greyscale)}"
    for image in audit.greyscale:
        yield f"  {printable(f'{image.split}/{image.name}')}"
    yield f"unreadable (left out): {len(audit.unreadable)}"
    for file in audit.unreadable:
        yield f"  {printable(f'{file.split}/{file.name}: {file.problem}')}"
