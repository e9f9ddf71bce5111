"""Folders of one experiment, from several machines, days or seeds, as one."""

from harness.merging.folder import check_target, default_folder, merge
from harness.merging.places import Placed, place
from harness.merging.sources import Source, read_sources

__all__ = [
    "Placed",
    "Source",
    "check_target",
    "default_folder",
    "merge",
    "place",
    "read_sources",
]
