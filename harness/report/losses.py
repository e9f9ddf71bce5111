"""Loss terms in the four conventions of DESIGN.md, and the curves the plots draw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from backends.interface import LOSS_TERMS
from harness.records import RunRecord
from harness.report.experiment import Experiment

CONVENTIONS = ("mean", "unnormalised", "normalised", "weighted")
TAIL = 10  # the last tenth of a run
CHANNELS = 3  # every data set is decoded as RGB


@dataclass(frozen=True)
class Conventions:
    """What turns a recorded mean over elements into the other three conventions."""

    elements: int  # pixels times channels of a training image
    lambdas: dict[str, float]  # "a", "b": weight of a domain's cycle term
    identity: float  # identity weight relative to the cycle weight
    discriminator: float  # weight of a discriminator's loss, real plus fake term

    def factor(self, term: str, convention: str) -> float | None:
        """Multiplier of the recorded mean; None where the term has no such convention.

        `cycle` is the mean of both cycle terms: its weighted factor is the mean of both lambdas,
        exact only where they are equal (`weighted_cycle` is exact always).
        """
        kind, _, side = term.partition("_")
        if convention == "mean":
            return 1.0
        if convention == "weighted":
            return self._weight(kind, side)
        if kind not in ("cycle", "identity"):
            return None
        return float(self.elements) if convention == "unnormalised" else 0.5

    def _weight(self, kind: str, side: str) -> float:
        weight = self.lambdas[side] if side in self.lambdas else sum(self.lambdas.values()) / 2
        by_kind = {"cycle": weight, "identity": weight * self.identity}
        return {**by_kind, "discriminator": self.discriminator}.get(kind, 1.0)


@dataclass(frozen=True)
class LossRow:
    """Mean over the last tenth of the run, then over a backend's complete runs."""

    term: str
    convention: str
    values: dict[str, float | None]


def conventions(experiment: Experiment) -> Conventions:
    """Raises UserError if the configuration lacks the image size or a weight."""
    size = experiment.setting("data.crop_size")
    return Conventions(
        elements=size * size * CHANNELS,
        lambdas={side: experiment.setting(f"objective.lambda_{side}") for side in "ab"},
        identity=experiment.setting("objective.identity"),
        discriminator=0.5 if experiment.setting("objective.halve_discriminator") else 1.0,
    )


def loss_rows(experiment: Experiment) -> list[LossRow]:
    """Each term in each convention it has, in the order of LOSS_TERMS and CONVENTIONS."""
    units = conventions(experiment)
    finals = {
        name: {term: _final(experiment.of(name), term) for term in LOSS_TERMS}
        for name in experiment.present
    }
    rows = []
    for term in LOSS_TERMS:
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
    stacked = np.stack([run.losses[column].to_numpy(np.float64)[:steps] for run in runs])
    return np.where(np.isfinite(stacked), stacked, np.nan)


def smooth(values: np.ndarray) -> np.ndarray:
    """Centred running median over a fortieth of the run, then its running mean; same shape."""
    window = max(1, values.shape[1] // 40)
    rolling = {"window": window, "center": True, "min_periods": 1}
    frame = pd.DataFrame(values.T)
    return frame.rolling(**rolling).median().rolling(**rolling).mean().to_numpy().T


def _final(runs: Sequence[RunRecord], term: str) -> float | None:
    return _mean(
        [
            float(r.losses[term].iloc[-math.ceil(len(r.losses) / TAIL) :].mean(skipna=False))
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
