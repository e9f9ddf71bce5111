"""How far a unit of work is: one setting and one seed, with all its backends, on one device.

`units/seed-<n>.json` of an experiment folder. The process that queues a unit writes it first, the
one that trains it writes it from then on. It is for those who look on: what a run has come to, its
own folder says. Beside it are the unit's lock and its log.
"""

from __future__ import annotations

import os
import socket
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from harness.system.errors import Fault, UserError
from harness.system.files import read_json, write_json

UnitState = Literal["queued", "running", "interrupted", "failed", "complete"]


@dataclass(frozen=True)
class UnitStatus:
    """`launcher`, `job`: who queued it, and what a scheduler calls it. `host`, `process`, `device`:
    where it runs, or ran. `step` of `steps`: of the backend that is behind; `seconds_left`: of
    training. `why`, `fault`: of one that failed, or was refused (`fault` None).
    """

    seed: int
    backends: tuple[str, ...]
    state: UnitState
    launcher: str | None = None
    job: str | None = None
    host: str | None = None
    process: int | None = None
    device: str | None = None
    step: int | None = None
    steps: int | None = None
    seconds_left: float | None = None
    why: str | None = None
    fault: Fault | None = None

    def here(self, **changes: object) -> UnitStatus:
        """Running in this process."""
        where = {"host": socket.gethostname(), "process": os.getpid(), "why": None, "fault": None}
        return replace(self, state="running", **where, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True)
class UnitFiles:
    """Of one seed of an experiment folder."""

    folder: Path
    seed: int

    @property
    def status_file(self) -> Path:
        return self.folder / "units" / f"seed-{self.seed}.json"

    @property
    def log(self) -> Path:
        return self.folder / "units" / f"seed-{self.seed}.log"

    @property
    def lock(self) -> Path:
        """A folder that is locked, as others are."""
        return self.folder / "units" / f"seed-{self.seed}.lock"

    def read(self) -> UnitStatus | None:
        """None where it was never queued. Raises UserError for a damaged file."""
        if not self.status_file.exists():
            return None
        document = read_json(self.status_file)
        del document["schema_version"]
        try:
            return TypeAdapter(UnitStatus).validate_python(document)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise UserError(f"{self.status_file}: {where}: {first['msg']}; remove it") from None

    def write(self, status: UnitStatus) -> None:
        self.status_file.parent.mkdir(parents=True, exist_ok=True)
        write_json(self.status_file, asdict(status))


def find_units(folder: Path) -> list[UnitFiles]:
    """Of an experiment folder, by seed."""
    stems = [path.stem.removeprefix("seed-") for path in folder.glob("units/seed-*.json")]
    return [
        UnitFiles(folder, seed) for seed in sorted(int(stem) for stem in stems if stem.isdigit())
    ]
