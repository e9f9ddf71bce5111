"""What other code writes down under a name, and what makes a recorded `mean` of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

# Weights that other code may have multiplied in, with the CycleGAN authors' defaults.
WEIGHTS = {"lambda_a": 10.0, "lambda_b": 10.0, "identity": 0.5}


@dataclass(frozen=True)
class Declared:
    """One curve of another code: its `name` there, and which of TERMS it is.

    `weights`: of WEIGHTS, multiplied in. `halved`: by a factor 1/2 besides, as of a discriminator.
    `summed`: over both directions. `unit_range`: of absolute differences of images in [0, 1].
    """

    name: str
    term: str
    weights: tuple[str, ...] = ()
    halved: bool = False
    summed: bool = False
    unit_range: bool = False

    def divisor(self, weights: Mapping[str, float]) -> float:
        """What a value is divided by to get the recorded `mean`; 0: nothing was measured."""
        halves = self.halved + self.unit_range - self.summed
        return prod(weights[name] for name in self.weights) / 2.0**halves

    def sentence(self, weights: Mapping[str, float]) -> str:
        """For readers: what it is, and what was done to it."""
        done = []
        if self.weights:
            product = " x ".join(f"{name} ({weights[name]:g})" for name in self.weights)
            done.append(f"divided by {product}")
        if self.halved:
            done.append("doubled, as its code halves it")
        if self.summed:
            done.append("halved, as its code adds up both directions")
        if self.unit_range:
            done.append("doubled, as its images are in [0, 1]")
        changes = ", ".join(done) or "taken as it is: its code writes the mean, unweighted"
        return f"{self.name} is {self.term}: {changes}."


SWAPPED = str.maketrans("ab", "ba")


def swapped(term: str) -> str:
    """The same term where what other code calls A is domain B here."""
    kind, _, side = term.partition("_")
    return f"{kind}_{side.translate(SWAPPED)}" if side else kind
