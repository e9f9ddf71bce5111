"""Intervals, equivalence and timed blocks."""
