"""Feature extraction: `python -m harness.metrics.extractor NAME WEIGHTS FOLDER KEY...`.

NAME is one of EXTRACTORS, WEIGHTS a file, or empty where a package carries them. For every KEY it
reads FOLDER/KEY.images.npy (uint8 NHWC, RGB or grey) and writes FOLDER/KEY.features.npy, float32
(N, d), and says on stdout, one JSON object a line, how many images are done and which key is
finished. Started by `harness.metrics.features`, which is what keeps torch out of every other
process.

Always on the CPU, an image at a time, one thread an image: the same arithmetic on every machine,
and a vector that depends on nothing but its image. It is also the fastest: an image's feature maps
fit into a core's cache, and cores never wait for each other, which costs several-fold where
anything else runs. Images are read and features written in groups: memory does not grow with
their number.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from harness.metrics.extractors import EXTRACTORS
from harness.system.errors import UserError

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
GROUP = 8  # images a core takes before progress is told

Extract = Callable[[np.ndarray], np.ndarray]


def main(arguments: list[str]) -> None:
    name, weights, folder, *keys = arguments
    extractor = EXTRACTORS[name]
    load = importlib.import_module(extractor.module).load_extractor
    extract = load(Path(weights) if weights else None)
    done = 0
    with ThreadPoolExecutor(CORES) as pool:
        for key in keys:
            for count in _extract_set(pool, extract, extractor.dimensions, Path(folder), key):
                done += count
                print(json.dumps({"done": done}), flush=True)
            print(json.dumps({"done": done, "finished": key}), flush=True)


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
    try:
        main(sys.argv[1:])
    except UserError as error:
        sys.exit(str(error))
