"""How time and memory of a training step grow with its configuration: `cyclebench scaling`."""

from harness.studies.scaling.page import as_json, print_record, write_page
from harness.studies.scaling.run import Request, scale

__all__ = ["Request", "as_json", "print_record", "scale", "write_page"]
