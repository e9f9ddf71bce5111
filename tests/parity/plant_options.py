"""Planted defects that a usual experiment does not show: they are behind options."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from plant_networks import Plant, wrapped
from plant_variants import masks

from harness.config.experiment import Experiment
from harness.studies.parity import Rung


@dataclass(frozen=True)
class Hidden:
    """`shows`: whether an experiment has the options that it takes."""

    name: str
    backend: str
    plant: Plant
    rung: Rung  # the first that breaks
    shows: Callable[[Experiment], bool]


def fewer_blocks(real, self, spec, *args, **rest):
    real(self, replace(spec, blocks=min(spec.blocks, 6)), *args, **rest)


def edges_repeated(real, x, padding):
    from torch.nn import functional

    return functional.pad(x, (padding,) * 4, mode="replicate")


def identity_in_evaluation_mode(real, networks, objective, batch):
    found = real(networks, objective, batch)
    if found.identity_a is None:
        return found
    networks.g_ba.eval()
    made = networks.g_ba(batch.a, batch.kept.get("identity_a", ()))
    networks.g_ba.train()
    return found._replace(identity_a=made)


def biased_alone(real, self, x, mean, variance, is_unbiased=False):
    """The running variance of a single image is left as it is."""
    unbiased = self.spec.unbiased if x.shape[0] == 1 else is_unbiased
    return real(self, x, mean, variance, is_unbiased=unbiased)


DEFECTS = (
    Hidden(
        "blocks beyond the sixth are left out",
        "tf",
        wrapped("tf", "networks.ResNet.__init__", fewer_blocks),
        Rung.PARAMETERS,
        lambda each: each.model.blocks == 9 and each.model.generator == "resnet",
    ),
    Hidden(
        "deterministic reflection repeats the edge",
        "torch",
        wrapped("torch", "networks.reflect_in_pieces", edges_repeated),
        Rung.ACTIVATIONS,
        lambda each: (
            each.runtime.deterministic
            and each.model.generator == "resnet"
            and each.model.blocks < 9
        ),
    ),
    Hidden(
        "identity in evaluation mode",
        "torch",
        wrapped("torch", "losses.generated", identity_in_evaluation_mode),
        Rung.LOSSES,
        lambda each: (
            each.objective.identity > 0
            and each.model.norm.kind == "batch"
            and each.runtime.compile == "none"
        ),
    ),
    Hidden(
        "running variance of one image biased",
        "tf",
        wrapped("tf", "networks.Norm.average", biased_alone),
        Rung.BATCH_NORM,
        lambda each: (
            each.training.batch_size == 1
            and each.model.norm.kind == "batch"
            and each.model.norm.unbiased
        ),
    ),
    Hidden(
        "both passes of a generator with the same masks",
        "torch",
        masks({"cycle_a": "fake_a", "cycle_b": "fake_b"}),
        Rung.GRADIENTS,
        lambda each: each.model.dropout > 0 and each.runtime.compile == "none",
    ),
)
