"""How time and memory of a training step grow with its configuration: `cyclebench scaling`."""

from harness.scaling.page import write_page
from harness.scaling.run import Request, scale
from harness.scaling.screen import as_json, print_record

__all__ = ["Request", "as_json", "print_record", "scale", "write_page"]
