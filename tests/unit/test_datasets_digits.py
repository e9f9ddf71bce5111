"""The drawn digits: handwritten and typeset, labelled, legible, and none in train and test both."""

from __future__ import annotations

import csv
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from harness.data import prepare
from harness.data.digits import Handwritten, typeset, write_digits
from harness.data.labels import read_labels
from harness.data.layout import SPLITS
from harness.data.resize import small_grey_images
from harness.metrics.judge import train_judge

COUNTS = {"trainA": 240, "trainB": 240, "testA": 80, "testB": 80}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "digits"
    write_digits(folder, size=32, train=240, test=80)
    return folder


def labels_in(folder: Path) -> dict[str, dict[str, int]]:
    """What labels.csv says, by split and name."""
    with (folder / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {s: {r["name"]: int(r["label"]) for r in rows if r["split"] == s} for s in SPLITS}


def read(folder: Path) -> dict[str, np.ndarray]:
    return {path.name: np.asarray(Image.open(path)) for path in sorted(folder.iterdir())}


def labelled(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """What a judge is fed, and what it should say."""
    pictures, labels = read(folder / split), labels_in(folder)[split]
    images = np.stack(list(pictures.values()))[..., None]
    return small_grey_images(images), np.array([labels[name] for name in pictures], np.int64)


def test_four_splits_of_grey_pictures_and_their_labels(written: Path) -> None:
    assert sorted(path.name for path in written.iterdir()) == sorted([*SPLITS, "labels.csv"])
    for split, labels in labels_in(written).items():
        pictures = read(written / split)
        assert len(pictures) == COUNTS[split] and pictures.keys() == labels.keys()
        assert {(p.shape, p.dtype.name) for p in pictures.values()} == {((32, 32), "uint8")}
        assert np.bincount(list(labels.values()), minlength=10).min() >= COUNTS[split] // 20


def test_the_project_reads_it_as_a_labelled_set_that_leaks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CYCLEBENCH_CACHE", str(tmp_path))
    prepared = prepare("digits", size=16, counts=(30, 20))
    labels = read_labels(prepared.manifest)
    assert labels is not None and labels.classes == tuple("0123456789")
    assert all((codes >= 0).all() for codes in labels.codes.values())
    assert not prepared.manifest.paired
    assert prepared.audit.duplicates == () and prepared.audit.unreadable == ()


@pytest.mark.parametrize("domain", ["A", "B"])
def test_a_judge_reads_a_domain_of_its_own_but_not_the_other(
    written: Path, domain: str, record_property
) -> None:
    """Measured: 98.8% and 100% of its own; of the other 67.5% (by A's judge) and 70%."""
    judge = train_judge(*labelled(written, f"train{domain}"))
    accuracy = {}
    for side in "AB":
        images, labels = labelled(written, f"test{side}")
        accuracy[side] = float((judge.predict(images) == labels).mean())
    record_property("accuracy", accuracy)
    assert accuracy[domain] >= 0.95
    # Something to learn for a translation, yet far from chance.
    assert 0.4 < accuracy["B" if domain == "A" else "A"] < 0.85


def test_all_handwritten_digits_are_used_once_with_their_labels() -> None:
    everything = Handwritten()
    bunch = load_digits()
    train, test = everything.split(1400, 397)
    assert sorted([*train, *test]) == list(range(1797))
    assert (everything.labels == bunch.target).all()
    for position in (0, 1000, 1796):
        # At 10 px nothing is enlarged: one black pixel around scikit-learn's 8 x 8.
        picture = np.asarray(everything.picture(position, 10))
        assert picture[0].max() == picture[:, -1].max() == 0
        np.testing.assert_allclose(picture[1:-1, 1:-1], bunch.images[position] * 255 / 16, atol=0.5)


def test_test_images_stay_where_more_are_trained_with_and_parts_have_every_writer() -> None:
    everything = Handwritten()
    few, test = everything.split(400, 120)
    many, same = everything.split(1677, 120)
    assert (test == same).all() and set(few) < set(many)
    for positions in (few, test):
        assert len(np.unique(positions * 13 // 1797)) == 13


def test_handwritten_names_are_scikit_learns_indices(written: Path) -> None:
    target = load_digits().target
    for split in ("trainA", "testA"):
        for name, label in labels_in(written)[split].items():
            assert target[int(name.removeprefix("handwritten_").removesuffix(".png"))] == label


def test_no_two_pictures_are_alike_even_at_the_smallest_size() -> None:
    everything = Handwritten()
    pictures = [everything.picture(position, 16) for position in range(1797)]
    for start in (0, 1_000_000):
        pictures += [typeset.picture(index, 16) for index in range(start, start + 100)]
    assert len({picture.tobytes() for picture in pictures}) == 1997


def test_typeset_digits_stay_clear_of_the_edge(written: Path) -> None:
    pictures = np.stack([*read(written / "trainB").values(), *read(written / "testB").values()])
    rim = np.concatenate(
        [pictures[:, 0], pictures[:, -1], pictures[:, :, 0], pictures[:, :, -1]], axis=1
    )
    assert rim.max() == 0
    assert pictures.max(axis=(1, 2)).min() > 150  # thin strokes are grey where pixels are large


def test_typeset_digits_vary_in_font_size_and_place() -> None:
    settings = [typeset.setting_of(index) for index in range(1000)]
    uses = {font: sum(s.font == font for s in settings) for font in typeset.FONTS}
    assert len(uses) == 20 and min(uses.values()) > 20
    for name in ("height", "turn", "slant", "stretch"):
        values = np.array([getattr(s, name) for s in settings])
        assert len(np.unique(values)) == 1000
    turns = np.degrees([s.turn for s in settings])
    assert -8 <= turns.min() < -7 and 7 < turns.max() <= 8


@pytest.mark.parametrize("font", typeset.FONTS)
def test_every_font_has_ten_digits_of_its_own_of_one_height_in_the_middle(
    font: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting = typeset.Typesetting(font, 0.625, 0.0, 0.0, 1.0, (0.0, 0.0))
    monkeypatch.setattr(typeset, "setting_of", lambda index: setting)
    pictures = [np.asarray(typeset.picture(digit, 128)) for digit in range(10)]
    assert len({picture.tobytes() for picture in pictures}) == 10  # a missing glyph is a box
    for picture in pictures:
        rows, columns = np.nonzero(picture > 127)
        assert 74 <= np.ptp(rows) + 1 <= 84  # of 128; a zero has 80
        assert np.ptp(columns) + 1 <= 82
        assert abs(rows.min() + rows.max() - 127) <= 2
        assert abs(columns.min() + columns.max() - 127) <= 2


def test_a_typeset_digit_is_alike_at_every_size() -> None:
    for index in range(8):
        small = np.asarray(typeset.picture(index, 32), float)
        large = np.asarray(typeset.picture(index, 512), float)
        assert np.abs(large.reshape(32, 16, 32, 16).mean((1, 3)) - small).mean() < 2.5


def test_turn_slant_and_shift_go_where_they_should(monkeypatch: pytest.MonkeyPatch) -> None:
    upright = partial(typeset.Typesetting, "DejaVuSans", 0.7)

    def one(turn: float, slant: float, shift: tuple[float, float]) -> np.ndarray:
        setting = upright(turn, slant, 1.0, shift)
        monkeypatch.setattr(typeset, "setting_of", lambda index: setting)
        monkeypatch.setattr(typeset, "label_of", lambda index: 1)
        return np.asarray(typeset.picture(0, 64), float)

    def middle(rows: np.ndarray) -> float:
        return float((rows.sum(0) * np.arange(64)).sum() / rows.sum())

    plain = one(0, 0, (0, 0))
    np.testing.assert_allclose(one(0, 0, (3 / 64, -5 / 64)), np.roll(plain, (-5, 3), (0, 1)))
    for changed in (one(0.14, 0, (0, 0)), one(0, -0.12, (0, 0))):
        # Clockwise, and slanted forward: the head goes to the right of the foot.
        assert middle(changed[:32]) - middle(plain[:32]) > 1
        assert middle(plain[40:]) - middle(changed[40:]) > 1


def test_another_process_draws_the_same_bits(written: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from harness.data.digits import write_digits;"
        "write_digits(Path(sys.argv[1]), 32, 1, 12)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "d")], check=True)
    for split in ("testA", "testB"):
        files = list((tmp_path / "d" / split).iterdir())
        assert len(files) == 12
        for file in files:
            assert file.read_bytes() == (written / split / file.name).read_bytes()


def test_evenly_spaced_typeset_digits_are_not_all_alike():
    labels = [typeset.label_of(index) for index in range(300)]
    assert all(sorted(labels[i : i + 10]) == list(range(10)) for i in range(0, 300, 10))
    assert all(len(set(labels[::step])) >= 4 for step in (10, 20, 30, 50))
