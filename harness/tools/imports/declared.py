"""What other code writes down under a name, and what makes a recorded `mean` of it.

A user says so as `cycle_a=TAG,weighted` and `lambda_a=5`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.records.imported_losses import TERMS
from harness.system.errors import UserError
from harness.system.untrusted import shown

# Weights that other code may have multiplied in, with the CycleGAN authors' defaults.
WEIGHTS = {"lambda_a": 10.0, "lambda_b": 10.0, "identity": 0.5}
# What its code may have done to a term: names of fields of Declared, but for the first.
WORDS = ("weighted", "halved", "summed", "unit_range")


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
        return math.prod(weights[name] for name in self.weights) / 2.0**halves

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


def declared_by(text: str) -> Declared:
    """`cycle_a=TAG,weighted,...`. Raises UserError."""
    term, equals, rest = text.partition("=")
    name, words = rest, set()
    while (cut := name.rpartition(","))[2] in WORDS:
        words.add(cut[2])
        name = cut[0]
    if not equals or term not in TERMS or not name:
        raise UserError(
            f"--term {shown(text)}: write TERM=NAME, and behind commas what its code did"
            f" ({', '.join(WORDS)}); TERM is one of {', '.join(TERMS)}"
        )
    weights: tuple[str, ...] = ()
    if "weighted" in words:
        kind, _, side = term.partition("_")
        lambdas = (f"lambda_{side or 'a'}",)  # of a curve for both directions that of A
        weights = {"cycle": lambdas, "identity": (*lambdas, "identity")}.get(kind, ())
    if "weighted" in words and not weights:
        raise UserError(f"--term {shown(text)}: weighted: only cycle and identity terms have one")
    return Declared(name, term, weights, *(word in words for word in WORDS[1:]))


def parse_weights(texts: Sequence[str]) -> dict[str, float]:
    """Several may share one text. Raises UserError for an unknown weight, or one that is none."""
    weights = {}
    for text in " ".join(texts).split():
        name, _, value = text.partition("=")
        try:
            weight = float(value)
        except ValueError:
            weight = math.nan
        if name not in WEIGHTS or not 0 <= weight < math.inf:
            raise UserError(
                f"--set {shown(text)}: write one of {', '.join(WEIGHTS)}, and a number from 0"
            )
        weights[name] = weight
    return weights
