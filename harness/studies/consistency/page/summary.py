"""consistency.json: the numbers of a study for other programs (schema: results/README.md)."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from harness.studies.consistency.page.findings import ConsistencyFindings, DefaultRow, Study
from harness.studies.consistency.page.tables import right_answer
from harness.studies.consistency.trainings.calibration import Outcome
from harness.studies.consistency.trainings.default_scores import ScoreEffect
from harness.studies.consistency.trainings.seeds import Subject


def summary(study: Study, findings: ConsistencyFindings) -> dict[str, Any]:
    """Names, never positions; what cannot be had is None."""
    return {
        "study": {name: study.record[name] for name in ("dataset", "hash", "options")},
        "divergence": [asdict(each) for each in findings.ratios],
        "ratio_at_last_step": _finite(dict(findings.last)),
        "defaults": [_default(row) for row in findings.defaults],
        "seeds": [
            {
                **_subject(row.subject),
                "backends": list(row.backends),
                "differences": {str(seed): value for seed, value in row.differences.items()},
                "difference": asdict(row.difference),
                "margin": row.margin,
                "verdict": row.verdict.label,
                "further_seeds": row.verdict.further_seeds,
                "variance_ratio": asdict(ratio)
                if (ratio := findings.variances.get(row.subject))
                and row.backends == study.backends[:2]
                else None,
            }
            for row in findings.seeds
        ],
        "calibration": [
            {
                **_subject(subject),
                "pairs": each.pairs,
                "margin": each.margin,
                "seed_deviation": each.deviation,
                "resolvable_margin": each.resolvable,
                "same": _outcome(each.same),
                "planted": _outcome(each.planted),
                "planted_difference": asdict(each.truth),
                "planted_lies": each.place,
                "right_answer": right_answer(each),
            }
            for subject, each in findings.calibrations.items()
        ],
        "unfinished": list(findings.unfinished),
    }


def _subject(subject: Subject) -> dict[str, str]:
    return {"metric": subject.metric.name, "direction": subject.direction}


def _outcome(outcome: Outcome | None) -> dict[str, Any] | None:
    return None if outcome is None else asdict(outcome)


def _default(row: DefaultRow) -> dict[str, Any]:
    said = {"default": row.name, "reference": row.reference, "framework": row.framework}
    followed = None
    if row.followed is not None:
        followed = {k: v for k, v in _finite(dict(row.followed)).items() if k not in said}
    return {**said, "trajectory": followed, "scores": [_effect(each) for each in row.scores]}


def _effect(effect: ScoreEffect) -> dict[str, Any]:
    return {
        **_subject(effect.subject),
        "difference": asdict(effect.difference),
        "in_seed_deviations": asdict(effect.in_deviations),
        "distinct": effect.distinct,
        "seeds": effect.seeds,
    }


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    """JSON has no NaN."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in values.items()
    }
