"""What a worker is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Beside:
    """From step `start` on a run trains beside others, untimed, in a process with `threads`.

    `turns`: those others are of other seeds, on other devices of the machine; with the backends of
    its own seed, which share its device, it goes on to take turns.
    """

    start: int
    threads: int
    turns: bool = False


@dataclass(frozen=True)
class Job:
    """What a worker is told, once. `images`: split name -> .npy file, as `open_images` takes it.

    `beside`: None where it takes turns to the end. `course`: after this step the weights are kept
    in a file of their own. `ulp_draw`: every weight of the start is moved by one unit in the last
    place, by this random draw.
    """

    backend: str
    seed: int
    folder: str
    device: str
    device_name: str
    threads: int
    experiment: dict[str, Any]
    images: dict[str, str]
    beside: Beside | None = None
    course: int | None = None
    ulp_draw: int | None = None

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Job:
        beside = document["beside"]
        return cls(**{**document, "beside": beside and Beside(**beside)})

    @property
    def turns_beside(self) -> bool:
        """Whether it takes turns with the backends of its seed also where it is beside others."""
        return self.beside is not None and self.beside.turns

    def turns_to(self, steps: int) -> int:
        """Of `steps` in all, how many are not beside other runs."""
        return steps if self.beside is None else min(self.beside.start, steps)

    def is_beside(self, step: int) -> bool:
        """Whether the step that follows `step` others is trained beside other runs."""
        return self.beside is not None and step >= self.beside.start
