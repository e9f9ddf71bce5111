"""Grey or colour, three ways to resize, three ways to fit: each against values found otherwise."""

from __future__ import annotations

import hashlib
from itertools import product
from pathlib import Path

import numpy as np
import PIL
import pytest
import tensorflow as tf
from datasets_helpers import png, write_set
from PIL import Image
from rich.console import Console

from harness.config.load import load_experiment
from harness.data import Manifest, Prepared, Ragged, load_images, prepare
from harness.data.images import Channels
from harness.data.resize import Fit, Resize, bilinear_aliased, fitted, recipe, resize
from harness.system.errors import UserError
from harness.system.progress import Display
from harness.training.experiment_folder import decoded_images

METHODS: tuple[Resize, ...] = ("bicubic", "bilinear", "bilinear_aliased")
FITS: tuple[Fit, ...] = ("stretch", "centre", "shorter_side")

pytestmark = pytest.mark.usefixtures("own_cache")


# ------------------------------ what resizing and grey give by their definitions, without PIL


def noise(height: int, width: int) -> np.ndarray:
    draw = np.random.default_rng(1000 * height + width)
    return draw.integers(256, size=(height, width, 3), dtype=np.uint8)


def luma(pixels: np.ndarray) -> np.ndarray:
    """ITU-R BT.601, float64 (..., 1)."""
    return pixels.astype(float) @ np.array([[0.299], [0.587], [0.114]])


def weights(before: int, after: int, method: Resize) -> np.ndarray:
    """float64 (after, before), as wide as a pixel of the result.

    Of linear interpolation, or of Keys's cubic with a = -1/2, which is PIL's.
    """
    scale = before / after
    centres = (np.arange(after) + 0.5) * scale
    x = np.abs(np.arange(before) + 0.5 - centres[:, None]) / max(scale, 1)
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    cubic = np.where(x < 1, near, np.where(x < 2, far, 0))
    chosen = cubic if method == "bicubic" else np.maximum(0, 1 - x)
    return chosen / chosen.sum(axis=1, keepdims=True)


def by_weights(pixels: np.ndarray, height: int, width: int, method: Resize) -> np.ndarray:
    """float64 (height, width, C), not rounded; across first and cut to bytes there, as PIL does."""
    across = np.einsum("jw,hwc->hjc", weights(pixels.shape[1], width, method), pixels.astype(float))
    across = np.clip(across, 0, 255)
    down = np.einsum("ih,hjc->ijc", weights(pixels.shape[0], height, method), across)
    return np.clip(down, 0, 255)


def set_of(folder: Path, *pictures: np.ndarray) -> Manifest:
    """A data set with these, RGB or grey, as its testA."""
    write_set(folder, count=len(pictures))
    for index, pixels in enumerate(pictures):
        (folder / "testA" / f"{index}.png").write_bytes(png(Image.fromarray(pixels)))
    return prepare(str(folder)).manifest


# ------------------------------------------------------------------------- ways to resize


@pytest.mark.parametrize("method", ["bicubic", "bilinear"])
@pytest.mark.parametrize(("height", "width", "size"), [(40, 60, 13), (20, 9, 32), (64, 64, 28)])
def test_both_filters_of_pil_are_what_their_names_say(
    method: Resize, height: int, width: int, size: int
) -> None:
    pixels = noise(height, width)
    resized = resize(Image.fromarray(pixels), size, method)
    assert resized.shape == (size, size, 3) and resized.dtype == np.uint8
    assert np.abs(resized - by_weights(pixels, size, size, method)).max() <= 1.3


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((20, 20), (33, 33)), ((64, 64), (72, 72)), ((256, 256), (286, 286)), ((9, 9), (1, 1)),
        ((40, 23), (17, 17)), ((50, 70), (7, 7)), ((1, 2), (5, 5)), ((24, 17), (13, 31)),
        ((24, 17), (44, 9)),
    ],
)  # fmt: skip
def test_aliased_is_what_tensorflow_does_but_for_rounding(
    before: tuple[int, int], after: tuple[int, int]
) -> None:
    pixels = noise(*before)
    expected = tf.image.resize(pixels, after).numpy()  # float32, not rounded
    aliased = bilinear_aliased(pixels, *after)
    assert aliased.dtype == np.uint8 and aliased.shape == (*after, 3)
    # TensorFlow places pixels with float32: up to 0.01 of a level away from exact.
    assert np.abs(aliased - expected).max() <= 0.51
    assert np.mean(aliased == np.rint(expected)) > 0.99


