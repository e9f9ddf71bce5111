"""What a training step of an experiment costs, counted from its architecture."""

from __future__ import annotations

from backends.cost import Cost, NetworkCost, network_cost, phase_costs
from backends.interface import Runtime
from harness.config.experiment import Experiment


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


def step_flops(experiment: Experiment) -> int:
    """Floating-point operations of one step of all four networks, convolutions only."""
    return sum(cost.flops for cost in step_costs(experiment).values())
