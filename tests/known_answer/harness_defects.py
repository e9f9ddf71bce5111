"""The table: mistakes planted one at a time in `harness/`, and the check that has to name each."""

from __future__ import annotations

from defects_of_data import CHOICES, DATA
from defects_of_pictures import FIGURES, IMAGES
from defects_of_reports import STATISTICS, TIMES
from defects_of_scores import ARRAYS, OTHERS, REFERENCES
from defects_of_sentences import SENTENCES
from defects_of_training import BLOCKS, EVALUATIONS, RECORDS

OF_TRAINING = [*DATA, *CHOICES, *EVALUATIONS, *BLOCKS, *RECORDS]
OF_SCORES = [*ARRAYS, *REFERENCES, *OTHERS]
OF_REPORTS = [*STATISTICS, *TIMES, *SENTENCES, *FIGURES, *IMAGES]
DEFECTS = [*OF_TRAINING, *OF_SCORES, *OF_REPORTS]
