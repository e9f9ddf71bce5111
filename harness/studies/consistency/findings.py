"""All that the page of a study says, worked out from the records in its folder.

`summary` is the same for other programs, as in consistency.json (schema: results/README.md).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from backends import titles
from harness.config.metric_table import margin_scale
from harness.records.run import find_runs
from harness.statistics.equivalence import Margin
from harness.statistics.intervals import MINIMUM_SEEDS, Interval
from harness.studies.consistency.calibration import Calibration, calibrate, variance_ratio
from harness.studies.consistency.defaults import DEFAULTS
from harness.studies.consistency.effects import IDENTICAL
from harness.studies.consistency.floor import Ratio, between, floor, summarise, within
from harness.studies.consistency.scores import (
    ScoreEffect,
    Scores,
    SeedRow,
    Subject,
    final_scores,
    score_effects,
    seed_rows,
)
from harness.studies.consistency.trajectory import MEASURES
from harness.system.errors import UserError
from harness.system.files import read_json, read_table


@dataclass(frozen=True)
class Study:
    """A study folder, read once."""

    folder: Path
    record: Mapping[str, Any]  # study.json
    divergence: pd.DataFrame | None
    defaults: pd.DataFrame | None
    skipped: tuple[Mapping[str, str], ...]  # neutral changes that were not made, and why
    environments: Mapping[str, Mapping[str, Any]]  # by backend; empty where nothing was trained

    @property
    def backends(self) -> tuple[str, ...]:
        return tuple(self.record["options"]["backends"])

    def title(self, backend: str) -> str:
        """The framework's name; with the backend's where two share one."""
        return titles((name, self.environments.get(name, {})) for name in self.backends)[backend]

    def path(self, direction: str) -> str:
        """ "ab" -> "summer → winter"."""
        return " → ".join(self.record["titles"][side] for side in direction)

    def experiments(self, role: str) -> dict[str, Path]:
        """Folder by name of the experiments with a role."""
        return {
            entry["name"]: self.folder / "experiments" / entry["folder"]
            for entry in self.record["experiments"]
            if entry["role"] == role
        }

    @property
    def reference(self) -> Path:
        return self.experiments("reference")[""]

    @property
    def margins(self) -> Mapping[str, Margin]:
        """Of the whole runs, fixed before training."""
        evaluation = list(self.record["presets"].values())[-1]["evaluation"]
        try:
            return {
                name: Margin(value, margin_scale(evaluation, name))
                for name, value in evaluation["margins"].items()
            }
        except ValueError as error:
            raise UserError(f"{self.folder / 'study.json'}: {error}; mend it") from None


@dataclass(frozen=True)
class DefaultRow:
    """One default. None: not followed, or not scored."""

    name: str
    reference: str
    framework: str
    followed: Mapping[str, Any] | None  # a row of defaults.csv
    scores: tuple[ScoreEffect, ...]  # strongest first

    @property
    def strongest(self) -> ScoreEffect | None:
        return self.scores[0] if self.scores else None


@dataclass(frozen=True)
class ConsistencyFindings:
    ratios: tuple[Ratio, ...]
    # Measure -> difference / floor after the last step; of several others, measure and title.
    last: Mapping[str, float]
    seeds: tuple[SeedRow, ...]
    calibrations: Mapping[Subject, Calibration]
    # Between two backends over within the first, by (subject, backends) of a SeedRow.
    variances: Mapping[tuple[Subject, tuple[str, str]], Interval]
    defaults: tuple[DefaultRow, ...]  # ranked by effect on the final scores
    unfinished: tuple[str, ...]  # experiments that lack runs


def load(folder: Path) -> Study:
    """Raises UserError for a missing study.json or damaged records; other parts may be missing."""
    record = read_json(folder / "study.json")
    reference = next(e["folder"] for e in record["experiments"] if e["role"] == "reference")
    runs = find_runs(folder / "experiments" / reference)
    left_out = folder / "divergence.json"

    def table(name: str) -> pd.DataFrame | None:
        return read_table(folder / name) if (folder / name).exists() else None

    return Study(
        folder=folder,
        record=record,
        divergence=table("divergence.csv"),
        defaults=table("defaults.csv"),
        skipped=tuple(read_json(left_out)["skipped"]) if left_out.exists() else (),
        environments={run.backend: run.environment for run in runs if run.complete},
    )


def find(study: Study) -> ConsistencyFindings:
    """Raises UserError for damaged records."""
    scores = {name: final_scores(study.reference, name) for name in study.backends}
    first = study.backends[0]
    folders = study.experiments("planted").values()
    planted: Scores = next((final_scores(folder, first) for folder in folders), {})
    rows = seed_rows(scores, study.margins)
    calibrations = {
        subject: calibrate(
            by_seed,
            planted.get(subject, {}),
            study.margins[subject.metric.name],
            study.record["options"]["seeds"],
        )
        for subject, by_seed in scores[first].items()
        if len(by_seed) >= MINIMUM_SEEDS
    }
    variances = {}
    for row in rows:
        # The other side must be independent: of runs that are in none of the differences.
        of_first = scores[first][row.subject]
        others = [score for seed, score in of_first.items() if seed not in row.differences]
        ratio = variance_ratio(list(row.differences.values()), others)
        variances[row.subject, row.backends] = ratio
    table = study.divergence
    return ConsistencyFindings(
        ratios=summarise(table) if table is not None and floored(table) else (),
        last=_last(study),
        seeds=tuple(rows),
        calibrations=calibrations,
        variances=variances,
        defaults=tuple(_defaults(study, scores[first], calibrations)),
        unfinished=tuple(_unfinished(study)),
    )


def floored(table: pd.DataFrame) -> bool:
    """Whether there is anything to measure a gap by."""
    return len(within(table, list(set(table["backend"])))) > 0


def _last(study: Study) -> dict[str, float]:
    """Gap between the first backend and each other over the floor of both, after the last step."""
    table = study.divergence
    if table is None or not (floored(table) and (table["kind"] == "between").any()):
        return {}
    first, *others = study.backends
    several = len(others) > 1
    ratios = {
        f"{measure}, {study.title(other)}" if several else measure: between(
            table, first, other, measure
        )
        / floor(table, (first, other), measure)
        for other in others
        for measure in MEASURES
    }
    return {measure: float(ratio.iloc[-1]) for measure, ratio in ratios.items()}


def _defaults(
    study: Study, reference: Scores, calibrations: Mapping[Subject, Calibration]
) -> list[DefaultRow]:
    backend = study.backends[0]
    deviations = {subject: calibration.deviation for subject, calibration in calibrations.items()}
    bases = study.experiments("base")
    followed: dict[str, dict[str, Any]] = {}
    if study.defaults is not None:
        followed = {row["default"]: row for row in study.defaults.to_dict("records")}  # type: ignore[misc]
    scores = {
        name: final_scores(folder, backend) for name, folder in study.experiments("default").items()
    }
    claims = len(deviations) * sum(map(bool, scores.values()))
    rows = []
    for default in DEFAULTS:
        name = default.name
        base = final_scores(bases[name], backend) if name in bases else reference
        row = followed.get(name)
        identical = row is not None and row.get("note") == IDENTICAL
        effects = score_effects(scores.get(name, {}), base, deviations, claims, paired=identical)
        rows.append(DefaultRow(name, default.reference, default.framework, row, tuple(effects)))

    def rank(row: DefaultRow) -> tuple[bool, float]:
        strongest = row.strongest
        return (strongest.distinct, strongest.size) if strongest else (False, -1.0)

    return sorted(rows, key=rank, reverse=True)


def _unfinished(study: Study) -> list[str]:
    """Experiments that lack runs, and how many."""
    lacking = []
    for entry in study.record["experiments"]:
        runs = find_runs(study.folder / "experiments" / entry["folder"])
        complete = {(run.backend, run.seed) for run in runs if run.complete}
        wanted = {(name, seed) for name, seeds in entry["seeds"].items() for seed in seeds}
        missing = len(wanted - complete)
        if missing:
            what = " ".join(filter(None, [entry["role"], entry["name"]]))
            lacking.append(f"{what}: {missing} of {len(wanted)} runs")
    return lacking


def summary(study: Study, findings: ConsistencyFindings) -> dict[str, Any]:
    """Names, never positions; what cannot be had is None."""
    return {
        "study": {name: study.record[name] for name in ("dataset", "hash", "options")},
        "divergence": [asdict(ratio) for ratio in findings.ratios],
        "ratio_at_last_step": _finite(findings.last),
        "defaults": [_default_numbers(row) for row in findings.defaults],
        "seeds": [
            {
                **_subject(row.subject),
                "backends": list(row.backends),
                "differences": {str(seed): value for seed, value in row.differences.items()},
                "difference": asdict(row.difference),
                "margin": row.margin.value,
                "margin_scale": row.margin.scale,
                "verdict": row.verdict.label,
                "further_seeds": row.verdict.further_seeds,
                "variance_ratio": asdict(ratio)
                if (ratio := findings.variances.get((row.subject, row.backends)))
                else None,
            }
            for row in findings.seeds
        ],
        "calibration": [
            {
                **_subject(subject),
                "pairs": calibration.pairs,
                "margin": calibration.margin.value,
                "margin_scale": calibration.margin.scale,
                "seed_deviation": calibration.deviation,
                "resolvable_margin": calibration.resolvable,
                "same": calibration.same and asdict(calibration.same),
                "planted": calibration.planted and asdict(calibration.planted),
                "planted_difference": asdict(calibration.truth),
                "planted_lies": calibration.place,
                "right_answer": calibration.right_answer,
            }
            for subject, calibration in findings.calibrations.items()
        ],
        "unfinished": list(findings.unfinished),
    }


def _default_numbers(row: DefaultRow) -> dict[str, Any]:
    names = {"default": row.name, "reference": row.reference, "framework": row.framework}
    followed = None
    if row.followed is not None:
        followed = _finite({k: v for k, v in row.followed.items() if k not in names})
    scores = [
        {
            **_subject(effect.subject),
            "difference": asdict(effect.difference),
            "in_seed_deviations": asdict(effect.in_deviations),
            "distinct": effect.distinct,
            "seeds": effect.seeds,
        }
        for effect in row.scores
    ]
    return {**names, "trajectory": followed, "scores": scores}


def _subject(subject: Subject) -> dict[str, str]:
    return {"metric": subject.metric.name, "direction": subject.direction}


def _finite(values: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has no NaN."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in values.items()
    }
