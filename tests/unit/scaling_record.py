"""A record of a scaling run whose truth is known: 5 ms fixed and 20 GFLOP/s, or 2 ms and 10."""

from __future__ import annotations

from harness.studies.scaling.record import (
    Failure,
    MeasuredPoint,
    Memory,
    ScalingAxis,
    ScalingRecord,
    ScalingSide,
)

TRUTH = {"torch": (0.005, 20e9), "tf": (0.002, 10e9)}
FRAMEWORKS = {"torch": "PyTorch", "tf": "TensorFlow"}
MIB = 2**20


def side(backend: str, flops: int, memory: int, blocks: int = 4) -> ScalingSide:
    fixed, rate = TRUTH[backend]
    seconds = fixed + flops / rate
    wobble = [1 + 0.001 * (each - (blocks - 1) / 2) for each in range(blocks)]
    return ScalingSide(
        backend=backend,
        framework=FRAMEWORKS[backend],
        first_step_seconds=2.5,
        seconds_per_step=tuple(seconds * each for each in wobble),
        memory=Memory(bytes=memory, kind="resident"),
    )


def point(axis: str, value: int | None, flops: int, memory: int = 500 * MIB, blocks: int = 4):
    return MeasuredPoint(
        axis=axis,
        value=value,
        settings={"training.batch_size": value} if value else {},
        flops=flops,
        wall_seconds=10.0,
        sides=tuple(side(name, flops, memory, blocks) for name in TRUTH),
    )


def failed(axis: str, value: int, why: str, out_of_memory: bool = True) -> MeasuredPoint:
    reason = Failure(why=why, out_of_memory=out_of_memory)
    return MeasuredPoint(
        axis=axis, value=value, settings={}, flops=8 * 10**9, wall_seconds=3.0, failed=reason
    )


def record(*points: MeasuredPoint, **changes) -> ScalingRecord:
    """Batch 1 is the base; 400 MiB and 100 MiB for each of the batch."""
    own = points or (
        point("base", None, 10**8),
        *(point("batch", n, n * 10**8, (400 + 100 * n) * MIB) for n in (2, 4, 8, 16)),
        *(point("size", n, (n // 64) ** 2 * 10**8) for n in (128, 192, 256)),
    )
    given = {
        "kind": "scaling",
        "preset": "quick",
        "digest": "0123456789",
        "configuration": {},
        "device": "a machine, 2 threads",
        "device_kind": "cpu",
        "device_memory": 10500 * MIB,
        "threads": 2,
        "machine": {"git_revision": "abc"},
        "backends": ("torch", "tf"),
        "pairs": 4,
        "block_seconds": 0.5,
        "axes": (
            ScalingAxis(name="size", title="Image size", unit="px", base=64),
            ScalingAxis(name="batch", title="Batch", unit="", base=1),
        ),
        "points": own,
    }
    return ScalingRecord(**{**given, **changes})
