"""What it takes to draw or decode a data set's images, measured on a few of them."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from harness.data.cache import cache_folder
from harness.data.catalogue import BuiltIn, find_entry
from harness.data.decode import UnreadableImage, bombs_refused, decode
from harness.data.find_local import find_local
from harness.data.layout import missing_splits
from harness.data.resize import resize
from harness.data.scan import examine, image_files
from harness.studies.estimate.work import Work
from harness.system.errors import UserError

FEW = 16  # images


def time_preparing(work: Work, data_dir: Path | None, folder: Path) -> float | None:
    """Seconds of what is not in the cache yet; None where there are no files to look at.

    Of a folder of files it is not known whether they have been decoded: they are counted as new.
    """
    experiment, counts, data = work.experiment, work.counts, work.experiment.data
    trained = counts.train_a + counts.train_b
    tests = counts.test_a + counts.test_b
    images = trained + tests * (2 if counts.paired else 1)
    entry = find_entry(experiment.dataset)
    if entry is None or not isinstance(entry.source, BuiltIn):
        local = find_local(experiment.dataset, data_dir)
        return None if local is None else _decoding(local.folder, work, images, trained)
    # The cache has a drawing of a built-in set at this size: it is decoded there, too.
    size = max(data.load("a"), data.load("b"))
    pattern = f"{entry.name}-{size}px-{data.train}x{data.test}-*"
    drawings = (cache_folder() / "datasets").glob(pattern)
    if any(not missing_splits(drawing) for drawing in drawings):
        return 0.0
    write = getattr(import_module(f"harness.data.{entry.source.package}"), entry.source.writer)
    drawn = folder / "drawn"
    began = time.perf_counter()
    try:
        write(drawn, size, FEW // 2, FEW // 2, None)
    except ValueError as error:
        raise UserError(f"{experiment.dataset}: {error}; give other sizes or counts") from None
    seconds = time.perf_counter() - began
    written = sum(len(image_files(split)) for split in drawn.iterdir())
    return seconds / written * images + _decoding(drawn, work, images, trained)


def _decoding(folder: Path, work: Work, images: int, trained: int) -> float:
    """Every file is examined once; then resized for evaluation, training images for both."""
    size = work.experiment.data.load("a")
    files = image_files(folder / "trainA")[: FEW // 2] + image_files(folder / "trainB")[: FEW // 2]

    def examined(path: Path) -> None:
        examine("", path)

    def decoded(path: Path) -> None:
        with suppress(UnreadableImage):
            resize(decode(path.read_bytes()), size, "bicubic", "stretch")

    seconds = []
    with bombs_refused(), ThreadPoolExecutor() as pool:
        for act in (examined, decoded):
            began = time.perf_counter()
            list(pool.map(act, files))
            seconds.append((time.perf_counter() - began) / len(files))
    return seconds[0] * images + seconds[1] * (images + trained)
