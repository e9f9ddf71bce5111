"""A third implementation of training: slow, float64, on the CPU, and meant to be obviously right.

It is written from docs/conventions.md, the CycleGAN paper and the documentation of the options. It
takes the configuration itself, not what the backends are given, and nothing else of `backends` but
the names of arrays in a state and the Batch. Both backends are held to it, because two that agree
could agree on a mistake.
"""
