"""One colour a backend, the same as in the reports of the cells."""

from __future__ import annotations

import backends
from harness.report.figures import PALETTE
from harness.studies.grid.page.findings import Findings


def colour(findings: Findings, backend: str) -> str:
    known = list(dict.fromkeys([*backends.available(), *findings.study.backends]))
    return PALETTE[known.index(backend) % len(PALETTE)]
