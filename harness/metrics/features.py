"""Feature vectors of image sets: cached on disk, computed by one subprocess when missing.

The extractor is EfficientNet-Lite0 (EVALUATION.md), 1280 numbers after global average pooling. It
needs torch, which takes seconds to import and fights with TensorFlow over threads, so it lives in a
process of its own (`harness.metrics.extractor`), started once for all missing sets, or never.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import harness
from harness.errors import UserError
from harness.records import read_arrays, write_arrays

DIMENSIONS = 1280
WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
# Names all that is done to a uint8 image: change the one, change the other.
PREPROCESSING = "rgb-pil_bicubic_224-minus127over128"

Report = Callable[[str, int, int], None]
"""Called with (what is being done, how many are done, out of how many)."""


def features(
    image_sets: Mapping[str, np.ndarray], cache: Path, report: Report
) -> dict[str, np.ndarray]:
    """Features float32 (N, 1280) of each set of uint8 images (N, H, W, 3 or 1), by the set's name.

    Cached in `cache` under the images, the extractor's weights and its preprocessing (EVALUATION.md
    rule 9). Sets are fetched from `image_sets` one at a time, so a lazy mapping keeps memory flat.
    Non-square images are stretched to a square. Raises UserError where extraction fails.
    """
    keys = {name: features_key(images) for name, images in image_sets.items()}
    names = {key: name for name, key in keys.items()}  # equal sets are extracted once
    cached = {key: _read_cached(cache / f"{key}.safetensors") for key in names}
    missing = {key: names[key] for key, made in cached.items() if made is None}
    if missing:
        _extract(missing, image_sets, cache, report)
    found = {key: made for key, made in cached.items() if made is not None}
    found |= {key: read_arrays(cache / f"{key}.safetensors")["features"] for key in missing}
    return {name: found[key] for name, key in keys.items()}


def _extract(
    missing: Mapping[str, str], image_sets: Mapping[str, np.ndarray], cache: Path, report: Report
) -> None:
    """Put the features of the sets `missing` {key: name} into the cache, each once it is done."""
    cache.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix=".extract-", dir=cache)))
        total = 0
        for key, name in missing.items():
            images = image_sets[name]
            total += len(images)
            write_arrays(folder / f"{key}.images.safetensors", {"images": images})
        report("features", 0, total)
        for message in stack.enter_context(closing(_run_extractor(folder, list(missing)))):
            report("features", message["done"], total)
            if "finished" in message:
                key = message["finished"]
                made = read_arrays(folder / f"{key}.features.safetensors")["features"]
                if not _plausible(made):
                    raise UserError(f"features of {missing[key]}: not finite; report this as a bug")
                write_arrays(cache / f"{key}.safetensors", {"features": made})
                (folder / f"{key}.images.safetensors").unlink()


def _run_extractor(folder: Path, keys: list[str]) -> Generator[dict[str, Any], None, None]:
    """The extractor's messages as they come: {"done": images so far} or {..., "finished": key}."""
    source = str(Path(harness.__file__).parent.parent)
    paths = [source, *filter(None, [os.environ.get("PYTHONPATH")])]
    command = [sys.executable, "-m", "harness.metrics.extractor", str(folder), *keys]
    with (folder / "stderr.txt").open("w+", encoding="utf-8") as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if line.startswith("{"):
                    yield json.loads(line)
            code = process.wait()
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
        if code:
            errors.seek(0)
            last = (errors.read().strip().splitlines() or ["no message"])[-1]
            raise UserError(
                f"feature extractor: exit {code}: {last}; run `make setup` and try again"
            )


def features_key(images: np.ndarray) -> str:
    """Name of a set of images in the cache. Raises ValueError unless uint8 NHWC, RGB or grey."""
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise ValueError(f"uint8 (N, H, W, 3 or 1) needed, given {images.dtype} {images.shape}")
    digest = hashlib.sha256(f"{images.shape} {WEIGHTS_SHA256} {PREPROCESSING}\n".encode())
    digest.update(np.ascontiguousarray(images).data if images.size else b"")
    return digest.hexdigest()[:32]


def _read_cached(path: Path) -> np.ndarray | None:
    """None for an absent file and for a damaged one, which extraction then replaces."""
    try:
        array = read_arrays(path)["features"] if path.exists() else None
    except (UserError, KeyError):
        return None
    return array if array is not None and _plausible(array) else None


def _plausible(array: np.ndarray) -> bool:
    shaped = array.ndim == 2 and array.shape[1] == DIMENSIONS and array.dtype == np.float32
    return bool(shaped and np.isfinite(array).all())
