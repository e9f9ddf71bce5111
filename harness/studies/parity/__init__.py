"""Do all backends compute the same? A ladder of checks, from parameter names to training itself.

One state, one plan and one set of images go into every backend. A rung breached while the ones
below it hold says where to look. `ladder.py` is the ladder as data; every other module here holds
what its checks measure, one function each.
"""

from harness.studies.parity.ladder import CHECKS, Rung, check_parity, climb
from harness.studies.parity.rows import ParityRow, as_json, print_rows, write_rows

__all__ = [
    "CHECKS",
    "ParityRow",
    "Rung",
    "as_json",
    "check_parity",
    "climb",
    "print_rows",
    "write_rows",
]
