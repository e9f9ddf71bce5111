"""What a results folder holds, and how far each of its runs is: `cyclebench list`."""

from harness.overview.find import overview
from harness.overview.show import as_json, print_folders

__all__ = ["as_json", "overview", "print_folders"]
