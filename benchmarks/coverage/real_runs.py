"""The sequential design on real trainings: pairs of runs in random orders, a look after each.

A/A: runs of one backend against others of the same backend with other seeds, so that no difference
exists. A/B: the same seeds of the backend in a second folder, with a difference planted in it. The
orders share their runs: shares are averages over orders, and their bounds are those of about as
many comparisons as share no run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.coverage.sequential_studies import DesignRow, Stopped, stop
from harness.config.metric_table import BY_NAME, PRIMARY, margin_scale
from harness.records.experiment import load
from harness.statistics.equivalence import Margin
from harness.statistics.intervals import MINIMUM_SEEDS, clopper_pearson
from harness.statistics.sequential import DEFAULT_MAXIMUM
from harness.studies.consistency.scores import DIRECTIONS, Subject, final_scores
from harness.system.errors import UserError
from harness.system.terminal_tables import show

ORDERS = 2000
LEAST_RUNS = 2 * MINIMUM_SEEDS


@dataclass(frozen=True)
class RealRow:
    """Shares of orders, 95% bounds of about `comparisons` that share no run, mean seeds used."""

    comparison: str  # A/A or A/B
    backend: str
    runs: int
    most: int  # pairs at most
    equivalent: float
    equivalent_bounds: tuple[float, float]
    different: float
    different_bounds: tuple[float, float]
    seeds: float
    comparisons: int


def real_rows(folder: Path, other: Path | None) -> list[RealRow]:
    """Of the primary score. Raises UserError for folders without enough scored runs."""
    experiment = load(folder)
    evaluation = experiment.configuration.get("evaluation") or {}
    name = evaluation.get("primary") or PRIMARY
    if name not in BY_NAME or name not in evaluation.get("margins", {}):
        raise UserError(f"{folder / 'experiment.json'}: no margin of {name}; use a newer record")
    margin = Margin(evaluation["margins"][name], margin_scale(evaluation, name))
    rows = []
    for backend in experiment.present:
        a = _scores(folder, backend, name)
        if len(a) >= LEAST_RUNS:
            rows.append(_same(backend, a, margin))
        if other is not None:
            b = _scores(other, backend, name)
            common = sorted(a.keys() & b.keys())
            if len(common) >= MINIMUM_SEEDS:
                rows.append(_planted(backend, [(a[s], b[s]) for s in common], margin))
    if not rows:
        raise UserError(f"{folder}: {LEAST_RUNS} scored runs of one backend are needed at least")
    return rows


def _scores(folder: Path, backend: str, name: str) -> dict[int, tuple[float, ...]]:
    """By seed, the score in both directions."""
    found = final_scores(folder, backend)
    sides = [found.get(Subject(BY_NAME[name], direction), {}) for direction in DIRECTIONS]
    seeds = set.intersection(*(set(side) for side in sides))
    return {seed: tuple(side[seed] for side in sides) for seed in sorted(seeds)}


def _same(backend: str, a: Mapping[int, tuple[float, ...]], margin: Margin) -> RealRow:
    rng, values = np.random.default_rng(0), np.array(list(a.values()), np.float64)
    most = min(DEFAULT_MAXIMUM, len(values) // 2)
    order = rng.permuted(np.tile(np.arange(len(values)), (ORDERS, 1)), axis=1)
    shuffled = np.swapaxes(values[order], 1, 2)  # (orders, directions, runs)
    got = stop(shuffled[..., :most], shuffled[..., most : 2 * most], DEFAULT_MAXIMUM, margin)
    return _row("A/A", backend, len(values), most, got, 2)


def _planted(
    backend: str, pairs: Sequence[tuple[tuple[float, ...], tuple[float, ...]]], margin: Margin
) -> RealRow:
    rng, values = np.random.default_rng(0), np.array(pairs, np.float64)  # (runs, 2, directions)
    most = min(DEFAULT_MAXIMUM, len(values))
    order = rng.permuted(np.tile(np.arange(len(values)), (ORDERS, 1)), axis=1)[:, :most]
    first, second = (np.swapaxes(values[order][:, :, side], 1, 2) for side in (0, 1))
    got = stop(first, second, DEFAULT_MAXIMUM, margin)
    return _row("A/B", backend, len(values), most, got, 1)


def _row(kind: str, backend: str, runs: int, most: int, got: Stopped, each: int) -> RealRow:
    """`each`: runs of A that a pair takes."""
    seeds = float(got.seeds.mean())
    trials = max(1, int(runs / (each * seeds)))
    same, different = float(got.equivalent.mean()), float(got.different.mean())
    bounds = [clopper_pearson(share * trials, trials) for share in (same, different)]
    return RealRow(kind, backend, runs, most, same, bounds[0], different, bounds[1], seeds, trials)


def print_real(rows: Sequence[RealRow], console: Console) -> None:
    table = Table("", "backend", title="Real runs, in random orders", title_justify="left")
    for column in ("runs", "pairs at most", "equivalent", "different", "pairs used"):
        table.add_column(column, justify="right")
    for row in rows:
        shares = (
            f"{share:.1%} ({low:.0%}-{high:.0%})"
            for share, (low, high) in (
                (row.equivalent, row.equivalent_bounds),
                (row.different, row.different_bounds),
            )
        )
        table.add_row(
            row.comparison, row.backend, str(row.runs), str(row.most), *shares, f"{row.seeds:.1f}"
        )
    show(table, console)


def print_design(rows: Sequence[DesignRow], console: Console) -> None:
    title = f"SEEDS=auto, up to {DEFAULT_MAXIMUM} seeds: power and seeds (simulated)"
    table = Table(title=title, title_justify="left")
    for column in ("spread of the log ratio", "true ratio", "equivalent", "different", "seeds"):
        table.add_column(column, justify="right")
    for row in rows:
        shares = (f"{row.equivalent:.1%}", f"{row.different:.1%}")
        table.add_row(f"{row.spread:g}", f"{row.ratio:g}", *shares, f"{row.seeds:.1f}")
    show(table, console)
