"""Images of different sizes: one mapped file, whole or not there."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from datasets_helpers import png, write_set
from PIL import Image

from harness.data import Manifest, Ragged, load_images, open_images, prepare
from harness.data.image_arrays import open_ragged, write_ragged
from harness.system.errors import UserError

SHAPES = ((10, 14), (13, 10), (10, 10))


pytestmark = pytest.mark.usefixtures("own_cache")


def pictures() -> list[np.ndarray]:
    draw = np.random.default_rng(0)
    return [draw.integers(256, size=(*shape, 3), dtype=np.uint8) for shape in SHAPES]


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """Its testA has `pictures`, whose shorter side is 10 already."""
    folder = write_set(tmp_path / "set", count=len(SHAPES))
    for index, pixels in enumerate(pictures()):
        (folder / "testA" / f"{index}.png").write_bytes(png(Image.fromarray(pixels)))
    return prepare(str(folder)).manifest


def load(manifest: Manifest, size: int = 10) -> Ragged:
    return load_images(manifest, "testA", size, fit="shorter_side")


def bytes_of(images: list[np.ndarray]) -> bytes:
    file = io.BytesIO()
    write_ragged(file, images)
    return file.getvalue()


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def only_file(own_cache: Path) -> Path:
    (path,) = (own_cache / "images").iterdir()
    return path


def test_every_image_is_there_in_its_shape_and_place(manifest: Manifest) -> None:
    images = load(manifest)
    assert len(images) == 3 and images.nbytes == 3 * (140 + 130 + 100)
    assert images.shapes.tolist() == [[10, 14, 3], [13, 10, 3], [10, 10, 3]]
    for index, expected in enumerate(pictures()):
        np.testing.assert_array_equal(images[index], expected)
        np.testing.assert_array_equal(images[np.int64(index - 3)], expected)
    assert all((a == b).all() for a, b in zip(images, pictures(), strict=True))

    for beyond in (3, -4):
        with pytest.raises(IndexError, match=f"image {beyond} of 3"):
            images[beyond]
    with pytest.raises(TypeError):
        images[0:2]  # type: ignore[index]
    # Views of the file, which cannot be written to.
    assert all(np.shares_memory(image, images.pixels) for image in images)
    assert type(images[0]) is np.ndarray and images[0].flags.c_contiguous
    for array in (images[0], images.pixels, images.shapes):
        assert not array.flags.writeable
    # NumPy opens the pixels by themselves.
    pixels = np.load(io.BytesIO(Path(images.filename).read_bytes()), allow_pickle=False)
    np.testing.assert_array_equal(pixels, np.concatenate([p.ravel() for p in pictures()]))


def test_another_process_opens_either_kind_by_its_path_alone(manifest: Manifest) -> None:
    ragged, array = load(manifest), load_images(manifest, "testA", 8)
    code = (
        "import sys; from pathlib import Path; from harness.data import open_images\n"
        "for path in sys.argv[1:]:\n"
        "    images = open_images(Path(path))\n"
        "    print(type(images).__name__, [i.shape for i in images], sum(int(i.sum()) for i in"
        " images), str(images.filename) == path)"
    )
    paths = [ragged.filename, str(array.filename)]  # type: ignore[attr-defined]
    run = subprocess.run(
        [sys.executable, "-c", code, *paths], capture_output=True, text=True, check=True
    )
    first, second = run.stdout.splitlines()
    total = sum(int(pixels.sum()) for pixels in pictures())
    assert first == f"Ragged [(10, 14, 3), (13, 10, 3), (10, 10, 3)] {total} True"
    assert second == f"memmap {[(8, 8, 3)] * 3} {int(array.sum())} True"


def with_shapes(shapes: object, dtype: str = "<i8") -> bytes:
    """The pixels of `pictures`, and this as their shapes."""
    pixels = np.concatenate([pixels.ravel() for pixels in pictures()])
    return npy(pixels) + npy(np.array(shapes, dtype))


def damaged(content: bytes) -> dict[str, bytes]:
    table = content.rindex(b"\x93NUMPY")
    right = [[10, 14, 3], [13, 10, 3], [10, 10, 3]]
    assert with_shapes(right) == content
    return {
        "empty": b"",
        "text": b"nonsense",
        "half of the pixels": content[: table // 2],
        "no shapes": content[:table],
        "half of the shapes' header": content[: table + 40],
        "shapes cut": content[:-1],
        "longer": content + b"\0",
        "shapes that are none": content[:table] + b"nonsense" * 20,
        "a shape too few": with_shapes(right[:2]),
        "more pixels in the shapes": with_shapes([*right[:2], [10, 11, 3]]),
        "huge shapes": with_shapes([[2**62, 2**62, 3], *right[1:]]),
        "negative shapes": with_shapes([[-10, -14, 3], *right[1:]]),
        "flat shapes": with_shapes([140, 130, 100]),
        "short integers": with_shapes(right, "<i2"),
        "another kind of file": png(Image.new("L", (3, 3))),
        "floats": npy(np.zeros(30)),
    }


EVERY_DAMAGE = sorted(damaged(bytes_of(pictures())))


@pytest.mark.parametrize("damage", EVERY_DAMAGE)
def test_a_damaged_file_is_refused_by_workers_and_made_again(
    manifest: Manifest, own_cache: Path, damage: str
) -> None:
    path = Path(load(manifest).filename)
    content = path.read_bytes()
    replacement = damaged(content)[damage]
    path.unlink()  # what is mapped must not change
    path.write_bytes(replacement)
    with pytest.raises(UserError, match=r"not decoded images of cyclebench \(.*remove it"):
        open_images(path)
    images = load(manifest)
    assert all((a == b).all() for a, b in zip(images, pictures(), strict=True))
    assert only_file(own_cache).read_bytes() == content


@pytest.mark.parametrize("damage", ["other sizes", "other count", "grey"])
def test_sound_images_of_another_kind_are_not_taken_for_these(
    manifest: Manifest, own_cache: Path, damage: str
) -> None:
    path = Path(load(manifest).filename)
    content = path.read_bytes()
    others = {
        "other sizes": [*pictures()[:2], np.zeros((20, 20, 3), np.uint8)],
        "other count": pictures()[:2],
        "grey": [pixels[..., :1] for pixels in pictures()],
    }
    path.unlink()
    path.write_bytes(bytes_of(others[damage]))
    assert len(open_images(path)) in (2, 3)
    assert all((a == b).all() for a, b in zip(load(manifest), pictures(), strict=True))
    assert only_file(own_cache).read_bytes() == content


@pytest.mark.parametrize("name", ["a.npy", "a.ragged"])
def test_a_pickle_is_never_opened(tmp_path: Path, name: str) -> None:
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    path = (tmp_path / "a.npy").rename(tmp_path / name)
    with pytest.raises(UserError, match=f"{name}: not decoded images"):
        open_images(path)


def array_claiming(shape: tuple[int, ...]) -> bytes:
    file = io.BytesIO()
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + bytes(96)


SOUND = npy(np.zeros((2, 4, 4, 3), np.uint8))
NOT_THE_SIZE = "not decoded images.*not of the size its header says"
SHORTER = "not decoded images.*shorter than its header says"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (SOUND[:-1], SHORTER),
        (SOUND + b"\0", NOT_THE_SIZE),
        (b"", "not decoded images"),
        (b"nonsense", "not decoded images"),
        (b"PK\3\4" + bytes(40), "not decoded images"),
        (SOUND.replace(b"(2,", b"(-2"), "not decoded images"),
        (SOUND[:10] + b"'" * 118, "not decoded images"),
        (array_claiming((10**30, 1, 1, 1)), SHORTER),
        (array_claiming((2**62, 4, 4, 3)), SHORTER),
        (npy(np.zeros((2, 4, 4), np.uint8)), "not decoded images"),
        (npy(np.zeros((2, 4, 4, 3), np.float32)), "not decoded images"),
    ],
)
def test_arrays_cut_short_longer_or_of_other_shape_are_refused(
    tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "a.npy"
    with pytest.raises(UserError, match="not decoded images"):
        open_images(path)  # it is not there
    path.write_bytes(content)
    with pytest.raises(UserError, match=words):
        open_images(path)


def test_the_number_of_pixels_may_have_any_number_of_digits(tmp_path: Path) -> None:
    for count in (1, 9, 10, 99_999, 100_000, 3_000_000):
        path = tmp_path / f"{count}.ragged"
        with path.open("wb") as file:
            write_ragged(file, [np.full((1, count, 1), 7, np.uint8), np.ones((1, 1, 1), np.uint8)])
        images = open_ragged(path)
        assert images[0].shape == (1, count, 1) and images[0].min() == 7
        assert images[1].tolist() == [[[1]]]
