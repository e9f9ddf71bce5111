"""What timed blocks show, and what a record comes to: ratio, shares of a device, the screen."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bench_records import noisy, record, several, with_sides
from rich.console import Console

from backends.cost import Cost
from backends.interface import Peaks
from harness.statistics.intervals import LEAST_STARTS, Interval, over_starts
from harness.statistics.timed_blocks import (
    MOST_STARTS,
    Drift,
    cold_blocks,
    drift,
    more_starts,
    outliers,
)
from harness.studies.study import print_result
from harness.studies.timing.findings import joules, peaks, performance, phase_gap, roof
from harness.studies.timing.page import as_json, result, sentences
from harness.studies.timing.verdicts import verdict


def printed(one):
    out = io.StringIO()
    print_result(result(one, Path("a.json"), Path("report.html")), Console(file=out, width=170))
    return out.getvalue()


def row(text, name):
    return next(line for line in text.splitlines() if name in line)


def test_a_slow_start_is_cold_and_a_late_hiccup_is_not():
    assert cold_blocks(noisy(20)) == 0
    assert cold_blocks(np.concatenate([[3.0, 2.0, 1.3], noisy(17)])) == 3
    hiccup = noisy(20)
    hiccup[10] = 4.0
    assert cold_blocks(hiccup) == 0
    assert cold_blocks(np.linspace(9, 1, 20)) == 10, "never settled: half, and the rest is shown"


@pytest.mark.parametrize(
    ("seconds", "cold"),
    [
        ([1.05, 1, 1, 1], 0),
        ([1.06, 1, 1], 1),
        ([1.1, 1], 1),  # by the blocks after it alone
        ([1.5, 2, 1], 0),  # whose median is 1.5
        ([2, 1, 1, 1, 9], 1),  # the mean of those after it would be 3
        ([9, 5, 1, 1, 1, 1], 2),
        ([9, 8, 7, 6, 1, 1], 3),  # half, and not four
    ],
)
def test_a_block_is_warm_within_a_twentieth_of_the_median_of_those_after_it(seconds, cold):
    assert cold_blocks(np.array(seconds)) == cold


def test_drift_is_seen_where_it_is_and_not_where_it_is_not():
    steady = drift(noisy(40))
    assert not steady.certain and abs(steady.change.value) < 0.02
    rising = drift(noisy(40) + np.linspace(0, 0.2, 40))
    assert rising.certain and rising.change.value == pytest.approx(0.2 / 1.1, abs=0.03)
    spiky = noisy(40)
    spiky[[3, 17, 30]] = 9.0
    assert not drift(spiky).certain
    assert drift(noisy(3)).change.value is None
    line = drift(10 + 0.1 * np.arange(11)).change  # from 10 to 11, of a median of 10.5
    assert (line.low, line.value, line.high) == pytest.approx((1 / 10.5,) * 3)
    spike = np.where(np.arange(11) == 5, 50, 10 + 0.1 * np.arange(11))
    assert drift(spike).change.value == pytest.approx(1 / 10.6), "over the median, not the mean"
    assert not Drift(Interval.of(0.1)).certain, "no bounds"
    assert drift(noisy(6)).change.low is not None and drift(noisy(5)).change == Interval(None)


def test_outliers_are_blocks_far_above_and_never_below():
    times = noisy(40)
    times[5], times[6] = 2.0, 0.1
    assert outliers(times) == 1
    assert outliers(times[:3]) == 0
    for last, count in ((12.9, 0), (13.1, 1)):  # quartiles 3 and 7: from 13 on
        assert outliers(np.array([1, 2, 3, 4, 5, 6, 7, 8, last])) == count
    assert outliers(np.array([1, 1, 1, 9])) == 1 and outliers(np.array([1] * 8 + [9, 8])) == 2


def test_more_starts_are_asked_for_until_the_interval_would_be_narrow_enough():
    ratio = over_starts([1.0, 1.1, 1.2, 1.05, 1.0, 1.15])
    more = more_starts(ratio, 6, 0.05)
    assert more > 10 and more_starts(ratio, 6, 0.5) == 0
    assert 0 < more_starts(ratio, 6, 0.1) < more
    few = over_starts([1.0, 1.001, 1.002])
    assert more_starts(few, 3, 0.1) == LEAST_STARTS - 3, "narrow by luck"
    assert more_starts(Interval.of(1.0), 1, 0.1) == LEAST_STARTS - 1
    assert more_starts(Interval.of(1.0), 9, 0.1) == 1
    # 0.2 / 2.571 * sqrt(6) = 0.1906; times t / sqrt(n) 0.1016 at 16 starts, 0.0980 at 17.
    assert more_starts(Interval(1.0, 0.9, 1.1), 6, 0.1) == 11
    # 0.1763 at 7 starts, 0.1593 at 8.
    assert [more_starts(Interval(1.0, 0.9, 1.1), 6, w) for w in (0.18, 0.173)] == [1, 2]
    assert more_starts(Interval(1.0, 0.99, 1.01), 9, 0.1) == 0
    assert more_starts(ratio, 6, 0.0) == MOST_STARTS


# ------------------------------------------------------------------------------------ the ratio


def test_the_ratio_is_the_second_over_the_first_without_cold_pairs():
    one = record(*[([9.0, *noisy(8, seed=i)], [1.0, *noisy(8, 1.2, seed=i)]) for i in range(6)],
                 cold=1)  # fmt: skip
    assert one.ratio.value == pytest.approx(1.2, rel=0.01) and len(one.warm(0)) == 48
    (answer, order) = sentences(one)
    assert answer.startswith("TensorFlow takes 1.") and answer.endswith("as long as PyTorch.")
    assert "Pairs that the first began: 1." in order


def test_each_order_has_a_ratio_of_its_own():
    """Who comes second in a pair may suffer from who was first."""
    even, odd = np.arange(8) % 2 == 0, np.arange(8) % 2 == 1
    pairs = [(np.ones(8), np.where(even, 1.5, 1.1)), (np.ones(8), np.where(odd, 1.5, 1.1))]
    assert record(*pairs).by_order() == pytest.approx((1.5, 1.1))
    shifted = [([9, *first], [9, *second]) for first, second in reversed(pairs)]
    assert record(*shifted, cold=1).by_order() == pytest.approx((1.5, 1.1))


def test_no_ratio_is_shown_that_is_not_known_well_enough_or_perhaps_by_luck():
    loose, few = several(1.3, spread=0.2), several(1.2, starts=4)
    (line,) = sentences(loose)
    assert "No ratio" in line and "wider than 5 %" in line and "more starts" in line
    assert str(loose.ratio.value)[:5] not in line
    assert verdict(replace(loose, width=10.0)).kind != "unknown", "as wide as was asked for"
    assert few.ratio.low is not None and not few.settled
    assert sentences(few)[0].startswith("No ratio: its 95 % interval is narrow, perhaps by luck.")
    assert "About 2 more starts" in sentences(few)[0]


def test_a_backend_is_faster_only_where_the_interval_does_not_cover_one():
    slower, faster, alike = (verdict(several(each)) for each in (1.25, 0.8, 1.0))
    assert (slower.faster, faster.faster, alike.kind) == ("PyTorch", "TensorFlow", "alike")
    # A ratio of 0.8: the first takes a quarter longer.
    assert slower.share == pytest.approx(0.25, abs=0.02)
    assert faster.share == pytest.approx(0.25, abs=0.02)
    assert "neither is shown to be faster" in alike.text and alike.faster == ""


# ------------------------------------------------------------------------- what a device can do


def test_peaks_are_the_best_of_both_frameworks_and_all_starts():
    one = several(1.2)
    assert peaks(one) == Peaks(2e11, 1.6e11, 4e10)
    assert peaks(one, min) == Peaks(1e11, 1.5e11, 3e10)
    assert peaks(with_sides(one, peaks=None)) is None


def test_the_lower_roof_binds():
    best = Peaks(2e11, 1.6e11, 4e10)  # they meet at 5 operations a byte
    assert roof(Cost(10, 1), best) == roof(Cost(100, 10), best)
    assert (roof(Cost(10, 1), best).limit, roof(Cost(10, 1), best).binds) == (2e11, "compute")
    assert (roof(Cost(4, 1), best).limit, roof(Cost(4, 1), best).binds) == (1.6e11, "memory")
    assert roof(Cost(0, 10), best) is None and roof(None, best) is None
    assert roof(Cost(1, 1), None) is None


def test_the_screen_gives_shares_of_the_better_frameworks_peaks():
    one = record(*[(noisy(8, 0.1, 1e-4, i), noisy(8, 0.2, 1e-4, 9 + i)) for i in range(3)])
    text = printed(one)
    for name, first, second in (
        ("matrix peak, 200 GFLOP/s", "50 %", "25 %"),
        ("convolution peak, 160 GFLOP/s", "62 %", "31 %"),  # 62.5 and 31.25
        ("bandwidth, 40 GB/s", "25 %", "12 %"),
        ("roof, 200 GFLOP/s (compute binds)", "50 %", "25 %"),
        ("least traffic", "10.0", "5.0"),
    ):
        line = row(text, name)
        assert first in line and second in line, line
    assert "1,024 MiB resident" in text and "2.50 s" in text and "3 starts" in text


def test_the_screen_says_what_pieces_take_and_how_much_more_than_a_step():
    text = printed(several(1.2))
    assert "44.0 ms,  40 %" in row(text, "generators, backward")
    assert "+10." in row(text, "these pieces over a step left alone")
    assert "pieces" not in printed(with_sides(several(1.2), phases=None))


def test_the_excess_is_of_the_step_of_the_same_start():
    """Starts differ: one that is slow throughout has no more in its pieces."""
    one = record(*[(noisy(8, each, 1e-4), noisy(8, each, 1e-4)) for each in (0.1, 0.2, 0.4)])
    assert performance(one, 0).excess == pytest.approx(0.1, abs=0.01)


def test_a_gap_in_a_piece_has_an_interval_over_starts_that_holds_for_all_pieces():
    one = several(1.5, spread=0.02)
    gap = phase_gap(one, "generators_backward")
    assert gap.value == pytest.approx(0.4 * 1.1 * 0.05, rel=0.1) and gap.low > 0
    gaps = [
        np.median(start.second.phases["host"]) - np.median(start.first.phases["host"])
        for start in one.starts
    ]
    half = 4.032 * np.std(gaps, ddof=1) / np.sqrt(6)  # t of 5 degrees at 0.995: 1 % of error
    host = phase_gap(one, "host")
    assert host.high - host.value == pytest.approx(half, rel=1e-3)
    assert phase_gap(with_sides(one, phases=None), "host").value is None


# --------------------------------------------------------------------------------------- energy


def test_energy_is_that_of_warm_blocks_for_each_image():
    one = record(*[([9.0, 1.0, 1.0], [9.0, 2.0, 2.0])] * 3, cold=1)
    assert joules(one, 0) == pytest.approx(20) and joules(one, 1) == pytest.approx(40)
    assert performance(one, 0).joules_per_image == pytest.approx(10), "two images a step"
    assert "10.00 J" in row(printed(one), "energy an image (a meter)")


def test_energy_that_could_not_be_read_is_absent_not_zero():
    one = with_sides(several(1.2), joules=None)
    assert joules(one, 0) is None and performance(one, 1).joules_per_image is None
    assert "energy" not in printed(one)
    (first, *rest) = several(1.2).starts
    partly = replace(several(1.2), starts=(replace(first, first=replace(first.first, joules=None)),
                                           *rest))  # fmt: skip
    assert joules(partly, 0) is None and joules(partly, 1) is not None


def test_json_has_what_the_screen_says_unrounded():
    one = several(1.2)
    document = json.loads(json.dumps(as_json(one), allow_nan=False))
    assert document["ratio"]["value"] == one.ratio.value and document["settled"] == one.settled
    first, second = document["sides"]
    assert (first["backend"], second["backend"]) == one.backends
    assert second["step_seconds"] == performance(one, 1).step
    assert document["answer"] == sentences(one)


def test_pairs_under_load_are_in_no_ratio():
    """Load makes only the second's blocks longer: with them the ratio would be another."""
    first, second = noisy(24), noisy(24, 1.2, seed=1)
    load = np.full(24, 0.01)
    second[10:18] *= 4
    load[10:18] = 0.3
    one = with_sides(several(1.2), load=None)
    start = record((first, second)).starts[0]
    start = replace(start, second=replace(start.second, load=tuple(load.tolist())))
    assert start.counts and start.left_out == 8 and len(start.ratios()) == 16
    assert start.ratio() == pytest.approx(1.2, rel=0.02)
    # Of an even number, the first backend led in even pairs, whichever were left out.
    assert start.led.tolist() == [number % 2 == 0 for number in [*range(10), *range(18, 24)]]
    few = replace(start, second=replace(start.second, load=(0.3,) * 19 + (0.0,) * 5))
    assert not few.counts and len(few.ratios()) == 24
    mixed = replace(one, starts=(*one.starts, few))
    assert mixed.ratio == one.ratio and mixed.warm(0).tolist() == one.warm(0).tolist()


def test_on_a_gpu_load_is_recorded_and_leaves_nothing_out():
    start = record((np.ones(6), np.ones(6))).starts[0]
    environment = {**start.first.environment, "device_kind": "cuda"}
    sides = [replace(side, load=(0.9,) * 6, environment=environment) for side in start.sides]
    assert replace(start, first=sides[0], second=sides[1]).left_out == 0
    busy = replace(start, first=replace(start.first, load=(0.9,) * 6))
    assert busy.left_out == 6
