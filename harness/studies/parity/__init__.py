"""Do all backends compute the same? A ladder of checks, from parameter names to training itself.

One state, one plan and one set of images go into every backend. A rung that is breached while
those below it hold says where to look. `ladder.py` is the ladder as data. Its checks measure with
the functions in `adam.py`, `gradients.py`, `losses.py`, `networks.py` and `training.py`; `check.py`
climbs it for one experiment, with all backends at work at the same time (`together.py`).
"""

from harness.studies.parity.check import check_parity, parity_record, write_parity
from harness.studies.parity.ladder import CHECKS, Rung, climb
from harness.studies.parity.rows import ParityRow, as_json, print_rows, write_rows

__all__ = [
    "CHECKS",
    "ParityRow",
    "Rung",
    "as_json",
    "check_parity",
    "climb",
    "parity_record",
    "print_rows",
    "write_parity",
    "write_rows",
]
