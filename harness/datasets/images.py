"""Decoded images: resized once, kept as one memory-mapped array a split, read by every worker."""

from __future__ import annotations

import hashlib
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from harness.datasets.cache import cache_folder, explained_writes
from harness.datasets.decode import UnreadableImage, bombs_refused, decode
from harness.datasets.layout import Progress
from harness.datasets.manifest import ImageFile, Manifest
from harness.datasets.resize import Resize, recipe, resize
from harness.errors import UserError


def load_images(
    manifest: Manifest,
    split: str,
    size: int,
    progress: Progress | None = None,
    method: Resize = "bicubic",
) -> np.ndarray:
    """The images of a split in the manifest's order: uint8, (n, size, size, 3), read-only.

    Resized by `method`, see harness.datasets.resize; an image that has the size already is left as
    it is by all of them. Memory-mapped from the cache, made there if absent or damaged. Raises
    UserError if the set has no such split, or if its files have to be decoded and are no longer
    the manifest's.
    """
    if split not in manifest.splits:
        raise UserError(
            f"{manifest.name}: has no split {split}; it has {', '.join(manifest.splits)}"
        )
    if size < 1:
        raise UserError(f"image size: {size} is not possible; give a number of pixels above zero")
    files = manifest.splits[split]
    path = cache_folder() / "images" / f"{_key(files, size, method)}.npy"
    shape = (len(files), size, size, 3)
    images = _open_cached(path, shape)
    if images is None:
        with explained_writes(path):
            _write(path, shape, manifest, split, progress, method)
        images = _open_cached(path, shape)
    if images is None:
        raise UserError(f"{path}: cannot be read back after writing; check the disk")
    return images


def _key(files: tuple[ImageFile, ...], size: int, method: Resize) -> str:
    text = "\n".join([recipe(method), str(size), *(file.sha256 for file in files)])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _open_cached(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    """The cached array, or None where it is absent, cut short or something else."""
    try:
        images = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError):
        return None
    sound = (
        isinstance(images, np.memmap)
        and images.shape == shape
        and images.dtype == np.uint8
        and images.flags.c_contiguous
        and path.stat().st_size == images.offset + images.nbytes
    )
    return images if sound else None


def _write(
    path: Path,
    shape: tuple[int, ...],
    manifest: Manifest,
    split: str,
    progress: Progress | None,
    method: Resize,
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        # Plain writes, not a writable memory map: there a full disk would be a bus error.
        with os.fdopen(handle, "wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            with bombs_refused(), ThreadPoolExecutor(os.cpu_count()) as pool:
                try:
                    decoded = pool.map(
                        lambda f: _decode(manifest, split, f, shape[1], method),
                        manifest.splits[split],
                    )
                    for done, pixels in enumerate(decoded, 1):
                        file.write(pixels)
                        if progress:
                            progress(done, shape[0])
                except BaseException:
                    pool.shutdown(cancel_futures=True)
                    raise
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _decode(manifest: Manifest, split: str, file: ImageFile, size: int, method: Resize) -> bytes:
    """RGB bytes of one resized image. The file must still be the one the manifest was made of."""
    if manifest.folder is None:
        raise UserError(
            f"{manifest.name}: its images are not in the cache; run `make compare`"
            " where the data set is"
        )
    path = manifest.folder / split / file.name
    try:
        content = path.read_bytes()
        changed = hashlib.sha256(content).hexdigest() != file.sha256
        image, _ = decode(content)
    except (OSError, UnreadableImage):
        changed = True
    if changed:
        raise UserError(f"{path}: changed since the manifest was made; start the comparison again")
    return resize(image, size, method).tobytes()
