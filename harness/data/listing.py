"""Catalogue and audit as lines for a terminal, and the catalogue as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from harness.data.catalogue import CATALOGUE, BuiltIn, CatalogueEntry, Pair, Unusable
from harness.data.find_layout import TWO_FOLDERS
from harness.data.find_local import check_data_dir, find_local
from harness.data.manifest import Audit
from harness.data.pairs import find_single
from harness.data.sources import SINGLES, Archive, pairable
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
    yield f"any two folders of images: {TWO_FOLDERS}"


def as_json(data_dir: Path | None) -> dict[str, Any]:
    """`data_sets [{name, aliases, state, folder, bytes, licence, place}]`."""
    rows = [
        {**asdict(row), "folder": row.folder and str(row.folder)} for row in catalogue(data_dir)
    ]
    return {"data_sets": rows}


def _listed(entry: CatalogueEntry, data_dir: Path | None) -> Listed:
    listed = partial(Listed, entry.name, entry.aliases, licence=entry.licence)
    if isinstance(entry.source, BuiltIn):
        return listed("built in", "built in")
    try:
        if local := find_local(entry.name, data_dir):
            return listed("here", str(local.path), folder=local.path)
        if isinstance(entry.source, Unusable):
            return listed("not usable", f"not usable here: {entry.source.reason}")
        if not isinstance(entry.source, Pair):
            size, words = _to_download((entry.source,))
            return listed("to download", words, bytes=size)
        # Either set of a pair may be here.
        places: list[str] = []
        missing: list[Archive] = []
        for name in (entry.source.a, entry.source.b):
            folder, archives = find_single(name, data_dir), SINGLES[name].archives
            places.append(f"{name}: {folder or _to_download(archives)[1]}")
            missing += [] if folder else archives
    except UserError as error:
        return listed("damaged", str(error))
    if not missing:
        return listed("here", ", ".join(places))
    return listed("to download", ", ".join(places), bytes=_to_download(missing)[0])


def _to_download(archives: Sequence[Archive]) -> tuple[int | None, str]:
    """Bytes, None where the size of one is not published; and in words."""
    sizes = [archive.size for archive in archives]
    size = sum(sizes) if all(sizes) else None
    return size, f"to download, {f'{size / 1e6:.0f} MB' if size else 'size not published'}"


def finding_lines(audit: Audit) -> Iterator[str]:
    """Image counts, then a line a finding."""
    yield "images: " + ", ".join(f"{split} {count}" for split, count in audit.counts.items())
    yield f"duplicates: {len(audit.duplicates)}"
    for pair in audit.duplicates:
        first, second = f"{pair.split}/{pair.name}", f"{pair.other_split}/{pair.other_name}"
        yield f"  {printable(first)} = {printable(second)}"
    for title, images in (
        ("greyscale", audit.greyscale),
        ("turned by a camera's mark, which is not followed", audit.turned),
    ):
        yield f"{title}: {len(images)}"
        for image in images:
            yield f"  {printable(f'{image.split}/{image.name}')}"
    yield f"left out: {len(audit.unreadable)}"
    for file in audit.unreadable:
        yield f"  {printable(f'{file.split}/{file.name}: {file.problem}')}"
