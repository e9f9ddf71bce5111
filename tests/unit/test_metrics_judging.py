"""From labels.safetensors to hits: which judge reads what, and that it reads nothing twice."""

import numpy as np
import pytest

from harness.metrics import judge as module
from harness.metrics.judge import read_judges
from harness.system.errors import UserError
from harness.system.files import write_arrays

SIDE, CLASSES = 16, 3


def pictures(labels, seed):
    """Class k is lit in its own third of the image: uint8 (n, SIDE, SIDE, 3)."""
    images = np.random.default_rng(seed).integers(0, 40, (len(labels), SIDE, SIDE, 3))
    for image, label in zip(images, labels, strict=True):
        image[:, 5 * label : 5 * label + 5] += 180
    return images.astype(np.uint8)


def labels(count, seed):
    return np.random.default_rng(seed).permutation(np.arange(count) % CLASSES)


@pytest.fixture
def labelled(tmp_path):
    """References, and labels.safetensors in an experiment's folder; the fourth of A has none."""
    test_a, test_b = labels(9, 1), labels(7, 2)
    references = {"real_a": pictures(test_a, 3), "real_b": pictures(test_b, 4)}
    test_a[3] = -1
    arrays = {"test_labels_a": test_a, "test_labels_b": test_b}
    for side, seed in (("a", 5), ("b", 6)):
        train = labels(30, seed)
        arrays[f"train_labels_{side}"] = train
        arrays[f"train_images_{side}"] = module.small_grey_images(pictures(train, seed))
    (tmp_path / "features").mkdir()
    write_arrays(tmp_path / "labels.safetensors", arrays)
    return tmp_path, references, arrays


def test_an_experiment_without_labels_has_no_judges(tmp_path):
    assert read_judges(tmp_path, {}) == {}


def test_a_translation_that_keeps_the_digit_is_a_hit_and_one_that_loses_it_is_not(labelled):
    folder, references, arrays = labelled
    judge = read_judges(folder, references)["ab"]
    kept = arrays["test_labels_a"].copy()
    kept[3] = 0
    assert judge.hits(pictures(kept, 8)).tolist() == [True] * 8, "the unlabelled one does not count"
    lost = np.where(np.arange(9) < 2, (kept + 1) % CLASSES, kept)
    assert judge.hits(pictures(lost, 9)).tolist() == [False] * 2 + [True] * 6


def test_real_accuracy_is_of_the_target_domain_and_the_baseline_of_the_source(labelled):
    folder, references, arrays = labelled
    references["real_a"] = pictures((arrays["test_labels_a"] + 1) % CLASSES, 10)  # all misleading
    judges = read_judges(folder, references)
    assert judges["ab"].references["real"].tolist() == [True] * 7
    assert judges["ab"].references["untranslated"].tolist() == [False] * 8
    assert judges["ba"].references["real"].tolist() == [False] * 8


def test_each_direction_is_judged_by_the_other_domains_classifier(labelled, monkeypatch):
    folder, references, arrays = labelled
    trained = []
    monkeypatch.setattr(
        module, "train_judge", lambda *given: trained.append(given) or _Zero()
    )  # fmt: skip
    read_judges(folder, references)
    np.testing.assert_array_equal(trained[0][0], arrays["train_images_b"])
    np.testing.assert_array_equal(trained[1][1], arrays["train_labels_a"])


def test_what_was_read_once_is_not_read_again(labelled, monkeypatch):
    folder, references, _ = labelled
    images = pictures(np.zeros(9, int), 11)
    first = read_judges(folder, references)["ab"].hits(images)
    monkeypatch.setattr(module, "train_judge", lambda *given: pytest.fail("trained again"))
    again = read_judges(folder, references)["ab"]
    assert np.array_equal(again.hits(images), first)
    with pytest.raises(pytest.fail.Exception):
        again.hits(255 - images)


