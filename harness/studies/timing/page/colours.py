"""One colour a backend, the same as in the reports of trainings; others for phases."""

from __future__ import annotations

import backends
from backends.interface import PHASES
from harness.report.figures import PALETTE

# Tol's muted scheme: told apart with any colour vision, and from the colours of backends.
PHASE_COLOURS = dict(
    zip(PHASES, ("#BBBBBB", "#88CCEE", "#332288", "#DDCC77", "#117733"), strict=True)
)


def colour(backend: str) -> str:
    known = list(dict.fromkeys([*backends.available(), backend]))
    return PALETTE[known.index(backend) % len(PALETTE)]
