"""Feature extraction: `python -m harness.metrics.extractor NAME WEIGHTS FOLDER KEY...`.

NAME is one of EXTRACTORS, WEIGHTS a file, or empty where a package carries them. For every KEY it
reads FOLDER/KEY.images.safetensors (`images`, uint8 NHWC, RGB or grey) and writes
FOLDER/KEY.features.npy, float32 (N, d), and says on stdout, one JSON object a line, how many images
are done and which key is finished. Started by `harness.metrics.features`, which is what keeps torch
out of every other process.

Always on the CPU, an image at a time, one thread an image: the same arithmetic on every machine,
and a vector that depends on nothing but its image. It is also the fastest: an image's feature maps
fit into a core's cache, and cores never wait for each other, which costs several-fold where
anything else runs. Images are read and features written in groups: memory does not grow with
their number.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from safetensors import safe_open

from harness.errors import UserError
from harness.metrics.extractors import EXTRACTORS

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
    """Features of one set; yields how many images each group had."""
    with safe_open(str(folder / f"{key}.images.safetensors"), framework="numpy") as file:
        images = file.get_slice("images")
        count, *_, channels = images.get_shape()
        target = folder / f"{key}.features.npy"
        if not count:
            np.save(target, np.zeros((0, dimensions), np.float32))
            return
        found = np.lib.format.open_memmap(target, "w+", np.float32, (count, dimensions))
        for start in range(0, count, GROUP * CORES):
            stop = min(start + GROUP * CORES, count)
            group = images[start:stop]
            rgb = group.repeat(3, axis=3) if channels == 1 else group
            found[start:stop] = np.concatenate(list(pool.map(extract, rgb[:, None])))
            yield stop - start
        found.flush()


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except UserError as error:
        sys.exit(str(error))
