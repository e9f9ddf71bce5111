"""Effects of defaults on final scores, and verdicts over seeds, from made-up scores."""

import numpy as np
import pytest
from scipy import stats

from harness.config.metric_table import BY_NAME
from harness.statistics.equivalence import Margin
from harness.studies.consistency.scores import (
    Subject,
    final_scores,
    score_effects,
    seed_rows,
    two_sample_interval,
)
from harness.system.files import write_json

KID, PSNR = (Subject(BY_NAME[name], "ab") for name in ("kid_efflite0", "cycle_psnr"))


def by_seed(values):
    return dict(enumerate(float(value) for value in values))


@pytest.mark.parametrize("x", [[4.0, 5.0, 6.0], [4.9, 5.0, 5.1]])
def test_unless_spread_wider_it_is_the_two_sample_t_interval_of_textbooks(x):
    y = [1.0, 2.0, 3.0, 1.0, 3.0]
    known = stats.ttest_ind(x, y).confidence_interval(0.95)
    got = two_sample_interval(x, y, 0.95)
    assert (got.low, got.high) == pytest.approx((known.low, known.high))


def test_bounds_hold_for_many_claims_at_once_when_nothing_is_there():
    rng = np.random.default_rng(0)
    claims, wrong = 20, 0
    for _ in range(150):
        reference = rng.normal(size=20)
        intervals = [
            two_sample_interval(rng.normal(size=3), reference, 1 - 0.05 / claims)
            for _ in range(claims)
        ]
        wrong += any(not one.low <= 0 <= one.high for one in intervals)
    assert wrong / 150 <= 0.08


def test_more_claims_widen_the_bounds():
    rng = np.random.default_rng(3)
    reference, default = {KID: by_seed(rng.normal(size=20))}, {KID: by_seed(rng.normal(size=3))}
    one, many = (score_effects(default, reference, {KID: 1.0}, claims)[0] for claims in (1, 200))
    widths = [each.in_deviations.high - each.in_deviations.low for each in (one, many)]
    assert widths[1] > 1.5 * widths[0]


def test_an_erratic_default_gets_a_wide_interval():
    rng = np.random.default_rng(1)
    reference = rng.normal(size=40)
    calm, erratic = ([9, 10, 11], [0, 10, 20])
    widths = [two_sample_interval(x, reference, 0.95) for x in (calm, erratic)]
    assert widths[1].high - widths[1].low > 5 * (widths[0].high - widths[0].low)


def test_two_runs_have_a_value_and_no_bounds_and_none_has_nothing():
    assert two_sample_interval([1.0, 2.0], [0.0, 0.0, 0.0], 0.95).low is None
    assert two_sample_interval([1.0, 2.0], [0.0, 0.0, 0.0], 0.95).value == 1.5
    assert two_sample_interval([], [0.0], 0.95).value is None


def test_the_unit_is_the_seed_deviation_and_the_surest_effect_comes_first():
    rng = np.random.default_rng(2)
    reference = {KID: by_seed(rng.normal(0, 0.001, 20)), PSNR: by_seed(rng.normal(20, 0.5, 20))}
    default = {KID: by_seed([0.02, 0.0201, 0.0199]), PSNR: by_seed([-80.0, 120.0, 100.0])}
    units = {KID: 0.001, PSNR: 0.5}
    first, second = score_effects(default, reference, units, claims=2)
    assert (first.subject, second.subject) == (KID, PSNR)
    assert first.distinct and not second.distinct and second.size > first.size
    assert first.in_deviations.value == pytest.approx(20, abs=1)
    assert first.difference.value == pytest.approx(0.02, abs=0.001)


def test_scores_of_the_last_step_by_seed_and_their_paired_differences(tmp_path):
    def score(backend, seed, step, value):
        key = {"metric": "cycle_psnr", "direction": "ab", "backend": backend}
        return {**key, "seed": seed, "step": step, "value": value}

    rows = [score("torch", seed, 9, 20.0 + seed) for seed in range(5)]
    rows += [score("tf", seed, 9, 19.9 + seed) for seed in (4, 3, 2)]
    rows += [score("torch", 0, 0, 5.0), score("tf", 1, 9, None)]
    rows.append(score("torch", 0, 9, 0.03) | {"metric": "kid_efflite0"})
    write_json(tmp_path / "metrics.json", {"scores": rows})
    write_json(tmp_path / "experiment.json", {"configuration": {"evaluation": {"reals": "both"}}})
    scores = {name: final_scores(tmp_path, name) for name in ("torch", "tf")}
    assert scores["torch"][PSNR] == {seed: 20.0 + seed for seed in range(5)}
    titles = {subject.metric.title for subject in scores["torch"]}
    assert titles == {"Cycle PSNR", "KID-EffLite0 against training and test images"}
    [row] = seed_rows(scores, {"cycle_psnr": Margin(0.5)})
    assert row.differences == pytest.approx({2: 0.1, 3: 0.1, 4: 0.1})
    assert row.verdict.label == "equivalent" and row.backends == ("torch", "tf")
    assert final_scores(tmp_path / "nowhere", "tf") == {}
