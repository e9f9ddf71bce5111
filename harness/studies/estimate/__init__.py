"""How long a comparison takes on this machine, told from a short calibration: `estimate`."""

from harness.studies.estimate.check import Recorded, check, check_json, print_check, read_recorded
from harness.studies.estimate.counts import count_images, given_images
from harness.studies.estimate.estimate import Request, estimate
from harness.studies.estimate.predict import Estimate
from harness.studies.estimate.price import Price, read_price
from harness.studies.estimate.show import as_json, print_estimate, total_line
from harness.studies.estimate.work import Work

__all__ = [
    "Estimate",
    "Price",
    "Recorded",
    "Request",
    "Work",
    "as_json",
    "check",
    "check_json",
    "count_images",
    "estimate",
    "given_images",
    "print_check",
    "print_estimate",
    "read_price",
    "read_recorded",
    "total_line",
]
