"""Two backends timed against each other, without data sets or trainings: `cyclebench bench`.

Nothing is imported here: what a timed process need not load does not count as its memory.
"""
