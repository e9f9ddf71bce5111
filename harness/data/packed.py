"""Sets of digits published as arrays, written out once as an ordinary data set of PNG files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from harness.data.cache import build_folder, cache_folder, explained_writes
from harness.data.formats import LabelledImages, npz
from harness.data.labels import FILE_NAME, write_lines
from harness.data.layout import Progress, missing_splits
from harness.data.sources import Digits
from harness.system.checksums import digest_of
from harness.system.errors import UserError

# Changes with the readers or the way files are written and named: an older copy is not used then.
VERSION = "1"

TrainAndTest = tuple[LabelledImages, LabelledImages]


@dataclass(frozen=True)
class Packed:
    """The files of one set, and what makes train and test images of them."""

    files: tuple[Path, ...]
    read: Callable[[], TrainAndTest]

    def digest(self) -> str:
        """Equal for equal files, wherever they lie. Raises UserError if one cannot be read."""
        try:
            return ",".join(digest_of(file) for file in self.files)
        except OSError as error:
            raise UserError(
                f"{error.filename}: cannot be read ({error.strerror}); check its rights"
            ) from None


def packed_in_npz(file: Path) -> Packed:
    """A set in the one-file layout that `formats.npz` reads."""
    return Packed((file,), lambda: npz.read(file))


def packed_as_published(source: Digits, train: Sequence[Path], test: Sequence[Path]) -> Packed:
    """A set in its publisher's files, in the order in which `source` has them."""
    return Packed((*train, *test), lambda: (source.read(*train), source.read(*test)))


def pair_of_digits(name: str, a: Packed, b: Packed, progress: Progress | None = None) -> Path:
    """Two sets as a data set in the cache, with their published splits and labels; its folder.

    Files are 00000.png, 00001.png, ... in the published order, of the published size and depth.
    Its name ends in a hash of the source files' content, so it is made once. `progress` counts
    images. Raises UserError as the readers do.
    """
    identity = hashlib.sha256(f"{VERSION}\n{a.digest()}\n{b.digest()}".encode()).hexdigest()[:12]
    folder = cache_folder() / "datasets" / f"{name}-{identity}"
    if not missing_splits(folder) and (folder / FILE_NAME).is_file():
        return folder
    with explained_writes(folder), build_folder(folder) as new:
        splits: dict[str, LabelledImages] = {}
        for letter, packed in (("A", a), ("B", b)):
            splits[f"train{letter}"], splits[f"test{letter}"] = packed.read()
        _write(new, splits, progress)
    return folder


def _write(
    folder: Path, splits: dict[str, LabelledImages], progress: Progress | None = None
) -> None:
    total, done = sum(len(part.labels) for part in splits.values()), 0
    lines = []
    for split, part in splits.items():
        (folder / split).mkdir()
        for index, (pixels, label) in enumerate(zip(part.images, part.labels, strict=True)):
            name = f"{index:05d}.png"
            Image.fromarray(pixels).save(folder / split / name)
            lines.append(((split, name), str(label)))
            done += 1
            if progress:
                progress(done, total)
    write_lines(folder / FILE_NAME, lines)
