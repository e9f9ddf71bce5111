"""What is kept of the test images at an evaluation: translations, and scores of discriminators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from backends.interface import Backend

AT_ONCE = 8  # images: between two times that the parent may hear of progress


@dataclass(frozen=True)
class TestImages:
    """uint8 (N, H, W, C) of both domains."""

    __test__ = False  # no test for pytest

    a: np.ndarray
    b: np.ndarray


def evaluation_arrays(
    backend: Backend,
    images: TestImages,
    averaged: bool,
    everything: bool,
    progress: Callable[[], object],
) -> dict[str, np.ndarray]:
    """The arrays of an evaluation by their names in results/README.md.

    `averaged`: generators have the averages of their weights. `everything` adds what those of the
    last step make of the test images, reconstructions and, of domains with one image shape,
    identity images.
    """

    def by_parts(work: Callable[..., np.ndarray], of: np.ndarray, *given: Any) -> np.ndarray:
        """As `work` of all images, which goes image by image; with progress in between."""
        parts = []
        for start in range(0, len(of), AT_ONCE):
            parts.append(work(of[start : start + AT_ONCE], *given))
            progress()
        return np.concatenate(parts)

    def translate(of: np.ndarray, direction: str) -> np.ndarray:
        return by_parts(backend.translate, of, direction, averaged)

    a, b = images.a, images.b
    arrays = {"ab": translate(a, "ab"), "ba": translate(b, "ba")}
    if everything:
        if averaged:
            arrays["last_ab"] = by_parts(backend.translate, a, "ab")
            arrays["last_ba"] = by_parts(backend.translate, b, "ba")
        arrays |= {"aba": translate(arrays["ab"], "ba"), "bab": translate(arrays["ba"], "ab")}
        if a.shape[1:] == b.shape[1:]:
            arrays |= {"identity_a": translate(a, "ba"), "identity_b": translate(b, "ab")}
    for domain, real, fake in (("a", a, arrays["ba"]), ("b", b, arrays["ab"])):
        for kind, shown in (("real", real), ("fake", fake)):
            scores = by_parts(backend.patch_scores, shown, domain)
            arrays[f"patches_{kind}_{domain}"] = scores.astype(np.float32)
    return arrays
