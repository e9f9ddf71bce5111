"""Do all backends compute the same? A ladder of checks, from parameter names to training itself.

One state, one plan and one set of images go into every backend. A rung that is breached while
those below it hold says where to look. `ladder.py` is the ladder as data. Its checks measure with
the functions of the other modules, `adam.py` to `training.py`. `check.py` climbs it for one
experiment, with all backends at work at the same time (`together.py`), `covering_climb.py` for many
small ones (`covering.py`), which together have every option.
"""

from harness.studies.parity.check import check_parity, parity_record, write_parity
from harness.studies.parity.covering import has_covering
from harness.studies.parity.covering_climb import climb_covering
from harness.studies.parity.ladder import CHECKS, climb
from harness.studies.parity.parity_check import Rung
from harness.studies.parity.replicas import climb_replicas
from harness.studies.parity.rows import (
    ParityRow,
    as_json,
    print_experiments,
    print_rows,
    with_covering,
    write_document,
)

__all__ = [
    "CHECKS",
    "ParityRow",
    "Rung",
    "as_json",
    "check_parity",
    "climb",
    "climb_covering",
    "climb_replicas",
    "has_covering",
    "parity_record",
    "print_experiments",
    "print_rows",
    "with_covering",
    "write_document",
    "write_parity",
]
