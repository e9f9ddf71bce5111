"""The simulation that judges intervals, judged itself."""

import io
import json
import zlib

import numpy as np
import pytest
from rich.console import Console
from scipy import stats
from threadpoolctl import threadpool_limits

from benchmarks.coverage import candidates, simulate
from benchmarks.coverage.image_studies import energies, hits, scene_noise, skewed_scores
from benchmarks.coverage.populations import (
    DIMENSIONS,
    GaussianFeatures,
    Normal,
    gaussian_features,
    kid_of_gaussians,
    moments_of_product,
    rectified_features,
)
from benchmarks.coverage.rows import Line, Study, as_json, make_row, print_rows
from benchmarks.coverage.run_studies import RATIO, block_times, seed_scores
from benchmarks.coverage.simulate import STUDIES, calibrate, repeat, rows_of
from benchmarks.measure import write_rows
from harness.metrics.frechet import frechet_distance
from harness.metrics.kid import kid
from harness.statistics.intervals import Interval, jackknife, mean_replicates
from harness.system.errors import UserError


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """As the simulation itself: with more, small matrices are far slower on a busy machine."""
    with threadpool_limits(1):
        yield


def near(values, truth, errors=4.5):
    """Whether the mean of independent values is within some standard errors of the truth."""
    values = np.asarray(values, float)
    return abs(values.mean() - truth) < errors * values.std(ddof=1) / np.sqrt(len(values))


# ------------------------------------------------------------------------------ populations


def small_gaussians(rng, width):
    return [Normal(rng.normal(0.3, 0.5, width), rng.uniform(0.1, 1.5, width)) for _ in range(3)]


def test_moments_of_a_product_of_gaussians_agree_with_a_large_sample():
    rng = np.random.default_rng(0)
    x, y, _ = small_gaussians(rng, 5)
    drawn = [of.mean + np.sqrt(of.variances) * rng.normal(size=(400_000, 5)) for of in (x, y)]
    products = np.einsum("ij,ij->i", *drawn)
    for power, expected in enumerate(moments_of_product(x, y), start=1):
        assert near(products**power, expected), power


def test_closed_form_of_the_kid_agrees_with_the_kid_that_reports_print():
    rng = np.random.default_rng(1)
    population = GaussianFeatures(*small_gaussians(rng, 7))
    draws = [population.draw(rng, 30) for _ in range(400)]
    for name, truth in zip(("first", "second"), population.kids(), strict=True):
        values = [kid(getattr(draw, name), draw.real) for draw in draws]
        assert truth > 0.01
        assert near(values, truth)
        assert not near(values, 1.2 * truth), "the check can tell a fifth"


def test_closed_form_of_the_kid_holds_at_the_width_of_real_features():
    rng = np.random.default_rng(2)
    draws = [gaussian_features().draw(rng, 40) for _ in range(60)]
    for name, truth in zip(("first", "second"), gaussian_features().kids(), strict=True):
        assert near([kid(getattr(draw, name), draw.real) for draw in draws], truth)


def test_kid_of_equal_populations_is_zero():
    real = gaussian_features().real
    assert kid_of_gaussians(real, real) == pytest.approx(0.0, abs=1e-12)


def test_frechet_distance_tends_to_its_closed_form():
    rng = np.random.default_rng(3)
    population = GaussianFeatures(*small_gaussians(rng, 4))
    draw = population.draw(rng, 60_000)
    distances = [frechet_distance(fake, draw.real) for fake in (draw.first, draw.second)]
    assert distances == pytest.approx(population.frechet_distances(), rel=0.03)


@pytest.mark.parametrize("population", [gaussian_features, rectified_features])
def test_populations_have_the_scale_and_rank_of_real_features(population):
    draw = population().draw(np.random.default_rng(4), 309)
    assert draw.first.shape == draw.second.shape == draw.real.shape == (309, DIMENSIONS)
    eigenvalues = np.linalg.svd(draw.real - draw.real.mean(axis=0), compute_uv=False) ** 2
    assert 20 < eigenvalues.sum() ** 2 / (eigenvalues**2).sum() < 60
    assert 0.12 < np.mean(draw.real**2) < 0.18
    values = [kid(fake, draw.real) for fake in (draw.first, draw.second)]
    assert all(0.003 < value < 0.05 for value in values)
    apart = np.mean((draw.first - draw.second) ** 2)
    assert apart < np.mean((draw.first - draw.second[::-1]) ** 2) / 2, "the same scenes"


