"""What has become of the scores: of the same seeds, or of means over them against a history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from harness.config.metric_table import BY_NAME, margin_scale
from harness.statistics.change import Change, score_against_days, score_change
from harness.statistics.equivalence import Margin, Scale
from harness.studies.regression.measurement import Measurement, ScoreKey
from harness.system.errors import UserError

HEADLINE = "kid_efflite0"


def judged_scores(
    new: Measurement, baseline: Measurement, wanted: tuple[str, ...] | None
) -> tuple[str, ...]:
    """`wanted`: None is the headline. Raises UserError for a metric that cannot be judged."""
    scored = {place.metric for place in (*new.scores, *new.means)}
    scored &= {place.metric for place in (*baseline.scores, *baseline.means)}
    if wanted is None:
        return tuple({HEADLINE} & scored)
    margins = _margins(baseline)
    for name in wanted:
        if name not in BY_NAME:
            raise UserError(f"--scores {name}: no such metric; known: {', '.join(BY_NAME)}")
        if name not in scored or name not in margins:
            raise UserError(
                f"--scores {name}: not scored in both, or without a margin in the configuration;"
                f" there are {', '.join(sorted(scored & margins.keys())) or 'none'}"
            )
    return wanted


def score_changes(
    new: Measurement, days: Sequence[Measurement], judged: Sequence[str], error: float, checks: int
) -> list[Change]:
    """Intervals of what is judged hold together for `checks` of them; others each by itself."""
    baseline, order = days[0], list(BY_NAME)
    margins, changes = _margins(baseline), []

    def share(metric: str) -> tuple[bool, float]:
        strict = metric in judged and metric in margins
        return strict, error / checks if strict else error

    places = [place for place in new.scores if place in baseline.scores]
    for place in sorted(places, key=lambda place: order.index(place.metric)):
        now, then = new.scores[place], baseline.scores[place]
        if now.keys() & then.keys():
            margin, is_ratio = margins.get(place.metric), _is_ratio(baseline, place)
            changes.append(_score(place, now, then, margin, *share(place.metric), is_ratio))
    means = [place for place in new.means if place in baseline.means]
    for place in sorted(means, key=lambda place: order.index(place.metric)):
        before = [day.means[place] for day in days if place in day.means]
        scale: Scale = "ratio" if _is_ratio(baseline, place) else "difference"
        limit = Margin(margins[place.metric], scale) if place.metric in margins else None
        changes.append(_mean_score(place, new.means[place], before, limit, *share(place.metric)))
    return changes


def _margins(baseline: Measurement) -> Mapping[str, float]:
    return (baseline.configuration.get("evaluation") or {}).get("margins") or {}


def _is_ratio(baseline: Measurement, place: ScoreKey) -> bool:
    evaluation = baseline.configuration.get("evaluation") or {}
    return margin_scale(evaluation, place.metric) == "ratio"


def _score(
    place: ScoreKey,
    new: Mapping[int, float],
    baseline: Mapping[int, float],
    margin: float | None,
    judged: bool,
    error: float,
    is_ratio: bool,
) -> Change:
    """Of the seeds that both have, one at least."""
    seeds = sorted(new.keys() & baseline.keys())
    gaps = [new[seed] - baseline[seed] for seed in seeds]
    paired = ([baseline[seed] for seed in seeds], [new[seed] for seed in seeds])
    better = BY_NAME[place.metric].better
    change, label = score_change(gaps, margin, better, error, paired if is_ratio else None)
    return Change(
        quantity=place.metric,
        direction=place.direction,
        device=place.device,
        backend=place.backend,
        new=sum(new[seed] for seed in seeds) / len(seeds),
        baseline=sum(baseline[seed] for seed in seeds) / len(seeds),
        change=change,
        limit=margin,
        counts=(len(seeds), len(seeds)),
        label=label,
        judged=judged,
        limit_is_ratio=is_ratio and margin is not None,
    )


def _mean_score(
    place: ScoreKey,
    new: float,
    days: Sequence[float],
    margin: Margin | None,
    judged: bool,
    error: float,
) -> Change:
    """Of means over seeds: `days`, of the baseline."""
    better = BY_NAME[place.metric].better
    change, label = score_against_days(new, days, margin, better, error)
    return Change(
        quantity=place.metric,
        direction=place.direction,
        device=place.device,
        backend=place.backend,
        new=new,
        baseline=float(np.mean(days)),
        change=change,
        limit=margin.value if margin else None,
        counts=(len(days), len(days)),
        label=label,
        judged=judged,
        days=len(days),
        limit_is_ratio=margin is not None and margin.scale == "ratio",
    )
