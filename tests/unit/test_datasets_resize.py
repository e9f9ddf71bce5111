"""Bilinear resizing without antialias is TensorFlow's; it is an option and has its own cache."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import tensorflow as tf
from datasets_helpers import picture, write_set
from PIL import Image
from resize_references import noise
from rich.console import Console

from harness.config.experiment import load_experiment
from harness.data import Prepared, load_images, prepare
from harness.data.resize import Resize, bilinear_aliased, recipe, resize
from harness.system.progress import Display
from harness.training.experiment_folder import decoded_images

pytestmark = pytest.mark.usefixtures("own_cache")


def by_tensorflow(pixels: np.ndarray, size: int) -> np.ndarray:
    """float32, not rounded."""
    return tf.image.resize(pixels, (size, size)).numpy()


@pytest.mark.parametrize(
    ("height", "width", "size"),
    [(20, 20, 33), (64, 64, 72), (256, 256, 286), (40, 23, 17), (50, 70, 7), (1, 2, 5), (9, 9, 1)],
)
def test_it_is_what_tensorflow_does_but_for_rounding(height: int, width: int, size: int) -> None:
    pixels = noise(height, width)
    expected = by_tensorflow(pixels, size)
    found = bilinear_aliased(pixels, size, size)
    assert found.dtype == np.uint8 and found.shape == (size, size, 3)
    # TensorFlow places pixels with float32: up to 0.01 of a level away from exact.
    assert np.abs(found - expected).max() <= 0.51
    assert np.mean(found == np.rint(expected)) > 0.99


@pytest.mark.parametrize(("height", "width"), [(13, 31), (44, 9)])
def test_the_two_sides_are_resized_each_by_itself(height: int, width: int) -> None:
    pixels = noise(24, 17)
    expected = tf.image.resize(pixels, (height, width)).numpy()
    found = bilinear_aliased(pixels, height, width)
    assert found.shape == (height, width, 3) and np.abs(found - expected).max() <= 0.51


def test_halves_are_exact_and_go_to_the_even_level() -> None:
    pixels = noise(32, 32)
    expected = by_tensorflow(pixels, 16)  # means of four: exact in float32, too
    assert np.any(expected % 1 == 0.5)
    np.testing.assert_array_equal(bilinear_aliased(pixels, 16, 16), np.rint(expected))


def test_the_same_size_changes_nothing() -> None:
    pixels = noise(24, 24)
    for method in get_args(Resize):
        np.testing.assert_array_equal(resize(Image.fromarray(pixels), 24, method), pixels)


def test_without_antialias_stripes_alias() -> None:
    stripes = np.zeros((80, 80, 3), np.uint8)
    stripes[:, ::2] = 255
    # 16 pixels to one of the smaller image: it takes two of them, half and half, or one of two.
    assert set(bilinear_aliased(stripes, 16, 16)[0, :, 0].tolist()) == {0, 255}
    assert np.ptp(resize(Image.fromarray(stripes), 16, "bicubic")[:, 2:-2]) < 40


def test_each_way_to_resize_has_its_own_cache(tmp_path: Path, own_cache: Path) -> None:
    manifest = prepare(str(write_set(tmp_path / "set"))).manifest
    bicubic = load_images(manifest, "trainA", 7)
    aliased = load_images(manifest, "trainA", 7, method="bilinear_aliased")
    assert len(list((own_cache / "images").iterdir())) == 2
    np.testing.assert_array_equal(aliased[0], bilinear_aliased(np.asarray(picture(0)), 7, 7))
    assert (aliased != bicubic).any()
    assert recipe("bicubic") != recipe("bilinear_aliased")
    again = load_images(manifest, "trainA", 7)
    np.testing.assert_array_equal(again, bicubic)


def images_by(method: str, prepared: Prepared) -> dict[str, np.ndarray]:
    sizes = ["data.load_size=36", "data.crop_size=32"]
    experiment = load_experiment("any", "smoke", [*sizes, f"data.resize={method}"])
    return decoded_images(prepared, experiment, Display(Console(quiet=True)))


@pytest.mark.parametrize(
    ("method", "of_tests"), [("bilinear", "bilinear"), ("bilinear_aliased", "bicubic")]
)
def test_training_images_are_resized_as_asked_for_and_others_unless_aliased(
    tmp_path: Path, method: Resize, of_tests: Resize
) -> None:
    prepared = prepare(str(write_set(tmp_path / "set")))
    bicubic, found = images_by("bicubic", prepared), images_by(method, prepared)
    for split in bicubic:
        same = np.array_equal(bicubic[split], found[split])
        assert same == (of_tests == "bicubic" and not split.startswith("train")), split
    for split, size, by in (("trainA", 36, method), ("testA", 32, of_tests)):
        first = Image.open(prepared.located.folder / split / "0.png")
        np.testing.assert_array_equal(found[split][0], resize(first, size, by))


def test_the_built_in_set_is_drawn_at_the_size_asked_for() -> None:
    prepared = prepare("seasons", size=36, counts=(2, 2))
    bicubic, aliased = (images_by(method, prepared) for method in ("bicubic", "bilinear_aliased"))
    for split in bicubic:
        np.testing.assert_array_equal(bicubic[split], aliased[split])