def test_rectified_features_are_not_negative_half_zero_and_skewed():
    real = rectified_features().draw(np.random.default_rng(5), 309).real
    assert real.min() == 0
    assert 0.4 < np.mean(real == 0) < 0.6
    assert np.median(stats.skew(real[:, real.max(axis=0) > 0])) > 2.5


def test_scores_hits_energies_and_times_have_the_truth_they_are_said_to_have():
    rng = np.random.default_rng(6)
    columns = np.array([[25.0], [24.0]]), np.array([[0.9], [0.7]]), np.array([[2.0], [3.0]])
    noise = scene_noise(rng, 200_000)
    assert np.corrcoef(noise)[0, 1] == pytest.approx(0.7, abs=0.01)
    for row in (0, 1):
        assert near(skewed_scores(noise, 32.0, columns[0])[row], columns[0][row, 0])
        assert near(hits(noise, columns[1])[row], columns[1][row, 0])
        assert near(np.log(energies(noise, columns[2])[row]), np.log(columns[2][row, 0]))
    for shape in ("normal", "skewed", "very skewed", "one in ten fails"):
        assert near(seed_scores(rng, shape, 200_000), 0.0), shape
    first, second = block_times(rng, 20_000, memory=0.5)
    assert np.median(first / second) == pytest.approx(RATIO, rel=0.002)
    one_scene = scene_noise(rng, 30_000, run=3)[0]
    assert np.corrcoef(one_scene[0::3], one_scene[1::3])[0, 1] == pytest.approx(0.7, abs=0.05)


# ------------------------------------------------------------------------------- candidates


def test_the_bootstraps_start_from_the_scores_themselves():
    rng = np.random.default_rng(7)
    draw = rectified_features().draw(rng, 40)
    x, y = draw.first, draw.real
    assert candidates.bootstrap_kid(x, y, rng, draws=20).value == pytest.approx(kid(x, y))
    interval = candidates.bootstrap_frechet(x, y, rng, draws=5)
    assert interval.value == pytest.approx(frechet_distance(x, y)), "all that is left out is empty"
    whole = candidates.subset_kid(x, y, rng, 40)
    assert (whole.low, whole.high) == pytest.approx((kid(x, y), kid(x, y))), "subsets of all"


def test_extrapolation_finds_the_limit_of_a_line():
    rng = np.random.default_rng(8)
    x, y = rng.normal(size=(2, 4000, 2)) + np.array([[[1.0, 0.0]], [[0.0, 0.0]]])
    assert candidates.extrapolated_frechet(x, y, rng).value == pytest.approx(1.0, abs=0.2)


# ------------------------------------------------------------------------------------- rule


def means(times):
    """A study of the jackknife of a mean whose intervals are `times` as wide as they should be."""

    def once(rng):
        mean = jackknife(mean_replicates(rng.normal(size=120)))
        half = (mean.high - mean.low) / 2 * times
        return {"mean": Interval(mean.value, mean.value - half, mean.value + half)}

    return Study(f"{times}", "test", 600, once, (Line("mean", "mean", "", "", truth=0.0),))


@pytest.mark.parametrize(("times", "outcome"), [(1.0, "holds"), (0.6, "short")])
def test_an_interval_made_forty_per_cent_too_narrow_fails(times, outcome):
    study = means(times)
    (row,) = rows_of(study, [repeat(study, 0, 250), repeat(study, 250, study.repeats)])
    assert (row.outcome, row.passed, row.repeats) == (outcome, outcome == "holds", 600)
    assert row.width == pytest.approx(times * stats.t.ppf(0.975, 19), rel=0.07)


def share_of(right, repeats, kind="printed"):
    outcomes = {"claim": np.arange(repeats) < right}
    return make_row(Line("claim", "", "", "", kind), outcomes)


def test_what_is_not_proven_does_not_pass_and_only_printed_rows_can_fail():
    assert [share_of(n, n).passed for n in (35, 36)] == [False, True]
    assert share_of(910, 1000).outcome == "not shown"
    assert not share_of(910, 1000).passed
    assert share_of(850, 1000).outcome == "short"
    assert share_of(850, 1000, "limit").passed
    assert share_of(850, 1000, "not printed").passed


