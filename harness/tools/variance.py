"""`cyclebench variance`: where the variance of a score comes from, and what a verdict would cost.

From any scored experiment folder. It says what is worth more: more seeds, more test images, or a
mean over the last evaluations in place of the last one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from harness.config.metric_table import BY_NAME, margin_scale
from harness.records.experiment import ExperimentFolder, load
from harness.report.comparison.seed_plan import seed_seconds
from harness.report.formatting import fixed, significant
from harness.statistics.equivalence import Margin, seeds_for_power
from harness.statistics.intervals import BLOCKS, MINIMUM_SEEDS, t_quantile
from harness.system.errors import UserError
from harness.system.progress import duration
from harness.system.terminal_tables import show

ALPHA = 0.05
Scores = Mapping[int, Mapping[int, tuple[float, float | None]]]  # seed -> step -> value, its error


@dataclass(frozen=True)
class BackendSpread:
    """Standard deviations of one backend's score, in its own unit; None: too few to tell.

    `between_seeds`: of the score after the last step. `within_run`: of the last evaluations around
    their mean in the run. `test_images`: of the last score for other test images (jackknife). The
    last two are root mean squares over runs.
    """

    mean: float
    seeds: int
    between_seeds: float | None
    within_run: float | None
    test_images: float | None


@dataclass(frozen=True)
class PairSpread:
    """Of two backends, paired by seed. `scale`: "ratio": of log(second / first); else first minus
    second. `needed`: seeds for 80 % power to call equal backends equivalent, in one look; at 5 %
    over all backends that are compared with the first (Bonferroni)."""

    scale: str
    deviation: float | None
    correlation: float | None
    needed: int | None


@dataclass(frozen=True)
class VarianceRow:
    """One score, direction, device and kind of weights.

    `compared`: by backend, each with the first: of the score after the last step, and of the mean
    over the last evaluations of each run. `last`, `averaged`: those of the second backend; None:
    one backend alone.
    """

    metric: str
    direction: str
    device: str
    weights: str
    evaluations: int  # that the means are over
    backends: dict[str, BackendSpread]
    compared: dict[str, tuple[PairSpread, PairSpread]]
    margin: float | None
    seed_seconds: float | None
    reals: str  # images that distributions are compared with

    @property
    def last(self) -> PairSpread | None:
        return next(iter(self.compared.values()))[0] if self.compared else None

    @property
    def averaged(self) -> PairSpread | None:
        return next(iter(self.compared.values()))[1] if self.compared else None


def variance_rows(folder: Path, last: int) -> list[VarianceRow]:
    """`last`: evaluations at the end of a run that are taken together, step 0 never among them.

    Raises UserError for a folder without scores, or damaged records.
    """
    experiment = load(folder)
    metrics = experiment.metrics
    recorded = metrics.get("scores", []) + metrics.get("last_step", {}).get("scores", [])
    if not recorded or not experiment.runs:
        raise UserError(f"{folder}: no scores there; run `cyclebench report {folder}` first")
    complete = {(run.device, run.backend, run.seed) for run in experiment.runs}
    by_place: dict[tuple[str, str, str, str], dict[str, dict[int, dict[int, Any]]]] = {}
    for row in recorded:
        usable = row["value"] is not None and math.isfinite(row["value"]) and row["step"] > 0
        if usable and (row["device"], row["backend"], row["seed"]) in complete:
            weights = row.get("weights", "last")
            place = (row["device"], row["metric"], weights, row["direction"])
            runs = by_place.setdefault(place, {}).setdefault(row["backend"], {})
            runs.setdefault(row["seed"], {})[row["step"]] = (row["value"], _image_error(row))
    order = list(BY_NAME)
    known = [place for place in by_place if place[1] in BY_NAME]
    return [
        _row(experiment, place, by_place[place], last)
        for place in sorted(known, key=lambda p: (p[0], order.index(p[1]), p[2], p[3]))
    ]


def _row(
    experiment: ExperimentFolder,
    place: tuple[str, str, str, str],
    by_backend: Mapping[str, Scores],
    last: int,
) -> VarianceRow:
    device, metric, weights, direction = place
    evaluation = experiment.configuration.get("evaluation") or {}
    value = evaluation.get("margins", {}).get(metric)
    scale = margin_scale(evaluation, metric)
    margin = Margin(value, scale) if value is not None else None
    names = [name for name in experiment.backends if name in by_backend]
    alpha = ALPHA / max(1, len(names) - 1)
    lengths = [len(steps) for runs in by_backend.values() for steps in runs.values()]
    count = min(last, *lengths)
    return VarianceRow(
        metric=metric,
        direction=direction,
        device=device,
        weights=weights,
        evaluations=count,
        backends={name: _backend(by_backend[name], count) for name in by_backend},
        compared={
            other: (
                _pair(sides, 1, scale, margin, alpha),
                _pair(sides, count, scale, margin, alpha),
            )
            for other in names[1:]
            for sides in [(by_backend[names[0]], by_backend[other])]
        },
        margin=value,
        seed_seconds=seed_seconds(experiment, device),
        reals=experiment.setting("evaluation.reals", "test"),
    )


def _backend(runs: Scores, count: int) -> BackendSpread:
    finals = [steps[max(steps)] for steps in runs.values()]
    values = np.array([value for value, _ in finals], np.float64)
    errors = [error for _, error in finals if error is not None]
    ends = [
        np.array([steps[step][0] for step in sorted(steps)[-count:]]) for steps in runs.values()
    ]
    within = [float(end.var(ddof=1)) for end in ends if len(end) > 1]
    return BackendSpread(
        mean=float(values.mean()),
        seeds=len(values),
        between_seeds=float(values.std(ddof=1)) if len(values) > 1 else None,
        within_run=math.sqrt(sum(within) / len(within)) if within else None,
        test_images=math.sqrt(sum(e**2 for e in errors) / len(errors)) if errors else None,
    )


def _pair(
    sides: Sequence[Scores], count: int, scale: str, margin: Margin | None, alpha: float
) -> PairSpread:
    """Of the mean over the last `count` evaluations of each run."""
    seeds = sorted(sides[0].keys() & sides[1].keys())
    first, second = (
        np.array([np.mean([runs[s][t][0] for t in sorted(runs[s])[-count:]]) for s in seeds])
        for runs in sides
    )
    deviation = correlation = needed = None
    if len(seeds) > 1:
        positive = bool((first > 0).all() and (second > 0).all())
        if scale == "difference":
            deviation = float((first - second).std(ddof=1))
        elif positive:
            deviation = float(np.log(second / first).std(ddof=1))
    if len(seeds) >= MINIMUM_SEEDS:
        if first.std() > 0 and second.std() > 0:
            correlation = float(np.corrcoef(first, second)[0, 1])
        if margin is not None:
            needed = seeds_for_power(first.tolist(), second.tolist(), margin, alpha)
    return PairSpread(scale, deviation, correlation, needed)


def _image_error(row: Mapping[str, Any]) -> float | None:
    """Standard error for other test images, from the bounds that were recorded.

    They are of t with a degree of freedom less than there are blocks, or somewhat more where two
    sets of images are independent: the error is up to 4 % too small there.
    """
    if row["low"] is None or row["high"] is None:
        return None
    blocks = min(BLOCKS, row["n"] or BLOCKS)
    return (row["high"] - row["low"]) / 2 / t_quantile(blocks - 1) if blocks > 1 else None


def as_json(rows: Sequence[VarianceRow]) -> dict[str, Any]:
    """Of two backends `last` and `averaged`; of more these by backend, as `compared`."""
    return {"rows": [_row_json(row) for row in rows]}


def _row_json(row: VarianceRow) -> dict[str, Any]:
    pairs: dict[str, Any] = {
        name: {"last": asdict(last), "averaged": asdict(averaged)}
        for name, (last, averaged) in row.compared.items()
    }
    shown: dict[str, Any] = {"compared": pairs}
    if len(pairs) < 2:
        shown = next(iter(pairs.values()), {"last": None, "averaged": None})
    content: dict[str, Any] = {}
    for key, value in asdict(row).items():
        content |= shown if key == "compared" else {key: value}
    return content


def as_table(rows: Sequence[VarianceRow]) -> pd.DataFrame:
    """A row a score and backend; numbers in the units of metrics.json, seconds.

    What is of two backends: in both rows; of more, in that of the backend compared with the first.
    """
    flat = []
    for row in rows:
        for backend, spread in row.backends.items():
            place = {key: getattr(row, key) for key in ("device", "metric", "direction", "weights")}
            more = {"evaluations": row.evaluations, "margin": row.margin}
            cost = {"seed_seconds": row.seed_seconds}
            pairs = {
                f"{name}_{key}": value
                for name, pair in zip(("last", "averaged"), _pairs_of(row, backend), strict=False)
                for key, value in asdict(pair).items()
            }
            flat.append({**place, "backend": backend, **asdict(spread), **more, **pairs, **cost})
    return pd.DataFrame(flat)


def _pairs_of(row: VarianceRow, backend: str) -> tuple[PairSpread, ...]:
    """What is compared in a backend's row."""
    if len(row.compared) == 1:
        return next(iter(row.compared.values()))
    return row.compared.get(backend, ())


