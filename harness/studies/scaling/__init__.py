"""How time and memory of a training step grow with its configuration: `cyclebench scaling`."""

from harness.studies.scaling.page import result, write_page
from harness.studies.scaling.run import ScalingRequest, scale

__all__ = ["ScalingRequest", "result", "scale", "write_page"]
