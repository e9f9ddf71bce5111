"""The last two checkpoints of a run: all that is needed to go on from there, bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.system.errors import UserError
from harness.system.files import read_arrays, write_arrays

KEPT = 2
# In a checkpoint beside the canonical state, which knows nothing of what was recorded.
RECORDS = ("losses", "blocks", "clocks")


@dataclass(frozen=True)
class Checkpoint:
    """A run after some of its steps.

    `losses` (steps, columns of `objective.recorded`); `blocks` (blocks, columns of blocks.csv);
    `clocks` as `Clocks.array` has them. `state`: of the backend, by canonical name; its `step` is
    the run's.
    """

    state: Mapping[str, np.ndarray]
    losses: np.ndarray
    blocks: np.ndarray
    clocks: np.ndarray

    @property
    def step(self) -> int:
        return int(self.state["step"])


@dataclass(frozen=True)
class Checkpoints:
    """`checkpoint-<step>.safetensors` in the folder of a run."""

    folder: Path

    @property
    def files(self) -> list[Path]:
        """The newest first."""
        return sorted(self.folder.glob("checkpoint-*.safetensors"), reverse=True)

    def write(self, checkpoint: Checkpoint) -> None:
        """The ones before the last two go once the new one is on disk. Raises OSError."""
        arrays = {
            **checkpoint.state,
            **{f"record/{name}": getattr(checkpoint, name) for name in RECORDS},
        }
        write_arrays(self.folder / f"checkpoint-{checkpoint.step:08d}.safetensors", arrays)
        for old in self.files[KEPT:]:
            old.unlink()

    def read(self) -> Checkpoint | None:
        """The newest that is whole; None where there is none.

        Raises UserError if there are some, but all are damaged: to begin anew is not to be done
        without being asked. What is damaged stays where it is.
        """
        damage: UserError | None = None
        for file in self.files:
            try:
                return _checkpoint(file, read_arrays(file))
            except UserError as error:
                print(f"checkpoint passed over: {error}")
                damage = damage or error
        if damage is not None:
            raise UserError(f"{damage}; to train this run anew, remove {self.folder}")
        return None

    def losses(self, columns: int) -> np.ndarray:
        """Of the newest that is whole, without reading the state: (steps, columns).

        No steps where there is none: to say so is up to who goes on from it.
        """
        for file in self.files:
            try:
                losses = read_arrays(file, "record/losses").get("record/losses")
            except UserError:
                continue
            if losses is not None and losses.ndim == 2 and losses.shape[1] == columns:
                return losses
        return np.empty((0, columns))

    def remove(self) -> None:
        for file in self.files:
            file.unlink()


def _checkpoint(file: Path, arrays: dict[str, np.ndarray]) -> Checkpoint:
    try:
        records = {name: arrays.pop(f"record/{name}") for name in RECORDS}
        checkpoint = Checkpoint(arrays, **records)
        if checkpoint.losses.ndim != 2 or len(checkpoint.losses) != checkpoint.step:
            raise ValueError(f"losses {checkpoint.losses.shape} at step {checkpoint.step}")
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        raise UserError(f"{file}: not a checkpoint of a run ({error}); remove it") from None
    return checkpoint
