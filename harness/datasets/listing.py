"""Catalogue and audit as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.datasets.audit import Audit
from harness.datasets.catalogue import CATALOGUE, Archive
from harness.datasets.locate import find_local


def catalogue_lines(data_dir: Path | None) -> Iterator[str]:
    """A line a data set: name, short names, where it is or how much there is to download."""
    for entry in CATALOGUE:
        if not isinstance(entry.source, Archive):
            place = "built in"
        elif local := find_local(entry.name, data_dir):
            place = str(local.folder)
        else:
            place = f"to download, {entry.source.size / 1e6:.0f} MB"
        yield f"{entry.name:<24}{', '.join(entry.aliases):<20}{place}"


def finding_lines(audit: Audit) -> Iterator[str]:
    """Image counts, then a line a finding."""
    yield "images: " + ", ".join(f"{split} {count}" for split, count in audit.counts.items())
    yield f"duplicates: {len(audit.duplicates)}"
    for pair in audit.duplicates:
        yield f"  {pair.split}/{pair.name} = {pair.other_split}/{pair.other_name}"
    yield f"greyscale: {len(audit.greyscale)}"
    for image in audit.greyscale:
        yield f"  {image.split}/{image.name}"
    yield f"unreadable (left out): {len(audit.unreadable)}"
    for file in audit.unreadable:
        yield f"  {file.split}/{file.name}: {file.problem}"
