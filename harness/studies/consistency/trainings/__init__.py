"""Trainings to the end: seeds and verdicts, calibration, effect of a default on the scores."""
