"""One training on disk: a folder of records. See results/README.md."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import backends
from harness.records.schema import (
    BLOCK_COLUMNS,
    BLOCK_COUNTS,
    LOSS_COLUMNS,
    EnvironmentShape,
    ResourcesShape,
    Shape,
    StatusShape,
    check_columns,
    check_shape,
)
from harness.system.errors import UserError
from harness.system.files import read_arrays, read_json, read_table
from harness.system.untrusted import shown


@dataclass(frozen=True)
class RunRecord:
    """One training: one backend, seed and device. A folder `runs/<device>/` and `run_name`."""

    folder: Path

    @cached_property
    def status(self) -> dict[str, Any]:
        """backend, seed, state ("running", "interrupted", "failed", "complete"), step, steps.

        Raises UserError, also where the folder has another name: files are named after what the
        status says, which must not lead to another folder.
        """
        status = self._read("status.json", StatusShape)
        name = run_name(status["backend"], status["seed"])
        if name != self.folder.name:
            raise UserError(
                f"{self.folder / 'status.json'}: it is of {shown(name)}; call the run's folder"
                " that, or remove it"
            )
        return status

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
        return self._read("environment.json", EnvironmentShape)

    @cached_property
    def resources(self) -> dict[str, Any]:
        """Clocks in seconds, peak memory in bytes, FLOPs per step."""
        return self._read("resources.json", ResourcesShape)

    @cached_property
    def losses(self) -> pd.DataFrame:
        """A row a step: every term as its mean over elements, and accuracies."""
        table = read_table(self.folder / "losses.csv")
        # Of the kinds of model the one that has most of them.
        needed = max(LOSS_COLUMNS, key=lambda columns: len({*columns} & {*table.columns}))
        check_columns(self.folder / "losses.csv", table, needed, (), self._advice)
        return table

    @cached_property
    def blocks(self) -> pd.DataFrame:
        """A row a timed block of steps."""
        return self._table("blocks.csv", BLOCK_COLUMNS, BLOCK_COUNTS)

    @property
    def timed(self) -> np.ndarray:
        """Which blocks count as timed, bool (blocks,): not warm-up, not beside other runs."""
        timed = (self.blocks["warmup"] == 0) & (self.blocks["steps"] > 0)
        if "beside" in self.blocks:  # older runs have no such column
            timed &= self.blocks["beside"] == 0
        return timed.to_numpy()

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

    def course_file(self, step: int) -> Path:
        """Weights after `step` steps: float32 arrays by canonical name, where they were kept."""
        return self.folder / f"course-{step:08d}.safetensors"

    def evaluation(self, step: int) -> dict[str, np.ndarray]:
        """uint8 NHWC arrays: ab, ba; after the last step also aba, bab, identity_a, identity_b and,
        where those are of averaged weights, last_ab, last_ba of the weights of the last step."""
        return read_arrays(self.evaluation_file(step))

    def _read(self, name: str, shape: type[Shape]) -> dict[str, Any]:
        document = read_json(self.folder / name)
        check_shape(self.folder / name, document, shape, self._advice)
        return document

    def _table(self, name: str, needed: Sequence[str], whole: Sequence[str] = ()) -> pd.DataFrame:
        table = read_table(self.folder / name)
        check_columns(self.folder / name, table, needed, whole, self._advice)
        return table

    @property
    def _advice(self) -> str:
        return f"remove {self.folder} to train that run anew"


def run_name(backend: str, seed: int) -> str:
    """Of a run's folder."""
    return f"{backends.file_name(backend)}-seed{seed}"


def find_runs(experiment: Path) -> list[RunRecord]:
    """Every run below an experiment folder, ordered by device, backend and seed."""
    folders = [status.parent for status in experiment.glob("runs/*/*/status.json")]
    runs = [RunRecord(folder) for folder in folders]
    return sorted(runs, key=lambda run: (run.device, run.backend, run.seed))
