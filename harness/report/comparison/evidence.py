"""What is certain after one seed: parity.json and course.json, which older folders have not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.records.evidence import COURSE, PARITY, courses, parity_climbs
from harness.records.experiment import ExperimentFolder
from harness.report.comparison.course_evidence import course_answer, course_summary
from harness.report.comparison.function_evidence import (
    function_answer,
    function_summary,
    function_tables,
)
from harness.report.page import Answer, Section

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Evidence:
    """Every climb of the ladder and every course that the folder has; either may be empty."""

    climbs: tuple[Record, ...]
    courses: tuple[Record, ...]


def find_evidence(experiment: ExperimentFolder) -> Evidence:
    """Raises UserError for a damaged record."""
    return Evidence(
        tuple(parity_climbs(experiment.folder / PARITY)),
        tuple(courses(experiment.folder / COURSE)),
    )


def evidence_answers(experiment: ExperimentFolder, evidence: Evidence) -> list[Answer]:
    """Up to two answers, which stand in front of the others."""
    answers = []
    if evidence.climbs:
        answers.append(function_answer(evidence.climbs))
    if evidence.courses:
        answers.append(course_answer(experiment, evidence.courses))
    return answers


def evidence_tables(evidence: Evidence) -> list[Section]:
    return function_tables(evidence.climbs)


def evidence_summary(evidence: Evidence) -> dict[str, Any]:
    """`parity` and `course` of summary.json."""
    return {
        "parity": function_summary(evidence.climbs),
        "course": course_summary(evidence.courses),
    }
