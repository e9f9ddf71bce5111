"""What it takes to draw or decode a data set's images, told from a few of them."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from harness.config.experiment import Experiment
from harness.data.cache import cache_folder
from harness.data.catalogue import BuiltIn, find_entry
from harness.data.decode import UnreadableImage, bombs_refused, decode
from harness.data.find_local import find_local
from harness.data.layout import missing_splits
from harness.data.resize import resize
from harness.data.scan import examine, image_files
from harness.studies.estimate.work import Counts, Work
from harness.system.errors import UserError

FEW = 16  # images


def time_preparing(work: Work, data_dir: Path | None, folder: Path) -> float | None:
    """Seconds of what is not in the cache yet; None where there are no files to look at.

    Of a folder of files it is not known whether they have been decoded: they are reckoned anew.
    """
    experiment, counts = work.experiment, work.counts
    entry = find_entry(experiment.dataset)
    if entry is not None and isinstance(entry.source, BuiltIn):
        if _drawn(entry.name, experiment):
            return 0.0
        drawn = _draw(entry.source, experiment, folder / "drawn")
        return drawn * _all(counts) + _decoding(folder / "drawn", work)
    found = find_local(experiment.dataset, data_dir)
    return None if found is None else _decoding(found.folder, work)


def _drawn(name: str, experiment: Experiment) -> bool:
    """Whether the cache has a drawing of a built-in set at this size, which is then decoded too."""
    data = experiment.data
    size = max(data.load("a"), data.load("b"))
    folders = (cache_folder() / "datasets").glob(f"{name}-{size}px-{data.train}x{data.test}-*")
    return any(not missing_splits(folder) for folder in folders)


def _all(counts: Counts) -> int:
    """Images there are, true pairs included."""
    tests = counts.test_a + counts.test_b
    return counts.train_a + counts.train_b + tests * (2 if counts.paired else 1)


def _draw(source: BuiltIn, experiment: Experiment, folder: Path) -> float:
    """Seconds an image."""
    write = getattr(import_module(f"harness.data.{source.package}"), source.writer)
    data, half = experiment.data, FEW // 2
    began = time.perf_counter()
    try:
        write(folder, max(data.load("a"), data.load("b")), half, half, None)
    except ValueError as error:
        raise UserError(f"{experiment.dataset}: {error}; give other sizes or counts") from None
    return (time.perf_counter() - began) / sum(len(image_files(p)) for p in folder.iterdir())


def _decoding(folder: Path, work: Work) -> float:
    """Every file is examined once; then resized for training, for evaluation, or for both."""
    data, counts = work.experiment.data, work.counts
    files = image_files(folder / "trainA")[: FEW // 2] + image_files(folder / "trainB")[: FEW // 2]

    def examined(path: Path) -> None:
        examine("", path)

    def decoded(path: Path) -> None:
        with suppress(UnreadableImage):
            resize(decode(path.read_bytes())[0], data.load("a"), "bicubic", "stretch")

    trained = counts.train_a + counts.train_b
    with bombs_refused(), ThreadPoolExecutor() as pool:
        seconds = []
        for act in (examined, decoded):
            began = time.perf_counter()
            list(pool.map(act, files))
            seconds.append((time.perf_counter() - began) / len(files))
    return seconds[0] * _all(counts) + seconds[1] * (_all(counts) + trained)
