"""Do the printed intervals hold the truth? A simulation with populations whose truth is known.

`populations.py` and `samples.py` make the data,
`harness.statistics.intervals` the printed intervals,
`candidates.py` those that are not printed. Studies (`*_studies.py`) put them together; `rows.py`
judges them; `simulate.py` runs it all.
"""

from benchmarks.coverage.rows import Row, as_json, print_rows, write_rows
from benchmarks.coverage.simulate import calibrate

__all__ = ["Row", "as_json", "calibrate", "print_rows", "write_rows"]
