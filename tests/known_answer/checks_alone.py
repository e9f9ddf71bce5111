"""A run that takes turns to its end and keeps no average of its weights."""

from __future__ import annotations

import known_backend as known
import numpy as np
from by_hand import same
from checks_data import A, B
from known_world import EVALUATED, STEPS, World


def memory(world: World) -> None:
    """Of a process that warmed up, the peak counts from then on."""
    for (backend, seed), run in world.runs.items():
        found = run.resources["peak_memory"]["bytes"]
        assert found == known.peak_memory(backend, seed), f"{backend}: peak memory {found}"


def turns(world: World) -> None:
    """Every step is timed once warm-up is over; none is trained beside others."""
    for (backend, seed), run in world.runs.items():
        table = run.blocks
        assert table["steps"].sum() == STEPS and not table["beside"].any(), backend
        assert table["warmup"].tolist() == [1] + [0] * (len(table) - 1), backend
        timed = [known.step_seconds(backend, seed, s) for s in range(int(table["steps"][0]), STEPS)]
        same(run.resources["clocks"]["train"], sum(timed), f"{backend}: clock train")


def translations(world: World) -> None:
    """By the weights as they are: there are no others."""
    for (backend, seed), run in world.runs.items():
        assert run.evaluated_steps == list(EVALUATED)
        for step in EVALUATED:
            arrays = run.evaluation(step)
            assert not any(name.startswith("last") for name in arrays)
            for direction, images in (("ab", A), ("ba", B)):
                wanted = known.translated(images, direction, backend, seed, step, averaged=False)
                assert np.array_equal(arrays[direction], wanted), f"{backend}: {direction}"


CHECKS = (memory, turns, translations)
