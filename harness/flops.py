"""What a training step of an experiment costs, counted from its architecture."""

from __future__ import annotations

from backends.cost import forward_flops, train_step_flops
from backends.model import NETWORKS
from harness.config import Experiment


def step_flops(experiment: Experiment) -> int:
    """Floating-point operations of one step of all four networks, convolutions only."""
    model, objective = experiment.networks(), experiment.loss()
    flops = {
        name: forward_flops(model.layers(name), *model.input_shape(name)[:2]) for name in NETWORKS
    }
    return train_step_flops(
        generators=(flops["g_ab"], flops["g_ba"]),
        discriminators=(flops["d_a"], flops["d_b"]),
        batch=experiment.training.batch_size,
        identity=objective.identity > 0,
        shown=2 if experiment.objective.pool == "half_new" else 1,
        penalty=objective.adversarial == "wasserstein_gp",
    )
