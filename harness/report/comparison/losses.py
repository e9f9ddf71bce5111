"""Loss terms in the four units of docs/conventions.md: numbers, and curves for plots and chart."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from markupsafe import Markup
from pydantic import TypeAdapter, ValidationError

from backends.gan import GanObjective
from backends.objective import ACCURACIES, LOSS_TERMS, PENALTIES, Objective
from harness.records.experiment import ExperimentFolder
from harness.records.imported_losses import CYCLE, Imported, read_imported
from harness.records.run import RunRecord
from harness.report.figures import PALETTE, colour
from harness.system.errors import UserError

CONVENTIONS = ("mean", "unnormalised", "normalised", "weighted")
TAIL = 10  # the last tenth of a run
OBJECTIVE = TypeAdapter(Objective)
CHART_POINTS = 400  # of a curve of the chart; each is the mean of the steps around it
CHART_DIGITS = 5  # significant ones


@dataclass(frozen=True)
class Conventions:
    """What turns a recorded mean over elements into the other three conventions.

    `elements`: pixels times channels of a training image, by domain.
    """

    elements: dict[str, int]
    objective: Objective

    def factor(self, term: str, convention: str) -> float | None:
        """Multiplier of the recorded mean; None where the term has no such convention.

        `cycle` is the mean of both cycle terms: its factors are means of both domains', exact only
        where they are equal (`cycle_curves` is exact always).
        """
        kind, _, side = term.partition("_")
        if kind == "cycle" and not side:
            factors = [self.factor(f"cycle_{domain}", convention) for domain in "ab"]
            return _mean(factors)
        if convention == "mean":
            return 1.0
        if convention == "weighted":
            return self.objective.weights[term]
        if kind not in ("cycle", "identity"):
            return None
        if convention == "unnormalised":
            return float(self.elements[side])
        # Differences in [-1, 1] are up to 2, in [0, 1] up to 1.
        norm = self.objective.cycle_norm if kind == "cycle" else self.objective.identity_norm
        return 0.5 if norm == "l1" else 0.25


@dataclass(frozen=True)
class LossRow:
    """Mean over the last tenth of the run, then over a backend's complete runs."""

    term: str
    convention: str
    values: dict[str, float | None]


def conventions(experiment: ExperimentFolder) -> Conventions:
    """Raises UserError if the configuration lacks the image size, or has an impossible weight."""
    given = {
        field.name: experiment.setting(f"objective.{field.name}", field.default)
        for field in fields(Objective)
    }
    try:
        objective = OBJECTIVE.validate_python(given)
    except ValidationError as error:
        where = error.errors()[0]["loc"][0]
        raise UserError(
            f"{experiment.folder / 'experiment.json'}: configuration.objective.{where}: not what a"
            " configuration can have; mend it, or remove the folder and train anew"
        ) from None
    return Conventions({side: math.prod(experiment.image_shape(side)) for side in "ab"}, objective)


def term_weights(experiment: ExperimentFolder) -> dict[str, float]:
    """Of every recorded term in what its networks minimise."""
    if experiment.kind == "gan":
        return GanObjective().weights
    return conventions(experiment).objective.weights


def loss_rows(experiment: ExperimentFolder) -> list[LossRow]:
    """Each term in each convention it has, in the order of LOSS_TERMS and CONVENTIONS."""
    units = conventions(experiment)
    penalised = units.objective.adversarial == "wasserstein_gp"
    terms = LOSS_TERMS + PENALTIES if penalised else LOSS_TERMS
    rows = []
    for term in terms:
        finals = last_losses(experiment, term)
        for convention in CONVENTIONS:
            factor = units.factor(term, convention)
            if factor is not None:
                values = {
                    name: None if final is None else final * factor
                    for name, final in finals.items()
                }
                rows.append(LossRow(term, convention, values))
    return rows


def last_losses(experiment: ExperimentFolder, term: str) -> dict[str, float | None]:
    """By backend: mean over the last tenth of the run, as recorded, then over its runs."""
    finals = {}
    for name in experiment.present:
        tails = [
            _column(run, term).iloc[-math.ceil(len(run.losses) / TAIL) :]
            for run in experiment.of(name)
            if len(run.losses)
        ]
        finals[name] = _mean([float(tail.mean(skipna=False)) for tail in tails])
    return finals


def cycle_rows(rows: Sequence[LossRow]) -> list[LossRow]:
    """The mean of `cycle_a` and `cycle_b`, a row a convention; none of models without cycles."""
    both = {(row.term, row.convention): row.values for row in rows}
    if ("cycle_a", "mean") not in both:
        return []
    return [
        LossRow(
            "cycle",
            convention,
            {
                name: _mean([both["cycle_a", convention][name], both["cycle_b", convention][name]])
                for name in both["cycle_a", convention]
            },
        )
        for convention in CONVENTIONS
    ]


