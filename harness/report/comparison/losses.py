"""Loss terms in the four units of docs/conventions.md, and the curves the plots draw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from pydantic import TypeAdapter, ValidationError

from backends.objective import LOSS_TERMS, PENALTIES, Objective
from harness.records.experiment import ExperimentFolder
from harness.records.run import RunRecord
from harness.system.errors import UserError

CONVENTIONS = ("mean", "unnormalised", "normalised", "weighted")
TAIL = 10  # the last tenth of a run
OBJECTIVE = TypeAdapter(Objective)


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


def loss_rows(experiment: ExperimentFolder) -> list[LossRow]:
    """Each term in each convention it has, in the order of LOSS_TERMS and CONVENTIONS."""
    units = conventions(experiment)
    penalised = units.objective.adversarial == "wasserstein_gp"
    terms = LOSS_TERMS + PENALTIES if penalised else LOSS_TERMS
    finals = {
        name: {term: _final(experiment.of(name), term) for term in terms}
        for name in experiment.present
    }
    rows = []
    for term in terms:
        for convention in CONVENTIONS:
            factor = units.factor(term, convention)
            if factor is not None:
                values = {name: _times(finals[name][term], factor) for name in finals}
                rows.append(LossRow(term, convention, values))
    return rows


def cycle_rows(rows: Sequence[LossRow]) -> list[LossRow]:
    """The mean of `cycle_a` and `cycle_b`, a row a convention."""
    both = {(row.term, row.convention): row.values for row in rows}
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


def _column(run: RunRecord, name: str) -> pd.Series:
    """Of losses.csv. Raises UserError where it has none such: of penalties, not every run has."""
    if name not in run.losses.columns:
        raise UserError(
            f"{run.folder / 'losses.csv'}: no column {name}; remove {run.folder} to train that run"
            " anew"
        )
    return run.losses[name]


def _final(runs: Sequence[RunRecord], term: str) -> float | None:
    return _mean(
        [
            float(_column(r, term).iloc[-math.ceil(len(r.losses) / TAIL) :].mean(skipna=False))
            for r in runs
            if len(r.losses)
        ]
    )


def _mean(values: Sequence[float | None]) -> float | None:
    """None unless every value is a finite number: a diverged run is not averaged away."""
    numbers = [value for value in values if value is not None and math.isfinite(value)]
    return sum(numbers) / len(numbers) if numbers and len(numbers) == len(values) else None


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor
