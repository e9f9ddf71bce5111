"""Weights of loss terms as a user writes them: `lambda_a=5`."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.errors import UserError
from harness.imports.declared import WEIGHTS
from harness.untrusted import shown


def parse_weights(texts: Sequence[str]) -> dict[str, float]:
    """Several may share one text. Raises UserError for an unknown weight, or one that is none."""
    found = {}
    for text in (each for one in texts for each in one.split()):
        name, _, value = text.partition("=")
        try:
            weight = float(value)
        except ValueError:
            weight = math.nan
        if name not in WEIGHTS or not 0 <= weight < math.inf:
            raise UserError(
                f"--set {shown(text)}: write one of {', '.join(WEIGHTS)}, and a number from 0"
            )
        found[name] = weight
    return found
