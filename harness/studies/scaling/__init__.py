"""How time and memory of a training step grow with its configuration: `cyclebench scaling`."""

from harness.studies.scaling.page import write_page
from harness.studies.scaling.run import Request, scale
from harness.studies.scaling.screen import as_json, print_record

__all__ = ["Request", "as_json", "print_record", "scale", "write_page"]
