"""Feature vectors of image sets: cached on disk, computed by one subprocess when missing.

Extractors need torch, which takes seconds to import and competes with TensorFlow for threads. They
run in a process of their own (`harness.metrics.extractors`), started once for all missing sets.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from harness.metrics.extractors import Extractor
from harness.processes.process import Child
from harness.system.errors import UserError
from harness.system.files import read_arrays, write_arrays

# Longest silence of the process, which reports every few images a core. Torch and the weights may
# come from a slow network disk; nothing is downloaded.
EXTRACTOR_SECONDS = 300.0

Report = Callable[[str, int, int], None]
"""Called with (what is being done, how many are done, out of how many)."""


def features(
    image_sets: Mapping[str, np.ndarray],
    extractor: Extractor,
    cache: Path,
    report: Report,
    weights: Path | None = None,
) -> dict[str, np.ndarray]:
    """Features float32 (N, d) of each set of uint8 images (N, H, W, 3 or 1), by the set's name.

    Cached in `cache` under the images, the extractor's weights and its preprocessing. Sets
    are fetched from `image_sets` one at a time, so a lazy mapping keeps memory flat.
    Non-square images are stretched to a square. `weights`: their file, for an extractor that no
    package carries. Raises UserError for other weights than the published ones, WorkerFailed if
    extraction fails.
    """
    keys = {name: features_key(images, extractor) for name, images in image_sets.items()}
    names = {key: name for name, key in keys.items()}  # equal sets are extracted once
    vectors = {}
    for key in names:
        path = cache / f"{key}.safetensors"
        # A damaged file is extracted again, as an absent one is.
        with suppress(UserError, KeyError):
            array = read_arrays(path)["features"] if path.exists() else None
            if array is not None and _plausible(array, extractor):
                vectors[key] = array
    missing = {key: name for key, name in names.items() if key not in vectors}
    if missing:
        vectors |= _extract(missing, image_sets, extractor, weights, cache, report)
    return {name: vectors[key] for name, key in keys.items()}


def _extract(
    missing: Mapping[str, str],
    image_sets: Mapping[str, np.ndarray],
    extractor: Extractor,
    weights: Path | None,
    cache: Path,
    report: Report,
) -> dict[str, np.ndarray]:
    """Features by key of the sets `missing` {key: name}; each goes into the cache when done."""
    cache.mkdir(parents=True, exist_ok=True)
    stage, total, vectors = f"features, {extractor.name}", 0, {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix=".extract-", dir=cache)))
        for key, name in missing.items():
            images = image_sets[name]
            total += len(images)
            # The same version and order of axes whatever the array is in memory.
            with (folder / f"{key}.images.npy").open("wb") as file:
                np.lib.format.write_array(file, np.ascontiguousarray(images), (1, 0))
        report(stage, 0, total)
        child = Child(
            "harness.metrics.extractors",
            "feature extractor",
            None,
            {"name": extractor.name, "weights": str(weights or ""), "folder": str(folder)},
            EXTRACTOR_SECONDS,
            extractor.backend,
            {"OMP_NUM_THREADS": "1"},
        )
        stack.enter_context(closing(child))
        for key, name in missing.items():
            for event in child.events(extract=key):
                report(stage, event["done"], total)
            vectors[key] = np.load(folder / f"{key}.features.npy", allow_pickle=False)
            if not _plausible(vectors[key], extractor):
                raise UserError(f"features of {name}: not finite; report this as a bug")
            write_arrays(cache / f"{key}.safetensors", {"features": vectors[key]})
            (folder / f"{key}.images.npy").unlink()
    return vectors


def features_key(images: np.ndarray, extractor: Extractor) -> str:
    """Name of a set of images in the cache. Raises ValueError unless uint8 NHWC, RGB or grey."""
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise ValueError(f"uint8 (N, H, W, 3 or 1) needed, given {images.dtype} {images.shape}")
    source = f"{extractor.weights_sha256} {extractor.preprocessing}"
    digest = hashlib.sha256(f"{images.shape} {source}\n".encode())
    digest.update(np.ascontiguousarray(images).data if images.size else b"")
    return digest.hexdigest()[:32]


def _plausible(array: np.ndarray, extractor: Extractor) -> bool:
    shaped = array.ndim == 2 and array.shape[1] == extractor.dimensions
    return bool(shaped and array.dtype == np.float32 and np.isfinite(array).all())
