"""Catalogue and audit as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.datasets.audit import Audit
from harness.datasets.catalogue import CATALOGUE, Archive, BuiltIn, Entry, Pair, Unusable
from harness.datasets.class_pairs import SYNTAX
from harness.datasets.local import check_data_dir, find_local
from harness.datasets.pairs import archives_of, find_single
from harness.datasets.singles import pairable
from harness.errors import UserError
from harness.untrusted import printable


def catalogue_lines(data_dir: Path | None) -> Iterator[str]:
    """A line a data set: name, short names, where it is or how much there is to download, licence.

    Then what else may be named.
    Raises UserError for a `data_dir` that is not there; what else is wrong is told in its line.
    """
    check_data_dir(data_dir)
    for entry in CATALOGUE:
        try:
            place = _place(entry, data_dir)
        except UserError as error:
            place = str(error)
        yield f"{entry.name:<24}{', '.join(entry.aliases):<26}{place} [{entry.licence}]"
    for names in pairable():
        yield f"any two of {names}: as A-B"
    yield f"any two folders of classes: {SYNTAX}"


def _place(entry: Entry, data_dir: Path | None) -> str:
    if isinstance(entry.source, BuiltIn):
        return "built in"
    if local := find_local(entry.name, data_dir):
        return str(local.folder)
    if isinstance(entry.source, Unusable):
        return f"not usable here: {entry.source.reason}"
    if isinstance(entry.source, Pair):
        singles = (entry.source.a, entry.source.b)
        return ", ".join(f"{name}: {_place_of_single(name, data_dir)}" for name in singles)
    return _to_download((entry.source,))


def _place_of_single(name: str, data_dir: Path | None) -> str:
    found = find_single(name, data_dir)
    return str(found) if found else _to_download(archives_of(name))


def _to_download(archives: tuple[Archive, ...]) -> str:
    known = all(archive.size for archive in archives)
    size = f"{sum(archive.size for archive in archives) / 1e6:.0f} MB"
    return f"to download, {size if known else 'size not published'}"


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
