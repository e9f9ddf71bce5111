"""What timed blocks show, on series of which it is known."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from rich.console import Console

from harness.bench.blocks import cold_blocks, drift, more_starts, outliers, over_starts, width
from harness.bench.record import (
    Record,
    Side,
    Start,
    agrees_with_itself,
    print_record,
    sentences,
    write_record,
)
from harness.compare import Machine
from harness.config import load_experiment
from harness.statistics import Interval


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


def test_a_ratio_over_starts_knows_how_starts_differ():
    """Processes differ by 2 %: no number of blocks of one start would tell."""
    draw = np.random.default_rng(0)
    found = [over_starts(np.exp(draw.normal(np.log(1.3), 0.02, 6))) for _ in range(400)]
    covered = np.mean([each.low <= 1.3 <= each.high for each in found])
    assert 0.92 <= covered <= 0.98
    assert over_starts([1.1, 1.2]).low is None, "two starts give no interval"
    # How many times as long, and its inverse: the same answer.
    ratios = [1.1, 1.2, 1.35]
    there, back = over_starts(ratios), over_starts([1 / each for each in ratios])
    assert there.value * back.value == pytest.approx(1) and there.low * back.high == pytest.approx(
        1
    )


def test_more_starts_are_asked_for_until_the_interval_would_be_narrow_enough():
    ratio = over_starts([1.0, 1.1, 1.2, 1.05])
    more = more_starts(ratio, 4, 0.05)
    assert more > 10 and more_starts(ratio, 4, 0.5) == 0
    assert more_starts(ratio, 4, 0.1) < more
    assert width(Interval.of(1.0)) == np.inf and more_starts(Interval.of(1.0), 1, 0.1) == 2


# --------------------------------------------------------------------------------- the record


def side(name, framework, blocks, peak=1e11):
    begin = {
        "setup_seconds": 1.0,
        "environment": {"framework": framework},
        "flops_per_step": 10**10,
        "matrix_peak": peak,
    }
    return Side(name, begin, 2.5, tuple(blocks), {"bytes": 2**30, "kind": "resident"})


def record(*starts, names=("torch", "tf"), cold=0):
    """`starts`: seconds of the first's and the second's blocks."""
    frameworks = {"torch": "PyTorch", "tf": "TensorFlow"}
    made = [
        Start(number, 5, cold, *(
            side(name, frameworks[name], blocks, peak)
            for name, blocks, peak in zip(names, pair, (1e11, 2e11), strict=True)
        ))
        for number, pair in enumerate(starts)
    ]  # fmt: skip
    return Record(load_experiment(None, "smoke", []), Machine("cpu", "a machine", 2), tuple(made))


def several(second, names=("torch", "tf"), spread=0.005, starts=5):
    """Starts of which the second takes about `second` times as long."""
    draw = np.random.default_rng(0)
    return record(
        *((noisy(8, 1.0, spread, i), noisy(8, second * draw.normal(1, spread), spread, 50 + i))
          for i in range(starts)), names=names,
    )  # fmt: skip


def test_the_ratio_is_the_second_over_the_first_without_cold_pairs():
    one = record(*[([9.0, *noisy(8, seed=i)], [1.0, *noisy(8, 1.2, seed=i)]) for i in range(4)],
                 cold=1)  # fmt: skip
    assert one.ratio.value == pytest.approx(1.2, rel=0.01) and len(one.warm(0)) == 32
    (answer, order) = sentences(one, 0.05)
    assert answer.startswith("TensorFlow takes 1.") and answer.endswith("as long as PyTorch.")
    assert "Pairs that the first began: 1." in order


def test_each_order_has_a_ratio_of_its_own():
    """Who comes second in a pair may suffer from who was first."""
    even, odd = np.arange(8) % 2 == 0, np.arange(8) % 2 == 1
    pairs = [(np.ones(8), np.where(even, 1.5, 1.1)), (np.ones(8), np.where(odd, 1.5, 1.1))]
    assert record(*pairs).by_order() == pytest.approx((1.5, 1.1))
    shifted = [([9, *first], [9, *second]) for first, second in reversed(pairs)]
    assert record(*shifted, cold=1).by_order() == pytest.approx((1.5, 1.1))


def test_no_ratio_is_shown_that_is_not_known_well_enough():
    loose = several(1.3, spread=0.2)
    (line,) = sentences(loose, 0.05)
    assert "No ratio" in line and "wider than 5 %" in line and "more starts" in line
    assert str(loose.ratio.value)[:5] not in line


def test_a_backend_against_itself_must_cover_one():
    names = ("torch", "torch")
    healthy = several(1.0, names)
    assert agrees_with_itself(healthy) and "covers 1, as it should" in sentences(healthy, 0.05)[0]
    ill = several(1.1, names)
    assert not agrees_with_itself(ill) and "does not cover 1" in sentences(ill, 0.05)[0]
    assert not agrees_with_itself(several(1.0, names, starts=2)), "unknown is not yes"


def test_the_table_gives_the_share_of_the_faster_frameworks_peak(tmp_path):
    one = record(*[(noisy(8, 0.1, 1e-4, i), noisy(8, 0.2, 1e-4, 9 + i)) for i in range(3)])
    out = io.StringIO()
    print_record(one, 0.05, Console(file=out, width=160))
    text = out.getvalue()
    row = next(line for line in text.splitlines() if "matrix peak" in line)
    assert "200 GFLOP/s" in row and "50 %" in row and "25 %" in row
    assert "1,024 MiB resident" in text and "2.50 s" in text and "3 starts" in text
    write_record(one, tmp_path / "bench" / "a.json")
    found = json.loads((tmp_path / "bench" / "a.json").read_text())
    assert found["ratio"]["value"] == pytest.approx(2.0, rel=0.01)
    assert len(found["starts"]) == 3 and found["device"] == "a machine"
    assert found["starts"][0]["sides"][1]["backend"] == "tf"
    assert len(found["starts"][2]["sides"][0]["seconds_per_step"]) == 8


def test_a_record_of_one_start_has_no_bounds_to_write(tmp_path):
    write_record(record((np.ones(3), np.ones(3))), tmp_path / "a.json")
    found = json.loads((tmp_path / "a.json").read_text())["ratio"]
    assert found == {"value": 1.0, "low": None, "high": None}
