"""Do the printed intervals hold the truth? A simulation with populations whose truth is known.

`populations.py` makes features; `harness.statistics.intervals` has the printed intervals and
`candidates.py` those that are not printed. Studies (`*_studies.py`) put them together, `rows.py`
judges them, `simulate.py` runs it all.
"""
