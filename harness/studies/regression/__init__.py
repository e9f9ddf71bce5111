"""Has anything become slower or worse since a baseline? `cyclebench regress`."""

from harness.studies.regression.comparison import Limits, compare
from harness.studies.regression.history import against_history
from harness.studies.regression.measurement import read_measured
from harness.studies.regression.show import as_json, print_comparison

__all__ = ["Limits", "against_history", "as_json", "compare", "print_comparison", "read_measured"]
