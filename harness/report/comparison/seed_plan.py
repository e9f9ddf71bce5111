"""How many seeds a decision is likely to take, and how long, before there are enough to tell."""

from __future__ import annotations

import math

from harness.config.metric_table import TYPICAL_SPREAD
from harness.records.experiment import ExperimentFolder
from harness.report.comparison.scores import MetricRow
from harness.statistics.equivalence import planned_seeds
from harness.statistics.sequential import DEFAULT_MAXIMUM
from harness.system.progress import duration

# Both directions have to be decided: 0.9 * 0.9 is 80 %.
POWER_OF_EACH = 0.9


def seed_seconds(experiment: ExperimentFolder, device: str) -> float | None:
    """Wall time of one seed on a device, mean over the complete ones; None where none is.

    The workers of a seed take turns, so that each clock runs all the time: the longest counts.
    """
    walls: dict[int, float] = {}
    for run in experiment.runs:
        wall = run.resources["clocks"].get("wall")
        if run.device == device and wall is not None:
            walls[run.seed] = max(wall, walls.get(run.seed, 0.0))
    return math.fsum(walls.values()) / len(walls) if walls else None


def seeds_in_all(row: MetricRow, maximum: int = DEFAULT_MAXIMUM) -> int | None:
    """Seeds that equal backends typically need; None: more than `maximum`, or not known.

    Known of the ratio of distances only, from a typical spread between seeds.
    """
    if row.margin is None or row.margin.scale != "ratio":
        return None
    return planned_seeds(row.margin.value, TYPICAL_SPREAD, maximum=maximum, power=POWER_OF_EACH)


def offer(experiment: ExperimentFolder, row: MetricRow) -> str:
    """What to do with too few seeds, and what it takes; empty without a margin."""
    if row.margin is None:
        return ""
    command, seconds = (
        "`make compare SEEDS=auto` decides this",
        seed_seconds(experiment, row.device),
    )
    seeds = seeds_in_all(row)
    if seeds is None or seconds is None:
        return f"{command}."
    left = max(0, seeds - row.seeds)
    where = experiment.device_title(row.device)
    return f"{command}: about {seeds} seeds, {duration(left * seconds)} more on {where}."
