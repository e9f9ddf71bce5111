"""How fast are the harness's own hot paths, and how much memory do they take?

`sizes.py` says how large; each of `plan.py`, `cache.py`, `recording.py`, `scores.py`, `features.py`
and `report.py` has benchmarks; `measure.py` runs one, `suite.py` each of them in a process of its
own, so that the memory of one does not hide that of another; `rows.py` shows what came out.
"""

from benchmarks.rows import Row, as_json, print_rows, write_rows
from benchmarks.suite import run_benchmarks

__all__ = ["Row", "as_json", "print_rows", "run_benchmarks", "write_rows"]
