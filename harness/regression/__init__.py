"""Has anything become slower or worse since a baseline? `cyclebench regress`."""

from harness.regression.comparison import Comparison, Limits, compare
from harness.regression.experiments import read_measured
from harness.regression.measured import Measured
from harness.regression.show import as_json, print_comparison

__all__ = [
    "Comparison",
    "Limits",
    "Measured",
    "as_json",
    "compare",
    "print_comparison",
    "read_measured",
]
