"""What there is to say of a folder and of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["comparison", "consistency", "study", "bench", "scaling"]
# As status.json has it, and: a run whose process is gone without a word; one that is not readable.
State = Literal["running", "interrupted", "failed", "complete", "killed", "damaged"]


@dataclass(frozen=True)
class ListedRun:
    """One training. `changed`: seconds since the epoch; `why`: it failed, or is not readable."""

    folder: Path
    device: str
    state: State
    changed: float
    backend: str | None = None
    seed: int | None = None
    step: int | None = None
    steps: int | None = None
    why: str | None = None


@dataclass(frozen=True)
class ListedFolder:
    """What one command wrote. `busy`: a process is writing there now.

    `about`: what it is of, in words. `verdicts`: of a comparison, how many scores got which;
    `damaged`: why it cannot be read, with all that is not known left empty.
    """

    kind: Kind
    path: Path
    changed: float
    about: str = ""
    busy: bool = False
    runs: tuple[ListedRun, ...] = ()
    report: Path | None = None
    verdicts: tuple[tuple[str, int], ...] = ()
    damaged: str | None = None
