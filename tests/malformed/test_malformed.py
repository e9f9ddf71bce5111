"""Every malformed input: one line, exit status 2, nothing changed on disk, not long, not much."""

from __future__ import annotations

import cases_archives
import cases_arguments
import cases_digits
import cases_domains
import cases_downloads
import cases_experiments
import cases_history
import cases_images
import cases_imports
import cases_merging
import cases_pages
import cases_settings
import cases_use
import pytest
from case import Case, Place
from refusal import Refusal, refuse, summary

KINDS = (
    cases_images,
    cases_imports,
    cases_domains,
    cases_archives,
    cases_downloads,
    cases_digits,
    cases_settings,
    cases_experiments,
    cases_merging,
    cases_history,
    cases_pages,
    cases_arguments,
    cases_use,
)
CASES = [case for kind in KINDS for case in kind.CASES]


@pytest.fixture(scope="module")
def refusals(notes: dict[str, str]) -> list[Refusal]:
    return []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_refused_in_one_line_and_leaves_everything_as_it_was(
    case: Case, place: Place, refusals: list[Refusal], notes: dict[str, str]
) -> None:
    refusals.append(refuse(case, place))
    notes["malformed inputs"] = summary(refusals)


def test_there_are_as_many_cases_as_were_asked_for() -> None:
    names = [case.name for case in CASES]
    assert len(names) >= 120 and len(set(names)) == len(names)
