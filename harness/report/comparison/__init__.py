"""Tables, plots and pages of an experiment folder: a pure function of its files."""

from harness.report.comparison.write import write_report

__all__ = ["write_report"]
