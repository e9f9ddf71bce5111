"""What timed blocks show, on series of which it is known."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from harness.bench.blocks import cold_blocks, drift, more_pairs, outliers, width
from harness.bench.record import (
    Record,
    Side,
    agrees_with_itself,
    print_record,
    sentences,
    write_record,
)
from harness.compare import Machine
from harness.config import load_experiment
from harness.statistics import Interval, ratio_interval


def noisy(count, centre=1.0, spread=0.01, seed=0):
    return centre + spread * np.random.default_rng(seed).standard_normal(count)


# --------------------------------------------------------------------------------- the series


def test_a_slow_start_is_cold_and_a_late_hiccup_is_not():
    assert cold_blocks(noisy(20)) == 0
    assert cold_blocks(np.concatenate([[3.0, 2.0, 1.3], noisy(17)])) == 3
    hiccup = noisy(20)
    hiccup[10] = 4.0
    assert cold_blocks(hiccup) == 0
    assert cold_blocks(np.linspace(9, 1, 20)) == 10, "never settled: half, and the rest is shown"


def test_drift_is_seen_where_it_is_and_not_where_it_is_not():
    steady = drift(noisy(40))
    assert not steady.certain and abs(steady.change.value) < 0.02
    rising = drift(noisy(40) + np.linspace(0, 0.2, 40))
    assert rising.certain and rising.change.value == pytest.approx(0.2 / 1.1, abs=0.03)
    spiky = noisy(40)
    spiky[[3, 17, 30]] = 9.0
    assert not drift(spiky).certain
    assert drift(noisy(3)).change.value is None


def test_outliers_are_blocks_far_above_and_never_below():
    times = noisy(40)
    times[5], times[6] = 2.0, 0.1
    assert outliers(times) == 1
    assert outliers(times[:3]) == 0


def test_an_interval_narrows_with_the_square_root_of_the_pairs():
    ratio = Interval.of(1.0, 0.9, 1.1)
    assert width(ratio) == pytest.approx(0.2)
    assert more_pairs(ratio, 10, 0.1) in (30, 31)
    assert more_pairs(ratio, 10, 0.5) == 0
    assert width(Interval.of(1.0)) == np.inf and more_pairs(Interval.of(1.0), 2, 0.1) >= 1
    # The promise, on real series: four times the pairs, half the width.
    few, many = (
        width(ratio_interval(noisy(n, seed=1), noisy(n, seed=2))) for n in (50, 50 * 4)
    )  # fmt: skip
    assert many == pytest.approx(few / 2, rel=0.35)


# --------------------------------------------------------------------------------- the record


def side(name, framework, blocks, peak=1e11):
    begin = {
        "setup_seconds": 1.0,
        "environment": {"framework": framework},
        "flops_per_step": 10**10,
        "matrix_peak": peak,
    }
    return Side(name, begin, 2.5, tuple(blocks), {"bytes": 2**30, "kind": "resident"})


def record(first, second, names=("torch", "tf"), cold=0):
    experiment, machine = load_experiment(None, "smoke", []), Machine("cpu", "a machine", 2)
    frameworks = {"torch": "PyTorch", "tf": "TensorFlow"}
    sides = (side(n, frameworks[n], b, p) for n, b, p in
             zip(names, (first, second), (1e11, 2e11), strict=True))  # fmt: skip
    return Record(experiment, machine, 5, cold, *sides)


def test_the_ratio_is_the_second_over_the_first_without_cold_pairs():
    one = record([9.0, *noisy(30)], [1.0, *noisy(30, 1.2, seed=1)], cold=1)
    assert one.ratio.value == pytest.approx(1.2, rel=0.01) and one.pairs == 30
    (answer, order) = sentences(one, 0.05)
    assert answer.startswith("TensorFlow takes 1.") and answer.endswith("as long as PyTorch.")
    assert "Pairs that the first began: 1." in order


def test_each_order_has_a_ratio_of_its_own():
    """Who comes second in a pair may suffer from who was first."""
    second = np.where(np.arange(20) % 2 == 0, 1.5, 1.1)
    assert record(np.ones(20), second).by_order() == pytest.approx((1.5, 1.1))
    assert record([9, *np.ones(20)], [9, *second], cold=1).by_order() == pytest.approx((1.1, 1.5))


def test_no_ratio_is_shown_that_is_not_known_well_enough():
    loose = record(noisy(14, spread=0.2), noisy(14, spread=0.2, seed=1))
    (line,) = sentences(loose, 0.05)
    assert "No ratio" in line and "wider than 5 %" in line and "more pairs" in line
    assert str(loose.ratio.value)[:5] not in line


def test_a_backend_against_itself_must_cover_one():
    names = ("torch", "torch")
    healthy = record(noisy(40), noisy(40, seed=1), names)
    assert agrees_with_itself(healthy) and "covers 1, as it should" in sentences(healthy, 0.05)[0]
    ill = record(noisy(40), noisy(40, 1.1, seed=1), names)
    assert not agrees_with_itself(ill) and "does not cover 1" in sentences(ill, 0.05)[0]


def test_the_table_gives_the_share_of_the_faster_frameworks_peak(tmp_path):
    one = record(noisy(20, 0.1, 1e-4), noisy(20, 0.2, 1e-4, 1))
    out = io.StringIO()
    print_record(one, 0.05, Console(file=out, width=160))
    text = out.getvalue()
    row = next(line for line in text.splitlines() if "matrix peak" in line)
    assert "200 GFLOP/s" in row and "50 %" in row and "25 %" in row
    assert "1,024 MiB resident" in text and "2.50 s" in text
    write_record(one, tmp_path / "bench" / "a.json")
    found = json.loads((tmp_path / "bench" / "a.json").read_text())
    assert found["ratio"]["value"] == pytest.approx(2.0, rel=0.01)
    assert len(found["sides"][0]["seconds_per_step"]) == 20
    assert found["sides"][1]["backend"] == "tf" and found["device"] == "a machine"


def test_a_record_without_enough_pairs_has_no_bounds_to_write(tmp_path):
    few = record(np.ones(3), np.ones(3))
    write_record(replace(few, cold=0), tmp_path / "a.json")
    found = json.loads((tmp_path / "a.json").read_text())["ratio"]
    assert found == {"value": 1.0, "low": None, "high": None}
