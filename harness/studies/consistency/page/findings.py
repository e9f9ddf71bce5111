"""Everything the page of a study says, worked out from the records in its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from harness.records.run import find_runs
from harness.statistics.intervals import MINIMUM_SEEDS, Interval
from harness.studies.consistency.defaults import DEFAULTS
from harness.studies.consistency.steps import floor
from harness.studies.consistency.steps.effects import IDENTICAL
from harness.studies.consistency.steps.floor import Ratio
from harness.studies.consistency.trainings.calibration import Calibration, calibrate, variance_ratio
from harness.studies.consistency.trainings.default_scores import ScoreEffect, score_effects
from harness.studies.consistency.trainings.seeds import SeedRow, Subject, final_scores, seed_rows
from harness.system.files import read_json, read_table

Scores = Mapping[Subject, Mapping[int, float]]


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
        """The framework's name."""
        return self.environments.get(backend, {}).get("framework", backend)

    def path(self, direction: str) -> str:
        """ "ab" -> "summer → winter"."""
        return " → ".join(self.record["titles"][side] for side in direction)

    def experiments(self, role: str) -> dict[str, Path]:
        """Folder by name of the experiments with a role."""
        entries = [each for each in self.record["experiments"] if each["role"] == role]
        return {each["name"]: self.folder / "experiments" / each["folder"] for each in entries}

    @property
    def reference(self) -> Path:
        return self.experiments("reference")[""]

    @property
    def margins(self) -> Mapping[str, float]:
        """Of the whole runs, fixed before training."""
        return list(self.record["presets"].values())[-1]["evaluation"]["margins"]


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
    last: Mapping[str, float]  # measure -> difference / floor after the last step, first pair
    seeds: tuple[SeedRow, ...]
    calibrations: Mapping[Subject, Calibration]
    variances: Mapping[Subject, Interval]  # between frameworks over within the first
    defaults: tuple[DefaultRow, ...]  # ranked by effect on the final scores
    unfinished: tuple[str, ...]  # experiments that lack runs


def load(folder: Path) -> Study:
    """Raises UserError for a missing study.json or damaged records; other parts may be missing."""
    record = read_json(folder / "study.json")
    reference = next(e["folder"] for e in record["experiments"] if e["role"] == "reference")
    runs = find_runs(folder / "experiments" / reference)
    left_out = folder / "divergence.json"
    return Study(
        folder=folder,
        record=record,
        divergence=_table(folder / "divergence.csv"),
        defaults=_table(folder / "defaults.csv"),
        skipped=tuple(read_json(left_out)["skipped"]) if left_out.exists() else (),
        environments={run.backend: run.environment for run in runs if run.complete},
    )


def find(study: Study) -> ConsistencyFindings:
    """Raises UserError for damaged records."""
    scores = {name: final_scores(study.reference, name) for name in study.backends}
    first = study.backends[0]
    planted = [final_scores(folder, first) for folder in study.experiments("planted").values()]
    rows = seed_rows(scores, study.margins)
    calibrations = _calibrations(study, scores[first], planted[0] if planted else {})
    table = study.divergence
    return ConsistencyFindings(
        ratios=floor.summarise(table) if table is not None and floored(table) else (),
        last=_last(study),
        seeds=tuple(rows),
        calibrations=calibrations,
        variances=_variances(rows, scores[first], study.backends[:2]),
        defaults=tuple(_defaults(study, scores[first], calibrations)),
        unfinished=tuple(_unfinished(study)),
    )


def own_rows(table: pd.DataFrame, backend: str) -> pd.DataFrame:
    """Of a backend against itself, without the changes that turned out not to be neutral."""
    key = ["backend", "variant", "draw"]
    bad = set(floor.not_neutral(table)[key].itertuples(index=False, name=None))
    rows = table[(table["kind"] == "within") & (table["backend"] == backend)]
    return rows[[each not in bad for each in rows[key].itertuples(index=False, name=None)]]


def floored(table: pd.DataFrame) -> bool:
    """Whether there is anything to measure a gap by."""
    return any(len(own_rows(table, name)) for name in set(table["backend"]))


def _calibrations(study: Study, a: Scores, b: Scores) -> dict[Subject, Calibration]:
    pairs = study.record["options"]["seeds"]
    return {
        subject: calibrate(
            by_seed, b.get(subject, {}), study.margins[subject.metric.name], pairs
        )
        for subject, by_seed in a.items()
        if len(by_seed) >= MINIMUM_SEEDS
    }  # fmt: skip


def _variances(
    rows: Sequence[SeedRow], first: Scores, pair: Sequence[str]
) -> dict[Subject, Interval]:
    """Runs that are in the differences are left out of the other side: it must be independent."""
    found = {}
    for row in rows:
        if row.backends == tuple(pair):
            others = [v for s, v in first[row.subject].items() if s not in row.differences]
            found[row.subject] = variance_ratio(list(row.differences.values()), others)
    return found


def _defaults(
    study: Study, reference: Scores, calibrations: Mapping[Subject, Calibration]
) -> list[DefaultRow]:
    deviations = {subject: each.deviation for subject, each in calibrations.items()}
    bases, changed = study.experiments("base"), study.experiments("default")
    followed: dict[str, dict[str, Any]] = {}
    if study.defaults is not None:
        followed = {row["default"]: row for row in study.defaults.to_dict("records")}  # type: ignore[misc]
    scores = {name: final_scores(folder, study.backends[0]) for name, folder in changed.items()}
    claims = len(deviations) * sum(map(bool, scores.values()))
    rows = []
    for default in DEFAULTS:
        name = default.name
        base = final_scores(bases[name], study.backends[0]) if name in bases else reference
        identical = (followed.get(name) or {}).get("note") == IDENTICAL
        effects = score_effects(scores.get(name, {}), base, deviations, claims, paired=identical)
        found = DefaultRow(
            name, default.reference, default.framework, followed.get(name), tuple(effects)
        )
        rows.append(found)
    return sorted(rows, key=_rank, reverse=True)


def _rank(row: DefaultRow) -> tuple[bool, float]:
    strongest = row.strongest
    return (strongest.distinct, strongest.size) if strongest else (False, -1.0)


def _last(study: Study) -> dict[str, float]:
    """Gap between the first two backends over the floor of both, after the last step."""
    table = study.divergence
    if table is None or not (floored(table) and (table["kind"] == "between").any()):
        return {}
    first, second, *_ = study.backends
    ratios = {
        measure: floor.between(table, first, second, measure)
        / floor.floor(table, (first, second), measure)
        for measure in floor.MEASURES
    }
    return {measure: float(ratio.iloc[-1]) for measure, ratio in ratios.items()}


def _unfinished(study: Study) -> list[str]:
    """Experiments that lack runs, and how many."""
    found = []
    for entry in study.record["experiments"]:
        runs = find_runs(study.folder / "experiments" / entry["folder"])
        complete = {(run.backend, run.seed) for run in runs if run.complete}
        wanted = {(name, seed) for name, seeds in entry["seeds"].items() for seed in seeds}
        missing = len(wanted - complete)
        if missing:
            what = " ".join(filter(None, [entry["role"], entry["name"]]))
            found.append(f"{what}: {missing} of {len(wanted)} runs")
    return found


def _table(path: Path) -> pd.DataFrame | None:
    return read_table(path) if path.exists() else None