def test_halves_are_exact_and_go_to_the_even_level() -> None:
    pixels = noise(32, 32)
    expected = tf.image.resize(pixels, (16, 16)).numpy()  # means of four: exact in float32, too
    assert np.any(expected % 1 == 0.5)
    np.testing.assert_array_equal(bilinear_aliased(pixels, 16, 16), np.rint(expected))


@pytest.mark.parametrize("method", METHODS)
def test_the_same_size_changes_nothing(method: Resize) -> None:
    pixels = noise(24, 24)
    np.testing.assert_array_equal(resize(Image.fromarray(pixels), 24, method), pixels)


def test_stripes_alias_without_antialias_only() -> None:
    stripes = np.zeros((80, 80, 3), np.uint8)
    stripes[:, ::2] = 255
    # 16 pixels to one of the smaller image: it takes two of them, half and half, or one of two.
    assert set(bilinear_aliased(stripes, 16, 16)[0, :, 0].tolist()) == {0, 255}
    for method in ("bicubic", "bilinear"):
        smooth = resize(Image.fromarray(stripes), 16, method)[:, 2:-2].astype(int)
        assert np.abs(smooth - 127).max() < 20


def test_one_channel_is_luma_of_what_would_be_three(tmp_path: Path) -> None:
    pixels, grey = noise(24, 24), noise(24, 24)[..., 1]
    manifest = set_of(tmp_path / "set", pixels, grey)
    images = load_images(manifest, "testA", 24, channels=1)
    assert images.shape == (2, 24, 24, 1) and images.dtype == np.uint8
    assert isinstance(images, np.memmap) and not images.flags.writeable
    assert np.abs(images[0] - luma(pixels)).max() <= 0.51
    np.testing.assert_array_equal(images[1, ..., 0], grey)  # stored grey: not a level lost


@pytest.mark.parametrize("method", METHODS)
def test_grey_images_are_made_grey_first_and_resized_then(tmp_path: Path, method: Resize) -> None:
    pixels = noise(30, 18)
    manifest = set_of(tmp_path / "set", pixels)
    grey = load_images(manifest, "testA", 11, method=method, channels=1)[0]
    colour = Image.fromarray(pixels)
    np.testing.assert_array_equal(grey, resize(colour.convert("L"), 11, method))
    other_way_round = Image.fromarray(resize(colour, 11, method)).convert("L")
    assert (grey[..., 0] != np.asarray(other_way_round)).any()


def test_the_mode_a_file_is_stored_in_does_not_matter_to_its_luma(tmp_path: Path) -> None:
    manifest = set_of(tmp_path / "set", noise(8, 8), noise(8, 8), noise(8, 8))
    folder = tmp_path / "set" / "testA"
    plain = Image.fromarray(noise(8, 8)).quantize(16).convert("RGB")
    plain.save(folder / "0.png")
    plain.quantize(16).save(folder / "1.png")
    see_through = plain.convert("RGBA")
    see_through.putalpha(3)
    see_through.save(folder / "2.png")
    manifest = prepare(str(tmp_path / "set")).manifest
    images = load_images(manifest, "testA", 8, channels=1)
    rgb = load_images(manifest, "testA", 8)
    assert (rgb[0] == rgb[1]).all() and (rgb[0] == rgb[2]).all()
    assert (images[0] == images[1]).all() and (images[0] == images[2]).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("height", "width", "square"),
    [
        (30, 20, np.s_[5:25, 0:20]),
        (20, 31, np.s_[0:20, 5:25]),  # of 11 pixels too many, five go on the left, six on the right
    ],
)
def test_the_central_square_is_a_slice_resized(
    tmp_path: Path, height: int, width: int, square: tuple[slice, slice], method: Resize
) -> None:
    pixels = noise(height, width)
    manifest = set_of(tmp_path / "set", pixels)
    for size, channels in product((20, 9), (1, 3)):
        image = load_images(
            manifest, "testA", size, method=method, channels=channels, fit="centre"
        )[0]
        expected = Image.fromarray(np.ascontiguousarray(pixels[square]))
        if channels == 1:
            expected = expected.convert("L")
        np.testing.assert_array_equal(image, resize(expected, size, method))