def cycle_curves(runs: Sequence[RunRecord], units: Conventions, convention: str) -> np.ndarray:
    """Mean of both cycle losses, float64 (runs, steps), in one convention."""
    sides = [curves(runs, f"cycle_{s}") * units.factor(f"cycle_{s}", convention) for s in "ab"]
    return (sides[0] + sides[1]) / 2


def curves(runs: Sequence[RunRecord], column: str) -> np.ndarray:
    """A column of losses.csv of every run, float64 (runs, steps); NaN where not finite."""
    steps = min(len(run.losses) for run in runs)
    stacked = np.stack([_column(run, column).to_numpy(np.float64)[:steps] for run in runs])
    return np.where(np.isfinite(stacked), stacked, np.nan)


def chart_data(experiment: ExperimentFolder) -> Markup:
    """The page's chart as JSON, of an experiment with a complete run.

    `series [{title, colour, dashed}]`, `steps` and each term's `values`: a list a series; values as
    recorded (means over elements), null where not finite; `terms [{title, factors, values}]`, and
    `factors {convention: multiplier}`.
    """
    runs = [run for name in experiment.present for run in experiment.of(name)]
    imported = read_imported(experiment.folder)
    sources: list[RunRecord | Imported] = [*runs, *imported]
    series = []
    for run in runs:
        title = f"{experiment.title(run.backend)}, seed {run.seed}"
        if len(experiment.devices) > 1:
            title += f", {experiment.device_title(run.device)}"
        tone = colour(experiment, run.backend)
        series.append({"title": title, "colour": tone, "dashed": False})
    taken = [colour(experiment, name) for name in experiment.backends]
    tones = sorted(PALETTE, key=taken.__contains__)  # those that no backend has come first
    for number, losses in enumerate(imported):
        tone = tones[number % len(tones)]
        series.append({"title": f"{losses.title} (imported)", "colour": tone, "dashed": True})
    steps = [np.arange(len(run.losses), dtype=np.float64) for run in runs]
    steps += [losses.table["step"].to_numpy(np.float64) for losses in imported]
    units = conventions(experiment)
    # The mean of both cycle losses only where one factor holds for both.
    same = all(units.factor("cycle_a", c) == units.factor("cycle_b", c) for c in CONVENTIONS)
    terms = []
    for term in (*([CYCLE] if same else []), *LOSS_TERMS, *ACCURACIES):
        factors = {"mean": 1.0}
        if term not in ACCURACIES:
            of_all = {convention: units.factor(term, convention) for convention in CONVENTIONS}
            factors = {name: factor for name, factor in of_all.items() if factor is not None}
        title = "cycle, mean of both generators" if term == CYCLE else term.replace("_", " ")
        values = [_thinned(_curve(losses, term)) for losses in sources]
        terms.append({"title": title, "factors": factors, "values": values})
    document = {
        "conventions": list(CONVENTIONS),
        "series": series,
        "steps": [_thinned(column) or [] for column in steps],
        "terms": terms,
    }
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    # "</script>" within a title would end the block.
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704 - escaped just here


def _curve(losses: RunRecord | Imported, term: str) -> np.ndarray | None:
    """A term at every step; None where the source has no such term.

    Steps at which an imported curve has no value are filled in.
    """
    if isinstance(losses, Imported) and term in losses.table:
        return losses.table[term].interpolate(limit_area="inside").to_numpy(np.float64)
    if term == CYCLE:
        a, b = (_curve(losses, f"cycle_{side}") for side in "ab")
        return None if a is None or b is None else (a + b) / 2
    return None if isinstance(losses, Imported) else curves([losses], term)[0]


def _thinned(curve: np.ndarray | None) -> list[float | None] | None:
    """At most CHART_POINTS means of neighbours; null where one of them is: a gap stays visible."""
    if curve is None or not len(curve):
        return None
    starts = np.arange(0, len(curve), math.ceil(len(curve) / CHART_POINTS))
    means = np.add.reduceat(curve, starts) / np.diff([*starts, len(curve)])
    return [float(f"{v:.{CHART_DIGITS}g}") if math.isfinite(v) else None for v in means]


def _column(run: RunRecord, name: str) -> pd.Series:
    """Of losses.csv. Raises UserError where it has none such: of penalties, not every run has."""
    if name not in run.losses.columns:
        raise UserError(
            f"{run.folder / 'losses.csv'}: no column {name}; remove {run.folder} to train that run"
            " anew"
        )
    return run.losses[name]


def _mean(values: Sequence[float | None]) -> float | None:
    """None unless every value is a finite number: a diverged run is not averaged away."""
    numbers = [value for value in values if value is not None and math.isfinite(value)]
    return sum(numbers) / len(numbers) if numbers and len(numbers) == len(values) else None
