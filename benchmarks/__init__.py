"""How fast are the harness's own hot paths, and how much memory do they take?

`hot_paths.py` has the benchmarks and how large they are, `measure.py` measures one, `suite.py` runs
each of them in a process of its own, so that the memory of one does not hide that of another.
"""
