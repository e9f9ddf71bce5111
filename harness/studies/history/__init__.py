"""Measurements in short: one entry for a comparison or a bench, to be kept for years."""