@pytest.mark.parametrize(
    ("height", "width", "size", "expected"),
    [
        (40, 80, 10, (10, 20)),
        (80, 40, 10, (20, 10)),
        (30, 70, 10, (10, 23)),  # 23.3
        (30, 80, 10, (10, 27)),  # 26.7
        (4, 7, 6, (6, 11)),  # 10.5
        (7, 4, 6, (11, 6)),
        (25, 25, 64, (64, 64)),
        (480, 640, 256, (256, 341)),  # 341.3
        (1, 1000, 1, (1, 1000)),
    ],
)
def test_the_shorter_side_gets_the_size_and_the_longer_one_is_rounded(
    height: int, width: int, size: int, expected: tuple[int, int]
) -> None:
    assert fitted(height, width, size, "shorter_side") == expected
    for other in ("stretch", "centre"):
        assert fitted(height, width, size, other) == (size, size)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_different_shapes_keep_them(
    tmp_path: Path, method: Resize, channels: Channels
) -> None:
    pictures = [noise(40, 61), noise(21, 14), noise(9, 9)]
    manifest = set_of(tmp_path / "set", *pictures)
    images = load_images(
        manifest, "testA", 12, method=method, channels=channels, fit="shorter_side"
    )
    assert isinstance(images, Ragged) and len(images) == 3
    assert [image.shape for image in images] == [
        (12, 18, channels), (18, 12, channels), (12, 12, channels)
    ]  # fmt: skip
    for image, pixels in zip(images, pictures, strict=True):
        before = np.rint(luma(pixels)).astype(np.uint8) if channels == 1 else pixels
        if method == "bilinear_aliased":
            expected = bilinear_aliased(before, *image.shape[:2]).astype(float)
        else:
            expected = by_weights(before, *image.shape[:2], method)
        assert np.abs(image - expected).max() <= 1.5


def test_every_choice_has_a_cache_of_its_own(tmp_path: Path, own_cache: Path) -> None:
    manifest = set_of(tmp_path / "set", noise(10, 14))
    names = set()
    for method, channels, fit, size in product(METHODS, (1, 3), FITS, (6, 7)):
        images = load_images(manifest, "testA", size, None, method, channels=channels, fit=fit)
        names.add(Path(images.filename).name)  # type: ignore[union-attr]
    assert len(names) == 3 * 2 * 3 * 2
    assert names == {path.name for path in (own_cache / "images").iterdir()}


def test_what_was_decoded_before_there_were_options_is_found_again(tmp_path: Path) -> None:
    """Keys of the defaults have not moved: nobody decodes 100,000 images again for nothing."""
    manifest = set_of(tmp_path / "set", noise(8, 8), noise(9, 9))
    lines = [recipe("bicubic"), "5", *(file.sha256 for file in manifest.splits["testA"])]
    key = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]
    images = load_images(manifest, "testA", 5)
    assert isinstance(images, np.memmap) and Path(images.filename).name == f"{key}.npy"
    assert recipe("bicubic") == f"rgb bicubic-antialias pillow {PIL.__version__}"
    assert recipe("bilinear_aliased") == f"rgb bilinear-aliased pillow {PIL.__version__}"
    assert len({recipe(*choice) for choice in product(METHODS, (1, 3), FITS)}) == 18


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"method": "nearest"}, "resize: nearest is not possible; give one of bicubic, bilinear,"),
        ({"channels": 2}, "channels: 2 is not possible; give one of 1, 3"),
        ({"fit": "center"}, "fit: center is not possible; give one of stretch, centre, shorter_s"),
    ],
)
def test_an_unknown_choice_is_refused(tmp_path: Path, options: dict, problem: str) -> None:
    with pytest.raises(UserError, match=problem):
        load_images(set_of(tmp_path / "set", noise(4, 4)), "testA", 4, **options)


