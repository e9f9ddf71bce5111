"""What a training step costs, counted from the architecture; what preset `paper` costs at most."""

from __future__ import annotations

from collections.abc import Iterable

from backends.cost import Cost, NetworkCost, network_cost, phase_costs
from backends.interface import Runtime
from harness.config.experiment import AnyExperiment, Experiment, GanExperiment
from harness.config.load import load_experiment
from harness.data.catalogue import BuiltIn, find_entry
from harness.plan.plan import total_steps
from harness.system.errors import UserError

PAPER = "paper"


def step_costs(experiment: Experiment) -> dict[str, Cost]:
    """Of one step of all four networks, by `backends.interface.PHASES`."""
    model, objective = experiment.networks(), experiment.loss()
    runtime = Runtime(**experiment.runtime.model_dump())

    def cost(network: str) -> NetworkCost:
        return network_cost(
            getattr(model, network),
            *model.input_shape(network)[:2],
            batch=experiment.training.batch_size,
            compute=runtime.precision,
            stored=runtime.stored,
        )

    return phase_costs(
        cost("g_ab") + cost("g_ba"),
        cost("d_a") + cost("d_b"),
        identity=objective.identity > 0,
        shown=2 if experiment.objective.pool == "half_new" else 1,
        penalty=objective.adversarial == "wasserstein_gp",
    )


def step_flops(experiment: AnyExperiment) -> int:
    """Floating-point operations of one step of all networks: convolutions and matrix products."""
    if isinstance(experiment, GanExperiment):
        return experiment.networks().step_flops(experiment.training.batch_size)
    assert isinstance(experiment, Experiment)
    return sum(cost.flops for cost in step_costs(experiment).values())


def paper_seconds(dataset: str, counts: tuple[int, int], speeds: Iterable[float]) -> float | None:
    """Most seconds that one seed of preset `paper` trains at these speeds, backend after backend.

    `counts`: training images of A and B; of a built-in set the preset says how many it takes.
    `speeds`: FLOP/s of each backend in a run of a smaller preset. None where preset `paper` cannot
    have this data set.
    """
    try:
        experiment = load_experiment(dataset, PAPER, [])
        entry = find_entry(dataset)
    except UserError:
        return None
    if entry is not None and isinstance(entry.source, BuiltIn):
        counts = (experiment.data.train, experiment.data.train)
    work = total_steps(experiment, *counts) * step_flops(experiment)
    return sum(work / speed for speed in speeds)


def paper_sentence(seconds: float, backends: int, where: str) -> str:
    """`where`: "here", or the device."""
    hours = seconds / 3600
    long = f"{hours / 24:,.0f} days" if hours >= 48 else f"{hours:.2g} hours"
    together = {1: "", 2: ", both backends together"}.get(
        backends, f", all {backends} backends together"
    )
    return (
        f"PRESET={PAPER} would take at most about {long} {where} for each seed{together}. This is"
        " its number of floating-point operations divided by the speed of this run; its larger"
        f" images use a device better. To measure it: make estimate PRESET={PAPER}."
    )
