"""Which curves other CycleGAN code writes, and what turns one into a recorded `mean`.

A user says so as `cycle_a=TAG,weighted` and `lambda_a=5`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.records.imported_losses import CYCLE, TERMS
from harness.system.errors import UserError
from harness.system.untrusted import shown

# Weights that other code may have multiplied in, with the CycleGAN authors' defaults.
WEIGHTS = {"lambda_a": 10.0, "lambda_b": 10.0, "identity": 0.5}
# What its code may have done to a term: names of fields of Declared, except the first.
WORDS = ("weighted", "halved", "summed", "unit_range")
SWAPPED = str.maketrans("ab", "ba")


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
        """For readers: which term it is, and what was done to it."""
        changes = []
        if self.weights:
            product = " x ".join(f"{name} ({weights[name]:g})" for name in self.weights)
            changes.append(f"divided by {product}")
        if self.halved:
            changes.append("doubled, as its code halves it")
        if self.summed:
            changes.append("halved, as its code adds up both directions")
        if self.unit_range:
            changes.append("doubled, as its images are in [0, 1]")
        text = ", ".join(changes) or "taken as it is: its code writes the mean, unweighted"
        return f"{self.name} is {self.term}: {text}."


def swapped(term: str) -> str:
    """The same term where what other code calls A is domain B here."""
    kind, separator, side = term.partition("_")
    return kind + separator + side.translate(SWAPPED)


def declared_by(text: str) -> Declared:
    """`cycle_a=TAG,weighted,...`. Raises UserError."""
    term, _, name = text.partition("=")
    # A name may have commas in it: only known words at its end are taken off.
    words = set()
    while (parts := name.rpartition(","))[2] in WORDS:
        name = parts[0]
        words.add(parts[2])
    if term not in TERMS or not name:
        raise UserError(
            f"--term {shown(text)}: write TERM=NAME, and behind commas what its code did"
            f" ({', '.join(WORDS)}); TERM is one of {', '.join(TERMS)}"
        )
    weights: tuple[str, ...] = ()
    if "weighted" in words:
        kind, _, side = term.partition("_")
        if kind not in ("cycle", "identity"):
            raise UserError(
                f"--term {shown(text)}: weighted: only cycle and identity terms have one"
            )
        # A curve for both directions has the weight of A.
        weights = (f"lambda_{side or 'a'}", *(["identity"] if kind == "identity" else []))
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


@dataclass(frozen=True)
class Source:
    """`curves`: those that are known; none where every program chooses its own names.

    `note`: a sentence about the numbers. `first_step`: how the code numbers its first step, where
    it counts steps.
    """

    title: str
    curves: tuple[Declared, ...]
    note: str | None = None
    first_step: int = 0


# junyanz/pytorch-CycleGAN-and-pix2pix, models/cycle_gan_model.py. G_A maps A to B and D_A judges B;
# cycle_A is measured in A, idt_A (G_A applied to B) in B.
AUTHORS = Source(
    "The CycleGAN authors' PyTorch code",
    (
        Declared("G_A", "adversarial_ab"),
        Declared("G_B", "adversarial_ba"),
        Declared("cycle_A", "cycle_a", ("lambda_a",)),
        Declared("cycle_B", "cycle_b", ("lambda_b",)),
        Declared("idt_A", "identity_b", ("lambda_b", "identity")),
        Declared("idt_B", "identity_a", ("lambda_a", "identity")),
        Declared("D_A", "discriminator_b", halved=True),
        Declared("D_B", "discriminator_a", halved=True),
        # As it was called in 2017.
        Declared("Cyc_A", "cycle_a", ("lambda_a",)),
        Declared("Cyc_B", "cycle_b", ("lambda_b",)),
    ),
    "Printed with three decimals; adversarial terms are of least squares, that code's default.",
)

# LynnHo/CycleGAN-Tensorflow-2, train.py: written before any weight is applied, real and fake term
# of a discriminator added up; after the optimiser has counted the step.
LYNNHO = Source(
    "LynnHo's CycleGAN-Tensorflow-2",
    (
        Declared("G_losses/A2B_g_loss", "adversarial_ab"),
        Declared("G_losses/B2A_g_loss", "adversarial_ba"),
        Declared("G_losses/A2B2A_cycle_loss", "cycle_a"),
        Declared("G_losses/B2A2B_cycle_loss", "cycle_b"),
        Declared("G_losses/A2A_id_loss", "identity_a"),
        Declared("G_losses/B2B_id_loss", "identity_b"),
        Declared("D_losses/A_d_loss", "discriminator_a"),
        Declared("D_losses/B_d_loss", "discriminator_b"),
    ),
    "Adversarial terms are of least squares, that code's default.",
    first_step=1,
)

# The variables of TensorFlow's CycleGAN tutorial, for those who log them under these names: it logs
# nothing by itself. Its LAMBDA is one for both directions.
TUTORIAL = Source(
    "TensorFlow's CycleGAN tutorial",
    (
        Declared("gen_g_loss", "adversarial_ab"),
        Declared("gen_f_loss", "adversarial_ba"),
        Declared("total_cycle_loss", CYCLE, ("lambda_a",), summed=True),
        Declared("disc_x_loss", "discriminator_a", halved=True),
        Declared("disc_y_loss", "discriminator_b", halved=True),
    ),
    "Adversarial terms are cross entropies of logits: compare them with adversarial vanilla alone.",
)

TENSORBOARD = Source("TensorBoard", ())

TABLE = Source("Other code", ())

SOURCES: Mapping[str, Source] = {
    "authors": AUTHORS,
    "lynnho": LYNNHO,
    "tf-tutorial": TUTORIAL,
    "tensorboard": TENSORBOARD,
    "csv": TABLE,
    "tensorboard-csv": TENSORBOARD,
}