def test_other_training_images_make_another_judge(labelled):
    folder, references, arrays = labelled
    read_judges(folder, references)
    before = set((folder / "features").iterdir())
    changed = {**arrays, "train_images_b": 255 - arrays["train_images_b"]}
    write_arrays(folder / "labels.safetensors", changed)
    read_judges(folder, references)
    assert len(set((folder / "features").iterdir()) - before) == 2, "two sets read by judge b"


def test_a_damaged_reading_is_made_anew(labelled):
    folder, references, _ = labelled
    expected = read_judges(folder, references)["ab"].references["real"]
    for file in (folder / "features").iterdir():
        file.write_bytes(b"damaged")
    assert np.array_equal(read_judges(folder, references)["ab"].references["real"], expected)
    for spoilt in (np.zeros(8, np.int64), np.zeros(7, np.int32)):
        for file in (folder / "features").iterdir():
            write_arrays(file, {"labels": spoilt})
        assert np.array_equal(read_judges(folder, references)["ab"].references["real"], expected)


@pytest.mark.parametrize(
    "spoil",
    [
        {"test_labels_a": np.zeros(8, np.int64)},
        {"train_labels_b": np.zeros(29, np.int64)},
        {"train_images_a": np.zeros((30, 4), np.uint8)},
        {"test_labels_b": np.zeros(7, np.float32)},
        {"test_labels_b": np.zeros((7, 1), np.int64)},
        {"train_labels_a": np.zeros(30, np.int32)},
        {"train_images_b": np.zeros((30, 28, 28), np.float32)},
    ],
)
def test_labels_that_do_not_fit_are_named_in_one_line(labelled, spoil):
    folder, references, arrays = labelled
    write_arrays(folder / "labels.safetensors", {**arrays, **spoil})
    with pytest.raises(UserError, match=r"labels\.safetensors: does not fit") as caught:
        read_judges(folder, references)
    assert "\n" not in str(caught.value)


def test_a_direction_without_labels_to_train_on_has_no_judge(labelled):
    folder, references, arrays = labelled
    none = {
        "train_labels_b": np.zeros(0, np.int64),
        "train_images_b": arrays["train_images_b"][:0],
    }
    write_arrays(folder / "labels.safetensors", {**arrays, **none})
    assert list(read_judges(folder, references)) == ["ba"]
    one_class = {"train_labels_b": np.zeros(30, np.int64)}
    write_arrays(folder / "labels.safetensors", {**arrays, **one_class})
    assert list(read_judges(folder, references)) == ["ba"]
    two_classes = {"train_labels_b": np.arange(30) % 2}
    write_arrays(folder / "labels.safetensors", {**arrays, **two_classes})
    assert list(read_judges(folder, references)) == ["ab", "ba"]


@pytest.mark.parametrize("side", ["a", "b"])
def test_without_labels_to_translate_or_to_measure_on_there_is_no_judge(labelled, side):
    folder, references, arrays = labelled
    unlabelled = np.full_like(arrays[f"test_labels_{side}"], -1)
    write_arrays(folder / "labels.safetensors", {**arrays, f"test_labels_{side}": unlabelled})
    assert read_judges(folder, references) == {}


@pytest.mark.parametrize("side", ["a", "b"])
def test_the_label_0_is_a_label(labelled, side):
    folder, references, arrays = labelled
    first = np.minimum(arrays[f"test_labels_{side}"], 0)
    write_arrays(folder / "labels.safetensors", {**arrays, f"test_labels_{side}": first})
    assert list(read_judges(folder, references)) == ["ab", "ba"]


def test_labels_that_lack_an_array_are_refused(labelled):
    folder, references, arrays = labelled
    del arrays["train_images_b"]
    write_arrays(folder / "labels.safetensors", arrays)
    with pytest.raises(UserError, match=r"labels\.safetensors: does not fit"):
        read_judges(folder, references)


class _Zero:
    def predict(self, images):
        return np.zeros(len(images), np.int64)
