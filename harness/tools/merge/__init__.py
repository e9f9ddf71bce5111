"""Folders of one experiment, from several machines, days or seeds, as one."""

from harness.tools.merge.folder import check_target, default_folder, merge
from harness.tools.merge.run_placement import PlacedRun, place
from harness.tools.merge.sources import MergeSource, read_sources

__all__ = [
    "MergeSource",
    "PlacedRun",
    "check_target",
    "default_folder",
    "merge",
    "place",
    "read_sources",
]
