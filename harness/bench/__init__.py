"""Two backends timed against each other, without data sets or trainings: `cyclebench bench`."""

from harness.bench.record import agrees_with_itself, print_record, write_record
from harness.bench.run import Request, bench

__all__ = ["Request", "agrees_with_itself", "bench", "print_record", "write_record"]
