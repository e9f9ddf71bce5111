"""Feature vectors of image sets: cached on disk, computed by one subprocess when missing.

Extractors need torch, which takes seconds to import and fights with TensorFlow over threads, so
they live in a process of their own (`harness.metrics.extractor`), started once for all missing
sets, or never.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from harness.metrics.extractors import Extractor
from harness.processes.process import Child
from harness.system.errors import UserError
from harness.system.files import read_arrays, write_arrays

# Of silence: it says that it is alive after every few images a core; torch and the weights may
# come from a cold network disk, and nothing is downloaded.
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
    cached = {key: _read_cached(cache / f"{key}.safetensors", extractor) for key in names}
    missing = {key: names[key] for key, array in cached.items() if array is None}
    if missing:
        _extract(missing, image_sets, extractor, weights, cache, report)
    arrays = {key: array for key, array in cached.items() if array is not None}
    arrays |= {key: read_arrays(cache / f"{key}.safetensors")["features"] for key in missing}
    return {name: arrays[key] for name, key in keys.items()}


def _extract(
    missing: Mapping[str, str],
    image_sets: Mapping[str, np.ndarray],
    extractor: Extractor,
    weights: Path | None,
    cache: Path,
    report: Report,
) -> None:
    """Put the features of the sets `missing` {key: name} into the cache, each once it is done."""
    cache.mkdir(parents=True, exist_ok=True)
    stage = f"features, {extractor.name}"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix=".extract-", dir=cache)))
        total = 0
        for key, name in missing.items():
            images = image_sets[name]
            total += len(images)
            # The same version and order of axes whatever the array is in memory.
            with (folder / f"{key}.images.npy").open("wb") as file:
                np.lib.format.write_array(file, np.ascontiguousarray(images), (1, 0))
        report(stage, 0, total)
        child = Child(
            "harness.metrics.extractor",
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
            array = np.load(folder / f"{key}.features.npy", allow_pickle=False)
            if not _plausible(array, extractor):
                raise UserError(f"features of {name}: not finite; report this as a bug")
            write_arrays(cache / f"{key}.safetensors", {"features": array})
            (folder / f"{key}.images.npy").unlink()


def features_key(images: np.ndarray, extractor: Extractor) -> str:
    """Name of a set of images in the cache. Raises ValueError unless uint8 NHWC, RGB or grey."""
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise ValueError(f"uint8 (N, H, W, 3 or 1) needed, given {images.dtype} {images.shape}")
    source = f"{extractor.weights_sha256} {extractor.preprocessing}"
    digest = hashlib.sha256(f"{images.shape} {source}\n".encode())
    digest.update(np.ascontiguousarray(images).data if images.size else b"")
    return digest.hexdigest()[:32]


def _read_cached(path: Path, extractor: Extractor) -> np.ndarray | None:
    """None for an absent file and for a damaged one, which extraction then replaces."""
    try:
        array = read_arrays(path)["features"] if path.exists() else None
    except (UserError, KeyError):
        return None
    return array if array is not None and _plausible(array, extractor) else None


def _plausible(array: np.ndarray, extractor: Extractor) -> bool:
    shaped = array.ndim == 2 and array.shape[1] == extractor.dimensions
    return bool(shaped and array.dtype == np.float32 and np.isfinite(array).all())