def print_rows(rows: Sequence[VarianceRow], console: Console) -> None:
    """A table a device: numbers as a report shows them, of a ratio the log's deviation."""
    for device in dict.fromkeys(row.device for row in rows):
        here = [row for row in rows if row.device == device]
        table = Table("score", "", "backend", title=device, title_justify="left")
        for column in ("seeds", "mean", "between seeds", "within run", "test images",
                       "paired", "correlation", "seeds needed"):  # fmt: skip
            table.add_column(column, justify="right")
        for row in here:
            for place, (name, spread) in enumerate(row.backends.items()):
                table.add_row(*_cells(row, name, spread, place == 0))
        show(table, console)
        seconds, count = here[0].seed_seconds, max(row.evaluations for row in here)
        cost = f" A seed takes {duration(seconds)} in all backends." if seconds else ""
        several = max(len(row.compared) for row in here)
        first = " Each is compared with the first." if several > 1 else ""
        at = f" (5 % over {several} comparisons)" if several > 1 else ""
        console.print(
            "Standard deviations. within run: of the last evaluations around their mean. paired: of"
            " the difference of two backends' scores of one seed, or of the log of their ratio."
            f" seeds needed: for 80 % power at the margin{at}, if the backends are equal.{first}"
            f" After the last step / of the mean over the last {count} evaluations.{cost}",
            soft_wrap=True, highlight=False,
        )  # fmt: skip


def _cells(row: VarianceRow, name: str, spread: BackendSpread, first: bool) -> Sequence[str]:
    metric = BY_NAME[row.metric].against(row.reals)

    def text(value: float | None) -> str:
        return fixed(value, metric.digits + 1, metric.scale)

    average = ", averaged weights" * (row.weights == "average")
    title = f"{metric.title}{average} {metric.unit}".strip()
    about = (title, row.direction) if first else ("", "")
    numbers = (text(spread.mean), text(spread.between_seeds), text(spread.within_run))
    pairs = () if len(row.compared) == 1 and not first else _pairs_of(row, name)
    deviations = [
        significant(pair.deviation) if pair.scale == "ratio" else text(pair.deviation)
        for pair in pairs
    ]
    correlations = [fixed(pair.correlation, 2) for pair in pairs]
    needed = ["?" if pair.needed is None else str(pair.needed) for pair in pairs]
    both = (" / ".join(texts) for texts in (deviations, correlations, needed))
    return (*about, name, str(spread.seeds), *numbers, text(spread.test_images), *both)
