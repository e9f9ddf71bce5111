"""Scores of samples: known answers, and what no change may alter."""

from __future__ import annotations

import numpy as np
import pytest
from digit_sets import bundled_digits

from harness.data.resize import small_grey_images
from harness.metrics.gan_scores import GanYardstick, SampleJudge, features_of
from harness.metrics.kid import kid
from harness.statistics.intervals import jackknife


@pytest.fixture(scope="module")
def digits():
    images, labels = bundled_digits(0, 1200)
    return images[..., None], labels


@pytest.fixture
def yardstick(digits, tmp_path):
    images, labels = digits
    train = small_grey_images(images[:600])
    judge = SampleJudge(train, np.asarray(labels[:600], np.int64), tmp_path)
    return GanYardstick(images[600:800], images[800:1000], judge)


def scored(yardstick, samples):
    return {score.metric: score.replicates for score in yardstick.scores(samples)}


def test_real_images_score_best(yardstick, digits):
    images, _ = digits
    real = scored(yardstick, images[1000:1200])
    noise = np.random.default_rng(0).integers(0, 256, images[1000:1200].shape).astype(np.uint8)
    made = scored(yardstick, noise)
    assert real["kid_judge"].value < 0.05 * made["kid_judge"].value
    assert real["class_distance"].value < 0.2 < made["class_distance"].value
    assert real["clear_share"].value > 0.85 > made["clear_share"].value


def test_the_test_images_themselves_have_the_known_answers(yardstick):
    same = scored(yardstick, yardstick.real)
    assert same["class_distance"].value == 0
    # SURE of them, by the definition.
    assert same["clear_share"].value == pytest.approx(0.95, abs=0.005)
    assert same["kid_judge"].value == pytest.approx(
        kid(features_of(yardstick.real), yardstick.features)
    )


def test_a_class_that_is_left_out_is_the_distance(yardstick):
    labels = yardstick.reading.labels
    for left_out in (3, 7):
        kept = labels[labels != left_out]
        share = float(np.mean(labels == left_out))
        assert yardstick.distance(kept).value == pytest.approx(share)


def test_intervals_are_of_other_samples(yardstick, digits):
    images, _ = digits
    """Eight sets of real digits: the mean of each score is within its interval of the first."""
    shuffled = np.random.default_rng(1).permutation(images[800:1200])
    sets = np.array_split(shuffled, 8)
    scores = [scored(yardstick, each) for each in sets]
    for metric in ("class_distance", "clear_share"):
        interval = jackknife(scores[0][metric])
        others = np.mean([each[metric].value for each in scores[1:]])
        assert interval.low <= others <= interval.high, metric
        assert interval.high - interval.low < 0.4


def test_a_reading_is_kept_and_a_damaged_one_is_made_anew(yardstick, digits, tmp_path):
    images, _ = digits
    first = yardstick.judge.read(images[:50])
    [file] = tmp_path.glob("read-*")
    again = SampleJudge(yardstick.judge.images, yardstick.judge.labels, tmp_path)
    assert np.array_equal(again.read(images[:50]).sure, first.sure)
    assert "judge" not in vars(again), "nothing was trained"
    file.write_bytes(b"half")
    assert np.array_equal(again.read(images[:50]).labels, first.labels)


def test_without_labels_there_is_kid_alone(yardstick):
    bare = GanYardstick(yardstick.real, yardstick.floor, None)
    assert list(scored(bare, bare.floor)) == ["kid_judge"] and bare.real_shares == []
    assert [row.metric for row in bare.references()] == ["kid_judge"]


def test_how_sure_a_reading_is_agrees_with_the_label(yardstick, digits):
    """Where all decisions are for the label, it is the one with most votes; noise is less sure."""
    images, _ = digits
    judge = yardstick.judge.judge
    small = small_grey_images(images[800:1000])
    labels, sure = judge.read_surely(small)
    assert np.array_equal(labels, judge.predict(small))
    assert np.mean(sure > 0) > 0.95, "nearly always nobody is against it"
    noise = np.random.default_rng(0).integers(0, 256, small.shape).astype(np.uint8)
    assert np.median(judge.read_surely(noise)[1]) < 0.5 * np.median(sure)
    two = yardstick.judge.labels < 2
    pair = SampleJudge(
        yardstick.judge.images[two], yardstick.judge.labels[two], yardstick.judge.cache
    )
    labels, sure = pair.judge.read_surely(small)
    assert set(labels) == {0, 1} and (sure > 0).all()
