"""The machine and its files, for everything above."""
