"""Feature extraction, in a process that `harness.metrics.features` starts: torch stays in there.

The first line names one of EXTRACTORS, the file of its weights (none where a package carries them)
and a folder. For every command `{"extract": KEY}` it reads KEY.images.npy there (uint8 NHWC, RGB or
grey) and writes KEY.features.npy, float32 (N, d). Events say how many images are done in all.

Always on the CPU, an image at a time, one thread an image: the same arithmetic on every machine,
and a vector that depends on nothing but its image. It is also the fastest: an image's feature maps
fit into a core's cache, and cores never wait for each other, which costs several-fold where
anything else runs. Images are read and features written in groups: memory does not grow with
their number.
"""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from harness.metrics.extractors import EXTRACTORS
from harness.processes.child import Parent, run

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
GROUP = 8  # images a core takes before progress is told

Extract = Callable[[np.ndarray], np.ndarray]


def serve(parent: Parent) -> None:
    extractor, weights = EXTRACTORS[parent.first["name"]], parent.first["weights"]
    load = importlib.import_module(extractor.module).load_extractor
    extract = load(Path(weights) if weights else None)
    folder, done = Path(parent.first["folder"]), 0
    parent.send({"ready": True})
    with ThreadPoolExecutor(CORES) as pool:
        for command in parent.commands():
            for count in _extract_set(
                pool, extract, extractor.dimensions, folder, command["extract"]
            ):
                done += count
                parent.progress(done=done)
            parent.send({"done": done})


def _extract_set(
    pool: ThreadPoolExecutor, extract: Extract, dimensions: int, folder: Path, key: str
) -> Iterator[int]:
    """Features of one set; yields how many images each group had.

    Plain reads and writes: pages of a memory-mapped file would add up.
    """
    form = np.lib.format
    images, features = folder / f"{key}.images.npy", folder / f"{key}.features.npy"
    with images.open("rb") as source, features.open("wb") as sink:
        form.read_magic(source)
        (count, *shape), _, _ = form.read_array_header_1_0(source)
        header = {"descr": "<f4", "fortran_order": False, "shape": (count, dimensions)}
        form.write_array_header_1_0(sink, header)
        for start in range(0, count, GROUP * CORES):
            size = min(GROUP * CORES, count - start)
            content = source.read(size * math.prod(shape))
            group = np.frombuffer(content, np.uint8).reshape(size, 1, *shape)
            rgb = group.repeat(3, axis=4) if shape[-1] == 1 else group
            for row in pool.map(extract, rgb):
                sink.write(row.astype("<f4").tobytes())
            yield size


if __name__ == "__main__":
    run(serve)
