"""The networks whose features scores rest on, and the process that computes the features.

`harness.metrics.features` starts this module as a process, so that torch stays in there. The first
line names one of EXTRACTORS, the file of its weights (none where a package carries them) and a
folder. For every command `{"extract": KEY}` the process reads KEY.images.npy there (uint8 NHWC, RGB
or grey) and writes KEY.features.npy, float32 (N, d). Events say how many images are done in all.

It computes on the CPU, an image at a time, with one thread an image. So the arithmetic is the same
on every machine, and a vector depends on nothing but its image. It is also the fastest: an image's
feature maps fit into a core's cache, and cores never wait for each other. Images are read and
features written in groups: memory does not grow with their number.
"""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.processes.child import Parent, run

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
GROUP = 8  # images of each core between two reports of progress

Extract = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Extractor:
    """What decides a feature vector, besides the image (docs/evaluation.md).

    `module` has `load_extractor(weights)`, which gives a function from uint8 (N, H, W, 3) to
    float32 (N, `dimensions`). `preprocessing` names all that is done to the image: change both
    together. `backend`: whose Python has what the module imports.
    """

    name: str
    module: str
    dimensions: int
    weights_sha256: str
    preprocessing: str
    backend: str = "torch"


EFFICIENTNET = Extractor(
    name="efficientnet-lite0",
    module="harness.metrics.efficientnet",
    dimensions=1280,
    weights_sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    preprocessing="rgb-pil_bicubic_224-minus127over128",
)
INCEPTION = Extractor(
    name="inception-2015-12-05",
    module="harness.metrics.inception",
    dimensions=2048,
    weights_sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    preprocessing="rgb-tf1_bilinear_299-minus128over128",
)
EXTRACTORS = {extractor.name: extractor for extractor in (EFFICIENTNET, INCEPTION)}


def serve(parent: Parent) -> None:
    extractor, weights = EXTRACTORS[parent.first["name"]], parent.first["weights"]
    load = importlib.import_module(extractor.module).load_extractor
    extract = load(Path(weights) if weights else None)
    folder, done = Path(parent.first["folder"]), 0
    parent.send({"ready": True})
    with ThreadPoolExecutor(CORES) as pool:
        for command in parent.commands():
            file = folder / command["extract"]
            for count in _extract_set(pool, extract, extractor.dimensions, file):
                done += count
                parent.progress(done=done)
            parent.send({"done": done})


def _extract_set(
    pool: ThreadPoolExecutor, extract: Extract, dimensions: int, file: Path
) -> Iterator[int]:
    """Features of one set of images; yields how many images each group had.

    `file`: path of both files without their suffixes. Plain reads and writes: pages of a
    memory-mapped file would add up.
    """
    form = np.lib.format
    images, features = file.with_suffix(".images.npy"), file.with_suffix(".features.npy")
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
