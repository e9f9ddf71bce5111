"""The table: mistakes planted one at a time in `harness/`, and the check that has to name each."""

from __future__ import annotations

from defects_of_data import CHOICES, DATA
from defects_of_training import BLOCKS, EVALUATIONS, RECORDS

DEFECTS = [*DATA, *CHOICES, *EVALUATIONS, *BLOCKS, *RECORDS]
