"""Codes whose networks are taken in, and what they call them.

A domain's discriminator is not everywhere the one of the same letter: the CycleGAN authors' `D_A`
judges what `G_A` makes, which is B; those of aitorzip, eriklindernoren and LynnHo judge A.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class NetworkCode:
    """`pattern` of a file's name without its ending: groups `network`, and `epoch` if it has one.

    `networks`: theirs -> ours. `note`: a sentence about its discriminators; `discriminators`:
    whether the networks here can be the same.
    """

    title: str
    pattern: re.Pattern[str]
    networks: Mapping[str, str]
    note: str = ""
    discriminators: bool = True


AUTHORS = NetworkCode(
    "the CycleGAN authors' code",
    re.compile(r"(?P<epoch>.+)_net_(?P<network>G_A|G_B|D_A|D_B|G)"),
    {"G_A": "g_ab", "G_B": "g_ba", "D_A": "d_b", "D_B": "d_a"},
)
# train.py: `netD_A(fake_A)`. models.py: the discriminator ends with an average over all patches.
AITORZIP = NetworkCode(
    "aitorzip's PyTorch-CycleGAN",
    re.compile(r"net(?P<network>G_A2B|G_B2A|D_A|D_B)(?:_(?P<epoch>\d+))?"),
    {"G_A2B": "g_ab", "G_B2A": "g_ba", "D_A": "d_a", "D_B": "d_b"},
    "That code's discriminators average their patches in the end; these score each patch.",
)
# cyclegan.py: `D_A(fake_A)`. models.py: their last convolution never pads by one pixel all around.
ERIKLINDERNOREN = NetworkCode(
    "eriklindernoren's PyTorch-GAN",
    re.compile(r"(?P<network>G_AB|G_BA|D_A|D_B)_(?P<epoch>\d+)"),
    {"G_AB": "g_ab", "G_BA": "g_ba", "D_A": "d_a", "D_B": "d_b"},
    "That code's discriminators pad otherwise before their last convolution: they are left out.",
    discriminators=False,
)
# train.py: `D_A(B2A)`.
LYNNHO = NetworkCode(
    "LynnHo's CycleGAN-Tensorflow-2",
    re.compile(r"(?P<network>G_A2B|G_B2A|D_A|D_B)(?:\.weights)?(?P<epoch>(?!))?"),
    {"G_A2B": "g_ab", "G_B2A": "g_ba", "D_A": "d_a", "D_B": "d_b"},
    "Of Keras generators alone are imported: discriminators are left out.",
    discriminators=False,
)
CODES = (AUTHORS, AITORZIP, ERIKLINDERNOREN)  # of PyTorch
LONE = "G"  # of the authors' code, where a model of one direction is published
