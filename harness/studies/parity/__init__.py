"""Do all backends compute the same? A ladder of checks, from parameter names to training itself.

One state, one plan and one set of images go into every backend. A rung that is breached while
those below it hold says where to look. `ladder.py` is the ladder as data. Its checks measure with
the functions in `adam.py`, `gradients.py`, `losses.py`, `networks.py` and `training.py`.
"""

from harness.studies.parity.ladder import (
    CHECKS,
    ParityRow,
    Rung,
    as_json,
    check_parity,
    climb,
    print_rows,
    write_rows,
)

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