def test_a_strip_that_would_fill_the_memory_is_refused_by_name(
    tmp_path: Path, own_cache: Path
) -> None:
    manifest = set_of(tmp_path / "set", noise(4, 4), noise(1, 6000))
    with pytest.raises(UserError, match=r"1\.png: 6000 x 1 px, too narrow to become 256 px"):
        load_images(manifest, "testA", 256, fit="shorter_side")
    assert list((own_cache / "images").iterdir()) == []
    assert load_images(manifest, "testA", 16, fit="stretch").shape == (2, 16, 16, 3)


# --------------------------------------------------------------- what a training is given


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
    bicubic, chosen = images_by("bicubic", prepared), images_by(method, prepared)
    for split in bicubic:
        same = np.array_equal(bicubic[split], chosen[split])
        assert same == (of_tests == "bicubic" and not split.startswith("train")), split
    for split, size, by in (("trainA", 36, method), ("testA", 32, of_tests)):
        first = Image.open(prepared.located.folder / split / "0.png")
        np.testing.assert_array_equal(chosen[split][0], resize(first, size, by))


def test_the_built_in_set_is_drawn_at_the_size_asked_for() -> None:
    prepared = prepare("seasons", size=36, counts=(2, 2))
    bicubic, aliased = (images_by(method, prepared) for method in ("bicubic", "bilinear_aliased"))
    for split in bicubic:
        np.testing.assert_array_equal(bicubic[split], aliased[split])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("method", METHODS)
def test_photographs_are_fitted_and_resized_as_said(
    photographs: Path, tmp_path: Path, method: Resize, channels: Channels
) -> None:
    """Two horses in colour, two zebras stored grey, cut to upright and to wide pictures."""
    folder, names = photographs / "horse2zebra", ["n02391049_226.jpg", "n02391049_2341.jpg"]
    paths = [*sorted((folder / "trainA").iterdir())[:2], *(folder / "trainB" / n for n in names)]
    pictures = []
    for index, path in enumerate(paths):
        with Image.open(path) as image:
            box = (0, 20, 256, 211) if index % 2 else (33, 0, 200, 256)
            pictures.append(np.asarray(image.crop(box)))
    manifest = set_of(tmp_path / "set", *pictures)
    for fit in FITS:
        images = load_images(manifest, "testA", 64, None, method, channels=channels, fit=fit)
        for image, stored in zip(images, pictures, strict=True):
            pixels = np.repeat(stored[..., None], 3, 2) if stored.ndim == 2 else stored
            if channels == 1:
                pixels = np.rint(luma(pixels)).astype(np.uint8)
            height, width = pixels.shape[:2]
            tall, wide = (64, 64)
            if fit == "centre":
                top, left = max(0, height - width) // 2, max(0, width - height) // 2
                side = min(height, width)
                pixels = pixels[top : top + side, left : left + side]
            elif fit == "shorter_side":
                tall, wide = (98, 64) if height > width else (64, 86)
            assert image.shape == (tall, wide, channels)
            if method == "bilinear_aliased":
                assert (image == bilinear_aliased(pixels, tall, wide)).mean() > 0.99
            else:
                apart = np.abs(image - by_weights(pixels, tall, wide, method))
                assert apart.max() <= 1.6 and apart.mean() < 0.4
