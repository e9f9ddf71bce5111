"""An upper bound of what preset `paper` takes, from the speed of a run of a smaller preset."""

from __future__ import annotations

from collections.abc import Iterable

from harness.config.experiment import load_experiment
from harness.data.catalogue import BuiltIn, find_entry
from harness.plan.plan import total_steps
from harness.plan.step_cost import step_flops
from harness.system.errors import UserError

PAPER = "paper"


def paper_seconds(dataset: str, counts: tuple[int, int], speeds: Iterable[float]) -> float | None:
    """Seconds that one seed of preset `paper` trains at these speeds, backend after backend.

    `counts`: training images of A and B there are; of a built-in set the preset says how many it
    takes. `speeds`: FLOP/s of each backend. None where that preset cannot have this data set.
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
