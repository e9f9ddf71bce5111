"""Small files in the very formats in which sets of digits and domains are published."""

from __future__ import annotations

import bz2
import gzip
import io
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from datasets_helpers import picture, png, zip_of
from scipy.io import savemat

Digits = tuple[np.ndarray, np.ndarray]


def some_digits(count: int, shape: Sequence[int], seed: int = 0) -> Digits:
    """Noise uint8 (count, *shape), and labels 0, 1, ... 9, 0, ..."""
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (count, *shape), dtype=np.uint8), np.arange(count) % 10


def idx(array: np.ndarray) -> bytes:
    """Not yet compressed."""
    magic = struct.pack(">BBBB", 0, 0, 8, array.ndim)
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return magic + sizes + array.astype(np.uint8).tobytes()


def libsvm(images: np.ndarray, labels: np.ndarray) -> bytes:
    """Not yet compressed. Like the published files: 8 decimals, zeros left out."""
    lines = []
    for pixels, label in zip(images, labels, strict=True):
        values = pixels.reshape(-1) / 127.5 - 1
        pairs = [f"{index}:{value:.8g}" for index, value in enumerate(values, 1) if value]
        lines.append(f"{label + 1} {' '.join(pairs)} \n")
    return "".join(lines).encode()


def mat(images: np.ndarray, labels: np.ndarray) -> bytes:
    """Compressed, as the published files are."""
    buffer = io.BytesIO()
    codes = np.where(labels == 0, 10, labels).astype(np.uint8)[:, np.newaxis]
    savemat(buffer, {"X": images.transpose(1, 2, 3, 0), "y": codes}, do_compression=True)
    return buffer.getvalue()


def npz(train: Digits, test: Digits) -> bytes:
    buffer = io.BytesIO()
    arrays = dict(zip(("x_train", "y_train", "x_test", "y_test"), (*train, *test), strict=True))
    np.savez_compressed(buffer, **{name: a.astype(np.uint8) for name, a in arrays.items()})
    return buffer.getvalue()


def mnist_files(train: Digits, test: Digits) -> dict[str, bytes]:
    return {
        f"{part}-{kind}-ubyte.gz": gzip.compress(idx(array))
        for part, digits in (("train", train), ("t10k", test))
        for kind, array in zip(("images-idx3", "labels-idx1"), digits, strict=True)
    }


def usps_files(train: Digits, test: Digits) -> dict[str, bytes]:
    return {
        "usps.bz2": bz2.compress(libsvm(*train)),
        "usps.t.bz2": bz2.compress(libsvm(*test)),
    }


def svhn_files(train: Digits, test: Digits) -> dict[str, bytes]:
    return {"train_32x32.mat": mat(*train), "test_32x32.mat": mat(*test)}


def write_files(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def domain_members(domain: str, classes: int = 3, count: int = 20) -> dict[str, bytes]:
    """`<domain>/<class>/<file>` -> PNG, as DomainNet names them."""
    return {
        f"{domain}/class{kind}/{domain}_{kind:03d}_{index:06d}.png": png(
            picture(1000 * kind + index + 100_000 * len(domain), 4)
        )
        for kind in range(classes)
        for index in range(count)
    }


def domain_zip(domain: str) -> bytes:
    return zip_of(domain_members(domain))


def write_domain(root: Path, domain: str, classes: int = 3, count: int = 20) -> Path:
    for name, content in domain_members(domain, classes, count).items():
        write_files((root / name).parent, {Path(name).name: content})
    return root / domain
