"""From a plan to a finished run: jobs, turns, the worker, checkpoints, clocks."""
