"""How time and memory of a training step grow with its configuration: `cyclebench scaling`."""

from harness.studies.scaling.page import result, write_page
from harness.studies.scaling.run import Request, scale

__all__ = ["Request", "result", "scale", "write_page"]
