"""Images are decoded and resized once, as the reference does it, and read back as they were."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from datasets_helpers import picture, png, write_set
from PIL import Image

from harness.data import Fit, Manifest, load_images, prepare
from harness.system.errors import UserError

pytestmark = pytest.mark.usefixtures("own_cache")
BOTH_KINDS = pytest.mark.parametrize("fit", ["stretch", "shorter_side"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_set(tmp_path / "set")


@pytest.fixture
def manifest(folder: Path) -> Manifest:
    return prepare(str(folder)).manifest


def only_file(own_cache: Path) -> Path:
    (path,) = (own_cache / "images").iterdir()
    return path


def test_images_stand_in_the_order_of_the_manifest(manifest: Manifest) -> None:
    images = load_images(manifest, "trainB", 12)
    assert images.dtype == np.uint8 and images.shape == (2, 12, 12, 3)
    np.testing.assert_array_equal(images[0], np.asarray(picture(100)))
    np.testing.assert_array_equal(images[1], np.asarray(picture(101)))
    assert isinstance(images, np.memmap) and not images.flags.writeable


def test_resizing_is_bicubic_with_antialias_and_ignores_the_aspect_ratio(folder: Path) -> None:
    stripes = np.zeros((40, 80, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    Image.fromarray(stripes).save(folder / "testA" / "0.png")
    image = load_images(prepare(str(folder)).manifest, "testA", 10)[0]
    assert image.shape == (10, 10, 3)
    # Without antialias, samples 8 pixels apart all fall on stripes of one colour.
    assert abs(image.astype(float).mean() - 127.5) < 2
    expected = Image.fromarray(stripes).resize((10, 10), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(image, np.asarray(expected))


def test_every_stored_mode_becomes_rgb(folder: Path) -> None:
    red = Image.new("RGB", (8, 8), (200, 10, 20))
    red.convert("RGBA").save(folder / "testA" / "0.png")
    red.convert("P", palette=Image.Palette.ADAPTIVE).save(folder / "testA" / "1.png")
    Image.new("L", (8, 8), 77).save(folder / "testA" / "2.png")
    images = load_images(prepare(str(folder)).manifest, "testA", 8)
    assert images[:, 0, 0].tolist() == [[200, 10, 20], [200, 10, 20], [77, 77, 77]]


def test_the_cache_serves_without_the_files(manifest: Manifest, folder: Path) -> None:
    first = np.array(load_images(manifest, "testB", 6))
    shutil.rmtree(folder)
    elsewhere = Manifest.from_json(manifest.to_json())
    np.testing.assert_array_equal(load_images(elsewhere, "testB", 6), first)
    with pytest.raises(UserError, match="not in the cache"):
        load_images(elsewhere, "testB", 7)


@pytest.mark.parametrize("damage", ["empty", "cut", "text", "longer", "pickle", "another shape"])
def test_a_damaged_cache_file_is_rebuilt(manifest: Manifest, own_cache: Path, damage: str) -> None:
    expected = np.array(load_images(manifest, "trainA", 6))
    path = only_file(own_cache)
    content = path.read_bytes()
    if damage == "pickle":
        np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    elif damage == "another shape":
        np.save(path, expected[:1])
    else:
        replacement = {
            "empty": b"",
            "cut": content[:-1],
            "text": b"nonsense",
            "longer": content + b"\0",
        }
        path.write_bytes(replacement[damage])
    np.testing.assert_array_equal(load_images(manifest, "trainA", 6), expected)
    assert only_file(own_cache).read_bytes() == content


def test_size_and_files_have_their_own_cache(
    manifest: Manifest, folder: Path, own_cache: Path
) -> None:
    before = np.array(load_images(manifest, "trainA", 6))
    assert load_images(manifest, "trainA", 7).shape == (2, 7, 7, 3)
    (folder / "trainA" / "0.png").write_bytes(png(picture(999)))
    after = load_images(prepare(str(folder)).manifest, "trainA", 6)
    assert (after[0] != before[0]).any() and (after[1] == before[1]).all()
    assert len(list((own_cache / "images").iterdir())) == 3


@BOTH_KINDS
def test_a_file_changed_since_the_manifest_leaves_no_cache(
    manifest: Manifest, folder: Path, own_cache: Path, fit: Fit
) -> None:
    (folder / "trainA" / "1.png").write_bytes(png(picture(999)))
    with pytest.raises(UserError, match=r"1\.png: changed since"):
        load_images(manifest, "trainA", 6, fit=fit)
    (folder / "trainA" / "1.png").unlink()
    with pytest.raises(UserError, match=r"1\.png: changed since"):
        load_images(manifest, "trainA", 6, fit=fit)
    assert list((own_cache / "images").iterdir()) == []


def test_an_unknown_split_and_an_impossible_size_are_refused(manifest: Manifest) -> None:
    with pytest.raises(UserError, match="has no split testA_in_B"):
        load_images(manifest, "testA_in_B", 6)
    with pytest.raises(UserError, match="image size: 0"):
        load_images(manifest, "trainA", 0)


@BOTH_KINDS
def test_a_full_disk_is_one_line_and_leaves_nothing(
    manifest: Manifest, own_cache: Path, monkeypatch: pytest.MonkeyPatch, fit: Fit
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=r"No space left on device.*CYCLEBENCH_CACHE"):
        load_images(manifest, "trainA", 6, fit=fit)
    assert list((own_cache / "images").iterdir()) == []


@BOTH_KINDS
def test_progress_counts_images_once(manifest: Manifest, fit: Fit) -> None:
    calls: list[tuple[int, int]] = []
    for _ in range(2):
        load_images(manifest, "trainA", 6, lambda done, total: calls.append((done, total)), fit=fit)
    assert calls == [(1, 2), (2, 2)]
