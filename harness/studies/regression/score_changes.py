"""What has become of the scores: of the same seeds, or of means over them against a history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from harness.config.metric_table import BY_NAME, GAN_PRIMARY, PRIMARY, margin_scale
from harness.statistics.change import Change, score_against_days, score_change
from harness.statistics.equivalence import Margin, Scale
from harness.studies.regression.measurement import Measurement, ScoreKey
from harness.system.errors import UserError


def judged_scores(
    new: Measurement, baseline: Measurement, wanted: tuple[str, ...] | None
) -> tuple[str, ...]:
    """`wanted`: None is the headline. Raises UserError for a metric that cannot be judged."""
    scored = {place.metric for place in (*new.scores, *new.means)}
    scored &= {place.metric for place in (*baseline.scores, *baseline.means)}
    if wanted is None:
        return tuple({PRIMARY, GAN_PRIMARY} & scored)
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
    baseline, order, changes = days[0], list(BY_NAME), []
    margins = _margins(baseline)
    places = [place for place in new.scores if place in baseline.scores]
    places += [place for place in new.means if place in baseline.means]
    for place in sorted(places, key=lambda place: order.index(place.metric)):
        limit, better = margins.get(place.metric), BY_NAME[place.metric].better
        is_ratio = limit is not None and _is_ratio(baseline, place)
        strict = limit is not None and place.metric in judged
        share = error / checks if strict else error
        if over_days := place in new.means:
            now = [new.means[place]]
            before = [day.means[place] for day in days if place in day.means]
            scale: Scale = "ratio" if is_ratio else "difference"
            margin = None if limit is None else Margin(limit, scale)
            change, label = score_against_days(now[0], before, margin, better, share)
        else:
            after, earlier = new.scores[place], baseline.scores[place]
            seeds = sorted(after.keys() & earlier.keys())
            if not seeds:
                continue
            now, before = ([side[seed] for seed in seeds] for side in (after, earlier))
            gaps = [after[seed] - earlier[seed] for seed in seeds]
            paired = (before, now) if is_ratio else None
            change, label = score_change(gaps, limit, better, share, paired)
        changes.append(
            Change(
                quantity=place.metric,
                direction=place.direction,
                device=place.device,
                backend=place.backend,
                new=float(np.mean(now)),
                baseline=float(np.mean(before)),
                change=change,
                limit=limit,
                counts=(len(before), len(before)),
                label=label,
                judged=strict,
                days=len(before) if over_days else 1,
                limit_is_ratio=is_ratio,
            )
        )
    return changes


def _margins(baseline: Measurement) -> Mapping[str, float]:
    return (baseline.configuration.get("evaluation") or {}).get("margins") or {}


def _is_ratio(baseline: Measurement, place: ScoreKey) -> bool:
    evaluation = baseline.configuration.get("evaluation") or {}
    return margin_scale(evaluation, place.metric) == "ratio"
