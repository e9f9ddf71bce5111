"""Which curves other CycleGAN code writes, as their sources have it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.records.imported_losses import CYCLE
from harness.tools.imports.declared import Declared


@dataclass(frozen=True)
class Source:
    """`curves`: those that are known; none where names are up to who wrote the code.

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

SOURCES: Mapping[str, Source] = {
    "authors": AUTHORS,
    "lynnho": LYNNHO,
    "tf-tutorial": TUTORIAL,
    "tensorboard": TENSORBOARD,
    "tensorboard-csv": TENSORBOARD,
}
