"""Folders of one experiment, from several machines, days or seeds, as one."""

from harness.tools.merge.folder import check_target, default_folder, merge
from harness.tools.merge.sources import read_sources

__all__ = ["check_target", "default_folder", "merge", "read_sources"]
