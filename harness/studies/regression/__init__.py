"""Has anything become slower or worse since a baseline? `cyclebench regress`."""

from harness.studies.regression.comparison import Comparison, Limits, compare
from harness.studies.regression.experiments import read_measured
from harness.studies.regression.measured import Measurement
from harness.studies.regression.show import as_json, print_comparison

__all__ = [
    "Comparison",
    "Limits",
    "Measurement",
    "as_json",
    "compare",
    "print_comparison",
    "read_measured",
]
