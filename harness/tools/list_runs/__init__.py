"""What a results folder holds, and how far each of its runs is: `cyclebench list`."""

from harness.tools.list_runs.find import overview
from harness.tools.list_runs.show import as_json, print_folders

__all__ = ["as_json", "overview", "print_folders"]
