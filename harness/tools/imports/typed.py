"""What a user types about other code: `cycle_a=TAG,weighted`, and `lambda_a=5`."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.records.imported_losses import TERMS
from harness.system.errors import UserError
from harness.system.untrusted import shown
from harness.tools.imports.declared import WEIGHTS, Declared

# What its code may have done to a term: names of fields of Declared, but for the first.
WORDS = ("weighted", "halved", "summed", "unit_range")


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
    weights = _multiplied(term) if "weighted" in words else ()
    if "weighted" in words and not weights:
        raise UserError(f"--term {shown(text)}: weighted: only cycle and identity terms have one")
    return Declared(name, term, weights, *(word in words for word in WORDS[1:]))


def _multiplied(term: str) -> tuple[str, ...]:
    kind, _, side = term.partition("_")
    if kind == "identity":
        return (f"lambda_{side}", "identity")
    return (f"lambda_{side or 'a'}",) if kind == "cycle" else ()


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
