"""How many seeds a decision is likely to take, and how long, before there are enough to tell."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.config.metric_table import TYPICAL_SPREAD
from harness.records.experiment import ExperimentFolder
from harness.report.comparison.scores import MetricRow
from harness.report.formatting import bounds, fixed, plural
from harness.statistics.equivalence import planned_seeds
from harness.statistics.sequential import DEFAULT_MAXIMUM
from harness.system.progress import duration

# Both directions have to be decided: 0.9 * 0.9 is 80 %. Of several comparisons all have to be.
POWER_OF_EACH = 0.9
ALPHA = 0.05  # that all comparisons of a device share
OPEN = "cannot tell yet"


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


def seeds_in_all(
    row: MetricRow, comparisons: int = 1, maximum: int = DEFAULT_MAXIMUM
) -> int | None:
    """Seeds that equal backends typically need; None: more than `maximum`, or not known.

    Known of the ratio of distances only, from a typical spread between seeds. `comparisons`: with
    the first backend, all of which have to be decided.
    """
    if row.margin is None or row.margin.scale != "ratio":
        return None
    alpha, power = ALPHA / comparisons, 1 - (1 - POWER_OF_EACH) / comparisons
    return planned_seeds(row.margin.value, TYPICAL_SPREAD, alpha, maximum, power)


def offer(experiment: ExperimentFolder, row: MetricRow) -> str:
    """What to do with too few seeds, and what it takes; empty without a margin."""
    if row.margin is None:
        return ""
    command, seconds = (
        "`make compare SEEDS=auto` decides this",
        seed_seconds(experiment, row.device),
    )
    seeds = seeds_in_all(row, len(experiment.pairs(row.device)))
    if seeds is None or seconds is None:
        return f"{command}."
    left = max(0, seeds - row.seeds)
    where = experiment.device_title(row.device)
    return f"{command}: about {seeds} seeds in all, {duration(left * seconds)} more on {where}."


def standing(
    experiment: ExperimentFolder, rows: Sequence[MetricRow], maximum: int, seconds: float
) -> str:
    """Where the verdict on the primary score stands after a look, in one line for the terminal.

    `rows`: of one device. `seconds`: of one seed.
    """
    if not rows:
        return "The primary score could not be computed"
    seeds = min(row.seeds for row in rows)
    parts = [_row_in_short(experiment, row) for row in rows]
    labels = {row.verdict.label if row.verdict else OPEN for row in rows}
    label = "different" if "different" in labels else labels.pop() if len(labels) == 1 else OPEN
    text = f"After {plural(seeds, 'seed')}: {label}. {rows[0].title}: {', '.join(parts)}."
    if label != OPEN or seeds >= maximum:
        return text
    needed = [row.verdict for row in rows if row.verdict and row.verdict.label == OPEN]
    left = maximum - seeds
    most = [min(left, v.further_seeds or left) for v in needed]
    least = [min(left, v.least_seeds or left) for v in needed]
    low, high = max(least, default=left), max(most, default=left)
    count = f"{low} to {high}" if low < high else f"{high}"
    times = dict.fromkeys([duration(low * seconds), duration(high * seconds)])
    return (
        f"{text} If the backends are equal, {count} more are likely: about"
        f" {' to '.join(times)}; {left} more at most"
    )


def _row_in_short(experiment: ExperimentFolder, row: MetricRow) -> str:
    is_ratio = row.margin is not None and row.margin.scale == "ratio"
    interval = row.ratio if is_ratio else row.difference
    digits, scale = (2, 1.0) if is_ratio else (row.metric.digits, row.metric.scale)
    kind = "ratio" if is_ratio else "difference"
    pair = ", ".join(experiment.title(name) for name in row.scores)
    where = (
        f"{experiment.path(row.direction)} ({pair})"
        if len(experiment.present) > 2
        else (experiment.path(row.direction))
    )
    span = bounds(interval, digits, scale)
    return f"{where} {kind} {fixed(interval.value, digits, scale)} {span}".rstrip()
