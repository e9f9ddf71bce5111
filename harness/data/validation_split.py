"""Validation: what settings are chosen on, so that nothing is chosen on the test images."""

from __future__ import annotations

from pathlib import Path

from harness.data.labels import FILE_NAME, read_lines
from harness.data.layout import Progress
from harness.data.linking import divide_files, link_files
from harness.data.scan import image_files


def link_validation_split(name: str, folder: Path, progress: Progress | None = None) -> Path:
    """A data set's training images, those of the validation part in place of its test images.

    Its own test images are left out, and so are true translations, which only they have. labels.csv
    follows the images. The folder is in the cache and made again when an image or label changed.
    Raises UserError for training splits too small to divide, and for a damaged labels.csv.
    """
    files: dict[str, dict[str, Path]] = {}
    for letter in "AB":
        source = folder / f"train{letter}"
        images = {path.name: path for path in image_files(source)}
        train, held = divide_files(images, "validation", source)
        files[f"train{letter}"], files[f"test{letter}"] = train, held
    known = read_lines(folder / FILE_NAME) or {}
    labels = {
        (split, file): known[f"train{split[-1]}", file]
        for split, paths in files.items()
        for file in paths
        if (f"train{split[-1]}", file) in known
    }
    return link_files(name, files, labels, progress)
