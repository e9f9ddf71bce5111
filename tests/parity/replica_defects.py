"""Defects of a training on several devices, and the check that has to name each.

`python replica_defects.py torch` plants all of a backend, one at a time, and prints the first row
that each breaches. In a process of its own: TensorFlow must not have started with one device.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from dataclasses import replace

import plant_replicas as on
from defects import Defect, both
from pytest import MonkeyPatch

from harness.studies.parity import climb
from harness.studies.parity.backend_cache import BackendCache
from harness.studies.parity.parity_check import ReplicaRung
from harness.studies.parity.replicas import CHECKS, EXPERIMENTS, replicated_case, replicated_sites

COUNT = 2
STEPS = 2  # enough for what a step leaves to the next, such as another rate
# Dropout, mixing shares, a pool with images drawn out of it and moving averages.
CASE = next(name for name in EXPERIMENTS if "penalty" in name)
TOGETHER, GRADIENTS, POOLS, LOSSES = (
    ReplicaRung.TOGETHER, ReplicaRung.GRADIENTS, ReplicaRung.POOLS, ReplicaRung.LOSSES
)  # fmt: skip

DEFECTS = (
    *both("a pool for each replica", on.own_pool, TOGETHER),
    *both(
        "gradients summed",
        lambda b: on.averaged(b, lambda replicas, mean, own: mean * replicas.count),
        GRADIENTS,
    ),
    *both("one replica's gradients left out", on.left_out, GRADIENTS),
    *both("gradients not averaged", lambda b: on.averaged(b, lambda _, mean, own: own), TOGETHER),
    *both("discriminators' gradients not averaged", on.discriminators_alone, TOGETHER),
    *both("shards overlap", lambda b: on.handed_out(on.overlapping), GRADIENTS),
    *both("shards in another order", lambda b: on.handed_out(on.turned), POOLS),
    *both("fakes gathered in another order", on.gathered_turned, GRADIENTS),
    *both(
        "dropout of replica 0 in all", lambda b: on.handed_out(on.of_replica_0("kept")), GRADIENTS
    ),
    *both(
        "mixing shares of replica 0 in all",
        lambda b: on.handed_out(on.of_replica_0("mix_a", "mix_b")),
        GRADIENTS,
    ),
    *both("learning rate times the replicas", on.rate_times_count, POOLS),
    *both(
        "losses of one replica recorded",
        lambda b: on.averaged(b, lambda _, mean, own: own, single=True),
        LOSSES,
    ),
    *both(
        "moving average on replica 0 alone",
        lambda b: on.on_replica_0(b, "update_average"),
        TOGETHER,
    ),
    *both("steps on replica 0 alone", lambda b: on.on_replica_0(b, "update"), TOGETHER),
    Defect("a loaded state not spread", "torch", on.not_spread("torch"), TOGETHER),
)


def breaches(backend: str) -> Iterator[dict[str, object]]:
    """For a sound backend, then for each defect: its name and the first row that is breached."""
    sites, case = replicated_sites(backend, COUNT), replicated_case(EXPERIMENTS[CASE], COUNT, True)
    case = replace(case, batches=case.batches[:STEPS])
    one, several = sites
    sound = BackendCache(case, tuple(sites), sites)
    for defect in (None, *(each for each in DEFECTS if each.backend == backend)):
        with MonkeyPatch.context() as patch:
            on.in_threads(patch)
            cache = sound
            if defect is None:
                # First: TensorFlow starts with as many devices as it is first asked for.
                sound.build(several, "float64")
            else:
                cache = BackendCache(case, tuple(sites), sites)
                cache.adopt(sound, [one])
                defect.plant(patch)
            row = next((row for row in climb(cache, CHECKS) if not row.passed), None)
        measured = row.measured if row and math.isfinite(row.measured) else None
        yield {
            "name": defect.name if defect else None,
            "check": row.check if row else None,
            "what": row.what if row else None,
            "measured": measured,
        }


if __name__ == "__main__":
    for line in breaches(sys.argv[1]):
        print(json.dumps(line), flush=True)
