"""One training on disk: a folder of records. See results/README.md."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.records.schema import (
    check_blocks,
    check_environment,
    check_losses,
    check_resources,
    check_status,
)
from harness.system.errors import UserError
from harness.system.files import read_arrays, read_json, read_table


@dataclass(frozen=True)
class RunRecord:
    """One training: one backend, seed and device. A folder `runs/<device>/<backend>-seed<n>`."""

    folder: Path

    @cached_property
    def status(self) -> dict[str, Any]:
        """backend, seed, state ("running", "interrupted", "failed", "complete"), step, steps."""
        return check_status(self.folder, read_json(self.folder / "status.json"))

    @property
    def begun(self) -> bool:
        return (self.folder / "status.json").exists()

    @property
    def backend(self) -> str:
        return self.status["backend"]

    @property
    def seed(self) -> int:
        return self.status["seed"]

    @property
    def device(self) -> str:
        """Slug of the device: the name of the folder above."""
        return self.folder.parent.name

    @property
    def complete(self) -> bool:
        return self.status["state"] == "complete"

    @property
    def diverged(self) -> bool:
        """Ended by a loss that is not a finite number: the same training would end there again."""
        if self.status["state"] != "failed" or not (self.folder / "losses.csv").exists():
            return False
        return not np.isfinite(self.losses.to_numpy(np.float64)).all()

    @cached_property
    def environment(self) -> dict[str, Any]:
        return check_environment(self.folder, read_json(self.folder / "environment.json"))

    @cached_property
    def resources(self) -> dict[str, Any]:
        """Clocks in seconds, peak memory in bytes, FLOPs per step."""
        return check_resources(self.folder, read_json(self.folder / "resources.json"))

    @cached_property
    def losses(self) -> pd.DataFrame:
        """A row a step: every term as its mean over elements, and patch accuracies."""
        return check_losses(self.folder, read_table(self.folder / "losses.csv"))

    @cached_property
    def blocks(self) -> pd.DataFrame:
        """A row a timed block of steps."""
        return check_blocks(self.folder, read_table(self.folder / "blocks.csv"))

    @property
    def evaluated_steps(self) -> list[int]:
        """Steps after which test images were translated, ascending."""
        files = list((self.folder / "evaluations").glob("step-*.safetensors"))
        strange = [file for file in files if not re.fullmatch(r"step-[0-9]{8,18}", file.stem)]
        if strange:
            raise UserError(f"{strange[0]}: not called as evaluations are; move it elsewhere")
        return sorted(int(file.stem.removeprefix("step-")) for file in files)

    @property
    def final_evaluation(self) -> dict[str, np.ndarray]:
        """After the last step of a complete run. Raises UserError where it is missing, damaged."""
        return self.evaluation(self.status["steps"])

    def evaluation_file(self, step: int) -> Path:
        return self.folder / "evaluations" / f"step-{step:08d}.safetensors"

    def evaluation(self, step: int) -> dict[str, np.ndarray]:
        """uint8 NHWC arrays: ab, ba; after the last step also aba, bab, identity_a, identity_b."""
        return read_arrays(self.evaluation_file(step))


def find_runs(experiment: Path) -> list[RunRecord]:
    """Every run below an experiment folder, ordered by device, backend and seed."""
    folders = [status.parent for status in experiment.glob("runs/*/*/status.json")]
    runs = [RunRecord(folder) for folder in folders]
    return sorted(runs, key=lambda run: (run.device, run.backend, run.seed))
