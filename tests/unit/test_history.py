import numpy as np
import pytest

from backends.objective import LOSS_TERMS, RECORDED, Objective
from harness.training.loss_history import History

STEPS, PER_EPOCH = 23, 5
OBJECTIVE = Objective(lambda_a=3.0, lambda_b=5.0, identity=0.25)
WEIGHTS = OBJECTIVE.weights
LOSSES = np.random.default_rng(0).random((STEPS, len(RECORDED))).astype(np.float32)


def history(*cuts: int) -> History:
    made = History(STEPS, PER_EPOCH, OBJECTIVE)
    for part in np.split(LOSSES, cuts):
        made.add(part)
    return made


@pytest.mark.parametrize("cuts", [(), (3, 4, 17), range(1, STEPS)], ids=["one", "some", "all"])
def test_what_was_added_in_parts_is_what_was_added_at_once(cuts):
    made = history(*cuts)
    assert made.rows.dtype == np.float32 and np.array_equal(made.rows, LOSSES)
    assert made.epoch_means == history().epoch_means


def test_an_epoch_counts_when_it_is_whole_and_by_what_generators_minimise():
    generators = [i for i, term in enumerate(LOSS_TERMS) if "discriminator" not in term]
    total = LOSSES[:, generators] @ np.array([WEIGHTS[LOSS_TERMS[i]] for i in generators])
    means = total[:20].reshape(4, PER_EPOCH).mean(1)
    assert history().epoch_means == pytest.approx(means, rel=1e-12)


def test_rows_that_were_taken_stay_what_they_were():
    made = History(STEPS, PER_EPOCH, OBJECTIVE)
    made.add(LOSSES[:7])
    rows = made.rows
    made.add(LOSSES[7:].astype(np.float64))
    assert np.array_equal(rows, LOSSES[:7])
    assert made.rows.dtype == np.float64 and np.array_equal(made.rows, LOSSES)
