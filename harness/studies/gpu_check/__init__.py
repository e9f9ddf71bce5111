"""The first minutes on a new GPU machine: does everything run there, is it right, how fast is it?

`measure.py` has the pieces, each with a time limit of its own: what fails is recorded, and the next
one begins. `record.py` is what they found, `page.py` shows it.
"""