def test_default_repeats_tell_a_sound_interval_from_one_that_is_not():
    printed = {
        (study.repeats, line.required)
        for study in STUDIES
        for line in study.lines
        if line.kind == "printed"
    }
    for repeats, required in printed:
        # A claim is as good as its test: a hundredth better than required. An interval: 95%.
        sound = 0.95 if required == 0.9 else required + 0.0099
        right = np.arange(1, repeats)
        lows = stats.beta.ppf(0.025, right, repeats - right + 1)
        enough = right[lows >= required][0]
        assert stats.binom.sf(enough - 1, repeats, required - 1e-9) <= 0.025
        assert stats.binom.sf(enough - 1, repeats, sound) > 0.98


def test_an_expectation_is_the_mean_of_the_other_repeats():
    # Of 1, 2 and 6 the others' means are 4, 3.5 and 1.5: held, below the truth, above it.
    intervals = np.array([[1.0, 3.9, 4.1], [2.0, 3.0, 3.4], [6.0, 5.0, 7.0]])
    row = make_row(Line("mean", "", "", ""), {"mean": intervals})
    assert (row.share, row.below, row.above) == pytest.approx((1 / 3, 1 / 3, 1 / 3))


def test_an_interval_without_bounds_holds_nothing():
    intervals = np.array([[1.0, np.nan, np.nan], [1.1, 0.0, 2.0]])
    row = make_row(Line("mean", "", "", "", truth=1.0), {"mean": intervals})
    assert (row.share, row.below, row.above) == (0.5, 0.0, 0.0)


# ------------------------------------------------------------------------------------ whole


@pytest.fixture(scope="module")
def small():
    """Rows of a small run and the progress that it reported."""
    progress = []
    return calibrate(2, 1, lambda *done: progress.append(done)), progress


def test_a_small_run_has_every_row(small):
    rows, progress = small
    assert len(rows) == sum(len(study.lines) for study in STUDIES)
    assert {row.repeats for row in rows} == {2}
    places = [(row.quantity, row.setting, row.procedure) for row in rows]
    assert len(set(places)) == len(places)
    assert all(row.reason for row in rows if row.kind != "printed")
    assert {row.kind for row in rows} == {"printed", "limit", "not printed"}
    for group in {study.group for study in STUDIES}:
        done = [count for name, count, _ in progress if name == group]
        assert done == sorted(done) and done[0] == 0
        assert done[-1] == 2 * sum(study.group == group for study in STUDIES)
    assert all(done <= total for _, done, total in progress)


def test_rows_do_not_depend_on_the_number_of_processes_nor_on_other_studies(small, monkeypatch):
    names = ("mean PSNR N=40", "seeds 5 seeds, normal", "verdict 3")
    some = tuple(study for study in STUDIES if study.name in names)
    monkeypatch.setattr(simulate, "STUDIES", some)
    rows = calibrate(2, 2, lambda *done: None)
    assert len(rows) == sum(len(study.lines) for study in some) > 5
    assert all(row in small[0] for row in rows)


def test_names_of_studies_and_their_seeds_differ():
    crcs = {zlib.crc32(study.name.encode()) for study in STUDIES}
    assert len(crcs) == len({study.name for study in STUDIES}) == len(STUDIES)


def test_rows_are_written_as_json_and_printed_in_groups(small, tmp_path):
    rows = small[0]
    write_rows(as_json(rows), tmp_path / "rows.json")
    written = json.loads((tmp_path / "rows.json").read_text())["rows"]
    assert len(written) == len(rows)
    assert written[0]["outcome"] == rows[0].outcome
    console = Console(file=io.StringIO(), width=200)
    print_rows(rows, console)
    text = console.file.getvalue()
    titles = ["reports print", "stop holding", "do not print"]
    assert sorted(titles, key=text.index) == titles
    assert "copies of itself" in text


def test_bad_requests_are_refused_in_a_line(tmp_path):
    for repeats, processes in ((0, 1), (-1, 1), (None, 0)):
        with pytest.raises(UserError, match="at least one"):
            calibrate(repeats, processes, lambda *done: None)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        write_rows(as_json([]), tmp_path / "file" / "rows.json")
