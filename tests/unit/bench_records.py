"""Records of benches of which all is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from backends.cost import Cost
from backends.interface import PHASES, PeakMemory, Peaks
from harness.config.differences import changes
from harness.config.load import load_experiment
from harness.studies.timing.record import Start, TimingRecord, TimingSide

FRAMEWORKS = {"torch": "PyTorch", "tf": "TensorFlow", "jax": "JAX"}
# Of a step: 10 GFLOP and 1 GB, 10 a byte.
COSTS = {
    "host": Cost(),
    "generators_forward": Cost(3 * 10**9, 2 * 10**8),
    "generators_backward": Cost(5 * 10**9, 4 * 10**8),
    "discriminators": Cost(2 * 10**9, 3 * 10**8),
    "optimisers": Cost(0, 10**8),
}
PEAKS = {"torch": Peaks(1e11, 1.6e11, 4e10), "tf": Peaks(2e11, 1.5e11, 3e10),
         "jax": Peaks(1.5e11, 1.5e11, 3e10)}  # fmt: skip
MACHINE = {"driver": None, "python": "3.11.9", "platform": "Linux", "git_revision": "abc",
           "source_digest": "d" * 64, "cyclebench": "0.1.0"}  # fmt: skip


def noisy(count, centre=1.0, spread=0.01, seed=0):
    return centre + spread * np.random.default_rng(seed).standard_normal(count)


def in_pieces(step, excess=1.1, shares=(0.1, 0.3, 0.4, 0.15, 0.05)):
    """Six steps, which together take `excess` times as long as `step`."""
    return {
        phase: tuple(step * excess * share * noisy(6, 1.0, 0.002, place))
        for place, (phase, share) in enumerate(zip(PHASES, shares, strict=True))
    }


def side(name, blocks, **changed):
    one = TimingSide(
        backend=name,
        environment={
            "framework": FRAMEWORKS[name],
            "versions": {name: "2.0"},
            "threads": 2,
            "precision": "float32",
            "deterministic": True,
        },
        setup=1.0,
        first_step=2.5,
        blocks=tuple(map(float, blocks)),
        memory=PeakMemory(2**30, "resident"),
        joules=tuple(20.0 * float(each) for each in blocks),
        phases=in_pieces(float(np.median(blocks))),
        peaks=PEAKS[name],
    )
    return replace(one, **changed)


def record(*starts, names=("torch", "tf"), cold=0, device="a machine", overrides=(), **changed):
    """`starts`: seconds of the first's, the second's and further backends' blocks."""
    experiment = load_experiment(None, "smoke", list(overrides))
    made = tuple(
        Start(number, 5, cold, first, second, tuple(more))
        for number, blocks in enumerate(starts)
        for first, second, *more in [map(side, names, blocks)]
    )
    one = TimingRecord(
        preset="smoke",
        configuration=experiment.model_dump(mode="json"),
        changes=changes(experiment),
        device=device,
        threads=2,
        machine=MACHINE,
        width=0.05,
        starts=made,
        costs=COSTS,
        energy_source="a meter",
    )
    return replace(one, **changed)


def several(second, names=("torch", "tf"), spread=0.005, starts=6, **more):
    """Starts of which the second takes about `second` times as long as the first's 0.1 s."""
    draw = np.random.default_rng(0)
    return record(
        *((0.1 * noisy(8, 1.0, spread, i),
           0.1 * noisy(8, second * draw.normal(1, spread), spread, 50 + i))
          for i in range(starts)), names=names, **more,
    )  # fmt: skip


def several_of(*ratios, names=("torch", "tf", "jax"), spread=0.005, starts=8, **more):
    """Starts of which the others take about `ratios` times as long as the first's 0.1 s."""
    draw = np.random.default_rng(0)
    return record(
        *((0.1 * noisy(8, 1.0, spread, i),
           *(0.1 * noisy(8, ratio * draw.normal(1, spread), spread, 50 * place + i)
             for place, ratio in enumerate(ratios, 1)))
          for i in range(starts)), names=names, **more,
    )  # fmt: skip


def with_sides(one, **changed):
    """Every side of every start changed."""
    return replace(
        one,
        starts=tuple(
            replace(
                start,
                first=replace(start.first, **changed),
                second=replace(start.second, **changed),
                more=tuple(replace(each, **changed) for each in start.more),
            )
            for start in one.starts
        ),
    )
