"""What a check of a GPU found, as one value: written, read, printed and shown on the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

KIND = "gpu-check"
State = Literal["ok", "failed", "skipped"]


@dataclass(frozen=True)
class Started:
    """One backend on the device: seconds until it was built, of its first step, and of the next.

    `environment`: as Backend.environment. `why`: one line, where it failed or was skipped.
    """

    backend: str
    state: State
    why: str = ""
    environment: Mapping[str, Any] | None = None
    setup_seconds: float | None = None
    first_step_seconds: float | None = None
    step_seconds: float | None = None


@dataclass(frozen=True)
class Timed:
    """Training steps of one setting, one of measure.SETTINGS, on a preset's networks and images.

    `blocks`: seconds of a step, one number a block; `seconds` is their median. `joules` and
    `flops`: of a step. `peak_bytes`: by the framework's allocator, after warm-up. `clock_mhz`: of
    the device right after.
    """

    backend: str
    preset: str
    setting: str
    state: State
    why: str = ""
    first_step_seconds: float | None = None
    blocks: tuple[float, ...] = ()
    peak_bytes: int | None = None
    joules: float | None = None
    clock_mhz: int | None = None
    throttle_reasons: tuple[str, ...] = ()
    flops: float | None = None

    @property
    def seconds(self) -> float | None:
        ordered = sorted(self.blocks)
        return ordered[len(ordered) // 2] if ordered else None


@dataclass(frozen=True)
class Reached:
    """The device's best by one backend, as in backends.interface.Peaks, per second."""

    backend: str
    state: State
    why: str = ""
    matrix_flops: float | None = None
    convolution_flops: float | None = None
    bandwidth_bytes: float | None = None


@dataclass(frozen=True)
class Repeated:
    """Whether the same steps from the same state in two new processes gave the same bits.

    `deterministic`: runtime.deterministic. `largest`: relative difference of a loss.
    """

    backend: str
    deterministic: bool
    state: State
    why: str = ""
    steps: int = 0
    same: bool | None = None
    largest: float | None = None


@dataclass(frozen=True)
class Parity:
    """The ladder of `cyclebench parity` on the device. `rows`: as that command's JSON has them."""

    state: State
    why: str = ""
    preset: str = ""
    rows: tuple[Mapping[str, Any], ...] = ()

    @property
    def passed(self) -> int:
        return sum(bool(row["passed"]) for row in self.rows)


@dataclass(frozen=True)
class GpuCheckRecord:
    """`machine`: as provenance.describe, with the GPU's state before the check. `seconds`: by the
    wall clock. `presets`: whose networks and images were used; `started`, `reached` and `repeated`
    used the first one's.
    """

    device: str
    device_kind: str
    threads: int
    finished: str
    seconds: float
    presets: tuple[str, ...]
    machine: Mapping[str, Any]
    started: tuple[Started, ...]
    parity: Parity
    reached: tuple[Reached, ...]
    timed: tuple[Timed, ...]
    repeated: tuple[Repeated, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing failed that ran, and all that was computed was right."""
        pieces: list[Started | Parity | Reached | Timed | Repeated] = [self.parity]
        pieces += [*self.started, *self.reached, *self.timed, *self.repeated]
        repeatable = all(
            piece.same for piece in self.repeated if piece.deterministic and piece.steps
        )
        agree = self.parity.passed == len(self.parity.rows)
        return repeatable and agree and all(piece.state != "failed" for piece in pieces)


def to_json(record: GpuCheckRecord) -> dict[str, Any]:
    """See results/README.md."""
    return {"kind": KIND, "ok": record.ok, **asdict(record)}
