"""The loss curves that the page's chart draws: thinned, as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from backends.objective import ACCURACIES, LOSS_TERMS
from harness.records.experiment import ExperimentFolder
from harness.records.imported_losses import Imported, read_imported
from harness.records.run import RunRecord
from harness.report.comparison.losses import CONVENTIONS, Conventions, conventions, curves
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
    units = conventions(experiment)
    series = [_of_run(experiment, run) for run in runs]
    series += [_of_import(experiment, place, each) for place, each in enumerate(imported)]
    lengths = [len(run.losses) for run in runs]
    steps = [_means(np.arange(length, dtype=np.float64)) for length in lengths]
    steps += [_means(each.table["step"].to_numpy(np.float64)) for each in imported]
    terms = []
    for term in _terms(units):
        columns = [
            *(_recorded(run, term) for run in runs),
            *(_imported(each, term) for each in imported),
        ]
        values = [_numbers(_means(column)) if len(column) else None for column in columns]
        title = TITLES.get(term, term.replace("_", " "))
        terms.append({"title": title, "factors": _factors(units, term), "values": values})
    document = {
        "conventions": list(CONVENTIONS),
        "series": series,
        "steps": [_numbers(each) for each in steps],
        "terms": terms,
    }
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    # "</script>" within a title would end the block.
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704 - escaped just here


def _terms(units: Conventions) -> list[str]:
    """The mean of both cycle losses only where one factor holds for both."""
    same = all(
        units.factor("cycle_a", each) == units.factor("cycle_b", each) for each in CONVENTIONS
    )
    return [*([BOTH] if same else []), *LOSS_TERMS, *ACCURACIES]


def _factors(units: Conventions, term: str) -> dict[str, float]:
    if term in ACCURACIES:
        return {"mean": 1.0}
    found = {each: units.factor(term, each) for each in CONVENTIONS}
    return {each: factor for each, factor in found.items() if factor is not None}


def _of_run(experiment: ExperimentFolder, run: RunRecord) -> dict[str, Any]:
    title = f"{experiment.title(run.backend)}, seed {run.seed}"
    if len(experiment.devices) > 1:
        title += f", {experiment.device_title(run.device)}"
    return {"title": title, "colour": colour(experiment, run.backend), "dashed": False}


def _of_import(experiment: ExperimentFolder, place: int, each: Imported) -> dict[str, Any]:
    tone = PALETTE[(len(experiment.backends) + place) % len(PALETTE)]
    return {"title": f"{each.title} (imported)", "colour": tone, "dashed": True}


def _recorded(run: RunRecord, term: str) -> np.ndarray:
    if term == BOTH:
        return (_recorded(run, "cycle_a") + _recorded(run, "cycle_b")) / 2
    return curves([run], term)[0]


def _imported(each: Imported, term: str) -> np.ndarray:
    """Empty where the source has no such term; what it did not write at a step is filled in."""
    if term in each.table:
        return each.table[term].interpolate(limit_area="inside").to_numpy(np.float64)
    if term == BOTH and {"cycle_a", "cycle_b"} <= set(each.table):
        return (_imported(each, "cycle_a") + _imported(each, "cycle_b")) / 2
    return np.empty(0)


def _means(values: np.ndarray) -> np.ndarray:
    """At most POINTS means of neighbours; NaN where one of them is: a gap stays to be seen."""
    if not len(values):
        return values
    starts = np.arange(0, len(values), math.ceil(len(values) / POINTS))
    return np.add.reduceat(values, starts) / np.diff([*starts, len(values)])


def _numbers(values: Sequence[float] | np.ndarray) -> list[float | None]:
    return [float(f"{v:.{DIGITS}g}") if math.isfinite(v) else None for v in values]
