"""Trainings followed step by step: divergence, noise floor, effect of a default on a step."""
