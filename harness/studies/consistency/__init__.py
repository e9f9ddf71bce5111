"""Is the difference between backends more than noise? `cyclebench consistency`.

- Trajectories, followed step by step: `trajectory` (the process that trains), `launch`,
  `divergence` between backends, its noise `floor`, and `effects` of the `defaults`.
- Trainings to the end: `runs`, their `scores`, and the `calibration` of the verdict.
- The page: `findings`, `answers`, `tables`, `figures`, `page`.

`study` does all of it.
"""
