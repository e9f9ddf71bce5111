"""The loss curves that the page's chart draws: thinned, as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from backends.objective import ACCURACIES, LOSS_TERMS
from harness.records.experiment import ExperimentFolder
from harness.records.imported_losses import Imported, read_imported
from harness.records.run import RunRecord
from harness.report.comparison.losses import CONVENTIONS, conventions, curves
from harness.report.figures import PALETTE, colour

POINTS = 400  # of a curve; each is the mean of the steps around it
DIGITS = 5  # significant ones
BOTH = "cycle"  # the mean of both cycle losses
TITLES = {BOTH: "cycle, mean of both generators"}


def chart_data(experiment: ExperimentFolder) -> Markup | None:
    """For a data block of the page; None where no run is complete.

    `series [{title, colour, dashed}]`, `steps` and each term's `values`: a list a series; values as
    recorded (means over elements), null where not finite; `terms [{title, factors, values}]`, and
    `factors {convention: multiplier}`.
    """
    if not experiment.runs:
        return None
    runs = [run for name in experiment.present for run in experiment.of(name)]
    imported = read_imported(experiment.folder)
    series = []
    for run in runs:
        title = f"{experiment.title(run.backend)}, seed {run.seed}"
        if len(experiment.devices) > 1:
            title += f", {experiment.device_title(run.device)}"
        tone = colour(experiment, run.backend)
        series.append({"title": title, "colour": tone, "dashed": False})
    for number, losses in enumerate(imported, len(experiment.backends)):
        tone = PALETTE[number % len(PALETTE)]
        series.append({"title": f"{losses.title} (imported)", "colour": tone, "dashed": True})
    steps = [np.arange(len(run.losses), dtype=np.float64) for run in runs]
    steps += [losses.table["step"].to_numpy(np.float64) for losses in imported]
    units = conventions(experiment)
    # The mean of both cycle losses only where one factor holds for both.
    same = all(units.factor("cycle_a", c) == units.factor("cycle_b", c) for c in CONVENTIONS)
    terms = []
    for term in (*([BOTH] if same else []), *LOSS_TERMS, *ACCURACIES):
        columns = [_values(run, term) for run in runs]
        columns += [_values(losses, term) for losses in imported]
        factors = {"mean": 1.0}
        if term not in ACCURACIES:
            of_all = {convention: units.factor(term, convention) for convention in CONVENTIONS}
            factors = {name: factor for name, factor in of_all.items() if factor is not None}
        values = [_numbers(_means(column)) if len(column) else None for column in columns]
        title = TITLES.get(term, term.replace("_", " "))
        terms.append({"title": title, "factors": factors, "values": values})
    document = {
        "conventions": list(CONVENTIONS),
        "series": series,
        "steps": [_numbers(_means(column)) for column in steps],
        "terms": terms,
    }
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    # "</script>" within a title would end the block.
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704 - escaped just here


def _values(losses: RunRecord | Imported, term: str) -> np.ndarray:
    """Of a run or of imported losses: there what was not written at a step is filled in.

    Empty where the source has no such term.
    """
    if isinstance(losses, Imported) and term in losses.table:
        return losses.table[term].interpolate(limit_area="inside").to_numpy(np.float64)
    if term == BOTH:
        a, b = (_values(losses, f"cycle_{side}") for side in "ab")
        return (a + b) / 2 if len(a) and len(b) else np.empty(0)
    return np.empty(0) if isinstance(losses, Imported) else curves([losses], term)[0]


def _means(values: np.ndarray) -> np.ndarray:
    """At most POINTS means of neighbours; NaN where one of them is: a gap stays to be seen."""
    if not len(values):
        return values
    starts = np.arange(0, len(values), math.ceil(len(values) / POINTS))
    return np.add.reduceat(values, starts) / np.diff([*starts, len(values)])


def _numbers(values: Sequence[float] | np.ndarray) -> list[float | None]:
    return [float(f"{v:.{DIGITS}g}") if math.isfinite(v) else None for v in values]
