"""How well discriminators tell held-out real images from translated ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

DOMAINS = ("a", "b")


@dataclass(frozen=True)
class Judgement:
    """Of one discriminator on the test images of its domain and on translations into it.

    Shares of patches on the right side of the middle between the targets, and mean outputs.
    """

    domain: str
    accuracy_real: float
    accuracy_fake: float
    mean_real: float
    mean_fake: float


def judgements(evaluation: Mapping[str, np.ndarray], middle: float) -> Iterator[Judgement]:
    """From the patch scores of an evaluation; of a domain without them, nothing."""
    for domain in DOMAINS:
        names = (f"patches_real_{domain}", f"patches_fake_{domain}")
        if all(name in evaluation and evaluation[name].size for name in names):
            real, fake = (evaluation[name].astype(np.float64) for name in names)
            yield Judgement(
                domain,
                accuracy_real=float((real > middle).mean()),
                accuracy_fake=float((fake < middle).mean()),
                mean_real=float(real.mean()),
                mean_fake=float(fake.mean()),
            )
