"""Is the gap between backends larger than a backend's own sensitivity to rounding?

Pure functions of the table that `divergence` makes. Averages are geometric: distances grow by
orders of magnitude. A distance of exactly zero has no place in such an average and is left out:
there the change has not acted yet.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.studies.consistency.trajectory import MEASURES

# Steps count as early while the weights of two backends are less than this apart.
EARLY = 1e-2
LATE_SHARE = 0.25
# Draws of one change differ by more than this, so a smaller factor is no finding.
CLEARLY = 2.0
# Of the first update: rounding that carries a value over a kink, or turns the sign of a gradient
# that is all but zero, was seen to change up to 0.03 of it; a wrong gradient changes most of it.
NEUTRAL = 0.1
CURVE = ["kind", "reference", "backend", "variant", "draw"]


@dataclass(frozen=True)
class Ratio:
    """The gap between `reference` and `backend` over their own sensitivity, in one phase.

    `measure`: weights, outputs or losses. `phase`: "early" (`first_step` to `last_step`: weights
    less than EARLY apart) or "late" (the last quarter). `between`, `floor`: geometric means over
    those steps, relative distances. `low`, `high`: the smallest and largest ratio that a single
    draw of a single neutral change gives; `curves` of them. `larger`: the share of pairs of a gap
    between backends and a gap of a backend from itself in which the first is the larger; 0.5 where
    the two are alike, whatever jumps both make. Numbers are None where nothing is.
    """

    reference: str
    backend: str
    measure: str
    phase: str
    first_step: int | None
    last_step: int | None
    between: float | None
    floor: float | None
    ratio: float | None
    low: float | None
    high: float | None
    curves: int
    larger: float | None

    @property
    def sentence(self) -> str:
        """Plain words; claims no more than the draws give."""
        where = f"{self.measure}, {self.phase}"
        if self.first_step is None:
            return f"{where}: no such steps."
        where += f" (steps {self.first_step} to {self.last_step})"
        if self.between is None:
            return f"{where}: {self.backend} and {self.reference} do not differ at all."
        if self.ratio is None or self.low is None or self.high is None:
            return f"{where}: neutral changes made no difference, so there is no noise floor."
        ratio = (
            f"{where}: the difference between frameworks divided by the noise floor is"
            f" {self.ratio:.2g} (from {self.low:.2g} to {self.high:.2g} for the {self.curves}"
            f" neutral changes; it is larger in {self.larger:.0%} of pairs, 50% would be chance)"
        )
        if self.low > CLEARLY:
            return f"{ratio}: clearly larger than the effect of every neutral change."
        if self.high < 1 / CLEARLY:
            return f"{ratio}: clearly smaller than the effect of every neutral change."
        return f"{ratio}: not clearly outside the effects of neutral changes."


def summarise(table: pd.DataFrame) -> tuple[Ratio, ...]:
    """Every further backend against the first, for every measure, early and late."""
    pairs = table.loc[table["kind"] == "between", ["reference", "backend"]].drop_duplicates()
    ratios = []
    for reference, backend in pairs.itertuples(index=False):
        early = early_steps(between(table, reference, backend, "weights"))
        own = within(table, [reference, backend])
        for measure in MEASURES:
            gaps, curves = _gaps(table, reference, backend, measure), _curves(own, measure)
            noise = floor(table, (reference, backend), measure)
            for phase, steps in (("early", early), ("late", late_steps(int(gaps.index[-1])))):
                about = (reference, backend, measure, phase)
                ratios.append(_ratio(about, gaps, curves, noise, steps))
    return tuple(ratios)


def not_neutral(table: pd.DataFrame) -> pd.DataFrame:
    """Changes meant to be neutral that are not: `backend variant draw share`.

    `share` of the first update of the weights that they change, at least NEUTRAL: wrong results of
    a framework, not rounding. They are in no floor and no ratio.
    """
    first = table[table["step"] == 1]
    updates = first[first["kind"] == "moved"].set_index("backend")["weights"]
    own = first[first["kind"] == "within"]
    shares = own["weights"] / own["backend"].map(updates)
    # A NaN is no rounding either.
    changed = own.assign(share=shares)[~(shares < NEUTRAL)]
    return changed[["backend", "variant", "draw", "share"]].reset_index(drop=True)


def within(table: pd.DataFrame, backends: Sequence[str]) -> pd.DataFrame:
    """Rows of backends against themselves, without the changes that are not neutral."""
    draw = ["backend", "variant", "draw"]
    rows = table[(table["kind"] == "within") & table["backend"].isin(list(backends))]
    bad = pd.MultiIndex.from_frame(not_neutral(table)[draw])
    return rows[~pd.MultiIndex.from_frame(rows[draw]).isin(bad)]


def between(table: pd.DataFrame, reference: str, backend: str, measure: str) -> pd.Series:
    """Distance of two backends by step: geometric mean over the starts."""
    return geometric_mean(_gaps(table, reference, backend, measure))


def floor(table: pd.DataFrame, backends: Sequence[str], measure: str) -> pd.Series:
    """Own sensitivity by step: geometric mean over draws, then over changes, then over backends."""
    means = []
    for backend in backends:
        changes = [
            geometric_mean(_curves(rows, measure))
            for _, rows in within(table, [backend]).groupby("variant", sort=False)
        ]
        if changes:
            means.append(geometric_mean(pd.concat(changes, axis=1)))
    if not means:
        raise ValueError(f"no neutral change of {', '.join(backends)} in the table")
    return geometric_mean(pd.concat(means, axis=1))


def geometric_mean(values: pd.DataFrame) -> pd.Series:
    """Over the columns of each row; zeros and what is not finite are left out. NaN if all are."""
    usable = values.where((values > 0) & np.isfinite(values))
    return np.exp(np.log(usable).mean(axis=1))


def early_steps(distance: pd.Series) -> list[int]:
    """From step 1 up to the last step before the weights are EARLY apart."""
    after_start = distance[distance.index >= 1]
    apart = after_start.index[after_start >= EARLY]
    last = int(apart[0]) - 1 if len(apart) else int(distance.index[-1])
    return list(range(1, last + 1))


def late_steps(steps: int) -> list[int]:
    """The last quarter of `steps` steps."""
    return list(range(steps - max(1, round(steps * LATE_SHARE)) + 1, steps + 1))


def mean_over(curve: pd.Series, steps: Sequence[int]) -> float | None:
    """Geometric mean over some steps; None where there is nothing above zero."""
    value = float(geometric_mean(curve.reindex(list(steps)).to_frame().T).iloc[0])
    return value if math.isfinite(value) else None


def _ratio(
    about: tuple[str, str, str, str],
    gaps: pd.DataFrame,
    own: pd.DataFrame,
    noise: pd.Series,
    steps: Sequence[int],
) -> Ratio:
    """`about`: reference, backend, measure, phase. `own`: curves of each backend and itself."""
    gap = geometric_mean(gaps)

    def means(curves: pd.DataFrame) -> list[float]:
        """Over the steps, of each column that has anything above zero there."""
        values = [mean_over(curves[name], steps) for name in curves]
        return [value for value in values if value is not None]

    ratios = means(own.where(own > 0).rdiv(gap, axis=0))
    # A row for each gap between backends, a column for each gap of a backend from itself; a tie
    # counts as half.
    signs = np.sign(np.subtract.outer(means(gaps), means(own)))
    return Ratio(
        *about,
        first_step=steps[0] if steps else None,
        last_step=steps[-1] if steps else None,
        between=mean_over(gap, steps),
        floor=mean_over(noise, steps),
        ratio=mean_over(gap / noise, steps),
        low=min(ratios, default=None),
        high=max(ratios, default=None),
        curves=len(ratios),
        larger=float((signs.mean() + 1) / 2) if signs.size else None,
    )


def _gaps(table: pd.DataFrame, reference: str, backend: str, measure: str) -> pd.DataFrame:
    """Two backends from the same start: a row a step, a column a start."""
    rows = (table["kind"] == "between") & (table["reference"] == reference)
    return _curves(table[rows & (table["backend"] == backend)], measure)


def _curves(rows: pd.DataFrame, measure: str) -> pd.DataFrame:
    """A row a step, a column a curve."""
    return rows.pivot(index="step", columns=CURVE, values=measure)
