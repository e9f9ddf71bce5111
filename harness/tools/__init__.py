"""What helps around trainings: a machine examined, models used, results merged and verified."""
