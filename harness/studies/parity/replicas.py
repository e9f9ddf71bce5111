"""Several devices that train together, against one that is given the whole batch, in float64.

Public ports of CycleGAN differ from themselves when they are spread over GPUs: losses of one
replica are logged, every replica has a pool of its own, gradients are added up. Here both sides are
the same backend, so what differs is what replicas do. The tolerances are the ladder's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from backends.objective import RECORDED
from harness.studies.parity import gradients, losses, tolerances, training
from harness.studies.parity.backend_cache import BackendCache, Facts, Site
from harness.studies.parity.covering import COMMON, experiment_of
from harness.studies.parity.covering_climb import Processes, climb_apart
from harness.studies.parity.parity_case import STEPS, ParityCase, covering_case
from harness.studies.parity.parity_check import ParityCheck, ReplicaRung
from harness.studies.parity.rows import ParityRow
from harness.studies.parity.training import with_zero_gradients_joined

SMALL = (
    *COMMON,
    "data.load_size=20",
    "model.filters=2",
    "model.discriminator_filters=3",
    "model.discriminator_layers=1",
)
SHARE = 2  # images for each replica: of one, a sum over images would look like a mean
STARTED = 3  # steps after which replicas are compared with each other
# Every update order and kind of pool, and what is drawn for a step: dropout and mixing shares.
EXPERIMENTS: dict[str, tuple[str, ...]] = {
    "resnet, generators first, pool of the reference": (
        "model.blocks=1",
        "objective.update_order=generators_first",
        "objective.pool_size=6",
    ),
    "unet with dropout, gradient penalty, discriminators first, half new": (
        "model.generator=unet",
        "model.depth=3",
        "model.dropout=0.3",
        "objective.adversarial=wasserstein_gp",
        "objective.gradient_penalty=3",
        "objective.update_order=discriminators_first",
        "objective.pool=half_new",
        "objective.pool_size=3",
        # A penalty's second derivatives round a hundred times as much as other gradients.
        "optimiser.learning_rate=5e-5",
    ),
    "unet with dropout, hinge, simultaneous": (
        "model.generator=unet",
        "model.depth=3",
        "model.dropout=0.3",
        "objective.adversarial=hinge",
        "objective.update_order=simultaneous",
        "objective.pool_size=6",
        "training.decay=step",
    ),
}


def together(cache: BackendCache, name: str) -> Facts:
    """A state after a few steps is read: a backend refuses where its replicas differ in a bit."""
    backend = cache.backend(name, "float64")
    for batch in cache.case.batches[:STARTED]:
        backend.train_step(batch)
    backend.state()
    return {("replicas among each other", f"after {STARTED} steps"): np.zeros(())}


def recorded(cache: BackendCache, name: str) -> Facts:
    """All that is recorded of a few steps, accuracies and penalties with the losses; and what the
    pools hold then."""
    backend, facts = cache.backend(name, "float64"), Facts()
    backend.losses()
    for batch in cache.case.batches[:STARTED]:
        backend.train_step(batch)
    for step, row in enumerate(backend.losses()):
        for term, value in zip(RECORDED, row, strict=True):
            group = "penalties" if term.startswith("penalty") else "recorded"
            facts[group, f"{term}, step {step}"] = losses.beside_one(cache, term, value)
    state = backend.state()
    return facts | {("pools", pool): state[pool] for pool in ("pool_a", "pool_b")}


CHECKS = (
    ParityCheck(ReplicaRung.TOGETHER, together, tolerances.EXACT),
    ParityCheck(
        ReplicaRung.GRADIENTS,
        gradients.float64,
        tolerances.GRADIENT_FLOAT64,
        groups="float64, batch",
    ),
    ParityCheck(
        ReplicaRung.GRADIENTS,
        gradients.float64,
        tolerances.ZERO_GRADIENT_FLOAT64,
        gradients.float64_zeros,
        groups="float64, in front",
    ),
    ParityCheck(ReplicaRung.POOLS, recorded, tolerances.TRAJECTORY_IMAGES, groups="pools"),
    ParityCheck(ReplicaRung.LOSSES, recorded, tolerances.LOSS_FLOAT64, groups="recorded"),
    ParityCheck(ReplicaRung.LOSSES, recorded, tolerances.PENALTY, groups="penalties"),
    *(
        ParityCheck(ReplicaRung.TRAJECTORY, training.trajectory, tolerance, groups=groups)
        for tolerance, groups in (
            (tolerances.TRAJECTORY, "losses"),
            (
                tolerances.TRAJECTORY_WEIGHTS,
                ("end: g_", "end: d_", "end: averages", "late averages"),
            ),
            (tolerances.TRAJECTORY_MOMENTS, ("end: first", "end: second", "late moments")),
            (tolerances.TRAJECTORY_IMAGES, "end: pools"),
        )
    ),
)


def replicated_case(overrides: Sequence[str], count: int, quick: bool = False) -> ParityCase:
    """One of EXPERIMENTS with a batch for `count` replicas; pools are full after a few steps.

    `quick`: without graphs, which pay where all steps of a trajectory are made.
    """
    size = f"training.batch_size={SHARE * count}"
    case = covering_case(experiment_of((*SMALL, *overrides, size)))
    batches = case.plan_batches(case.filling(STEPS // 4), STEPS)
    return replace(case, batches=batches, quick=quick)


def replicated_sites(
    backend: str, count: int, device: Literal["cpu", "cuda"] = "cpu"
) -> dict[str, Site]:
    """One device, then so many, of a backend."""
    return {
        backend: Site(backend, device),
        f"{backend} x{count}": Site(backend, device, count),
    }


def climb_replicas(
    backends: Sequence[str],
    count: int,
    device: Literal["cpu", "cuda"] = "cpu",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, list[ParityRow]]:
    """Rows of every experiment and backend, by their names."""
    processes: Processes = {}
    caches = {}
    for backend in backends:
        sites = replicated_sites(backend, count, device)
        for name, overrides in EXPERIMENTS.items():
            case = replicated_case(overrides, count)
            caches[f"{backend} x{count}: {name}"] = BackendCache(
                case, tuple(sites), sites, apart=True, processes=processes
            )
    return climb_apart(caches, dict.fromkeys(caches, CHECKS), [processes], progress)


def continued(cache: BackendCache, name: str, steps: int = 3) -> Facts:
    """Three times `steps` steps and the state at their end. The first site makes all of them; of
    any other it makes those in the middle, by the states of the first."""
    first, batches = cache.names[0], cache.case.batches
    facts: Facts = {}
    state: dict[str, np.ndarray] = {}
    for part, site in enumerate((first, name, first)):
        backend = cache.backend(site, "float64")
        if state:
            backend.load_state(state)
        backend.losses()
        for batch in batches[part * steps : (part + 1) * steps]:
            backend.train_step(batch)
        for step, row in enumerate(backend.losses()):
            for term, value in zip(RECORDED, row, strict=True):
                facts["losses", f"{term}, part {part}, step {step}"] = value
        state = backend.state()
    end = with_zero_gradients_joined(cache, state)
    return facts | {("state", key): array for key, array in end.items()}
