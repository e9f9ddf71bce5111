"""consistency.html, consistency.md and consistency.json: a pure function of a study's folder."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from harness.report.render import write_pages
from harness.studies.consistency.page import notes, tables
from harness.studies.consistency.page.answers import answers
from harness.studies.consistency.page.findings import Findings, Study, find, load
from harness.studies.consistency.page.plots import figures
from harness.studies.consistency.page.summary import summary
from harness.system.files import write_json


def write_page(folder: Path) -> Path:
    """Write the page, its twin in Markdown, figures and numbers; return the page's path.

    Parts that are missing are said to be missing. Raises UserError naming a damaged record.
    """
    study = load(folder)
    findings = find(study)
    drawn = figures(study, findings)
    write_json(folder / "consistency.json", summary(study, findings))
    given = context(study, findings, drawn)
    return write_pages(folder, "consistency", given, drawn, "consistency")


def context(study: Study, findings: Findings, drawn: dict[str, bytes]) -> dict[str, Any]:
    """Names used in the templates; StrictUndefined refuses any other."""
    return {
        "dataset": study.record["dataset"],
        "domains": (study.record["titles"]["a"], study.record["titles"]["b"]),
        "about": notes.about(study),
        "answers": answers(study, findings),
        "missing": notes.missing(study, findings),
        "figures": list(drawn),
        "notes": notes.texts(study),
        "command": command(study),
        "ratios": tables.ratio_table(study, findings) if findings.ratios else None,
        "defaults": tables.defaults_table(study, findings) if _any_default(findings) else None,
        "seeds": tables.seeds_table(study, findings) if findings.seeds else None,
        "same": tables.same_table(study, findings) if findings.calibrations else None,
        "planted": tables.planted_table(study, findings) if findings.calibrations else None,
    }


def command(study: Study) -> str:
    """What made this page, for a shell."""
    asked = study.record["options"]
    words = ["cyclebench", "consistency", "--dataset", asked["dataset"]]
    words += ["--backends", ",".join(asked["backends"])]
    for name in ("steps", "seeds", "pairs"):
        words += [f"--{name}", str(asked[name])]
    if asked["data_dir"]:
        words += ["--data-dir", asked["data_dir"]]
    for override in asked["overrides"]:
        words += ["--set", override]
    return shlex.join(words)


def _any_default(findings: Findings) -> bool:
    return any(row.followed or row.scores for row in findings.defaults)
