"""Folders of one experiment, from several machines, days or seeds, as one."""

from harness.tools.merge.folder import check_target, default_folder, merge
from harness.tools.merge.places import Placed, place
from harness.tools.merge.sources import Source, read_sources

__all__ = [
    "Placed",
    "Source",
    "check_target",
    "default_folder",
    "merge",
    "place",
    "read_sources",
]
