"""The page of a consistency study, and consistency.json: a pure function of a study's folder."""

from __future__ import annotations

import shlex
from pathlib import Path

from harness.report.page import Block, Figure, Items, Note, Page, Section, Table
from harness.report.render import write_page as write
from harness.studies.consistency.page import notes, tables
from harness.studies.consistency.page.answers import answers
from harness.studies.consistency.page.findings import ConsistencyFindings, Study, find, load
from harness.studies.consistency.page.plots import figures
from harness.studies.consistency.page.summary import summary


def write_page(folder: Path) -> Path:
    """Write consistency.html, .md, .json and figures; return the page's path.

    Parts that are missing are said to be missing. Raises UserError naming a damaged record.
    """
    study = load(folder)
    findings = find(study)
    drawn = figures(study, findings)
    numbers = summary(study, findings)
    return write(folder, make_page(study, findings), drawn, numbers=numbers, name="consistency")


def make_page(study: Study, findings: ConsistencyFindings) -> Page:
    said = notes.texts(study)
    measured = any(row.followed or row.scores for row in findings.defaults)
    ratios = tables.ratio_table(study, findings) if findings.ratios else None
    defaults = tables.defaults_table(study, findings) if measured else None
    seeds = tables.seeds_table(study, findings) if findings.seeds else None
    same = tables.same_table(study, findings) if findings.calibrations else None
    planted = tables.planted_table(study, findings) if findings.calibrations else None
    missing = notes.missing(study, findings)
    bands, ratio = Figure("divergence.png", said["bands"]), Figure("ratio.png", said["ratio"])
    sections = (
        Section("Divergence against noise", _shown(said["divergence"], ratios, bands, ratio)),
        Section(
            "Cost of the defaults",
            _shown(said["defaults"], defaults, Figure("defaults.png", said["chart"])),
        ),
        Section("Seeds and verdict", _shown(said["seeds"], seeds)),
        Section(
            "Calibration of the verdict",
            (*_shown(said["same"], same), *_shown(said["planted"], planted)),
        ),
        Section(
            "What could not be measured",
            (Items(missing) if missing else Note("Nothing was left out."),),
        ),
        Section("How this was made", (Note(command(study), "command"),)),
    )
    title = "are two frameworks more different than two runs of one?"
    return Page(
        f"{study.record['dataset']}: {title}",
        notes.about(study),
        tuple(answers(study, findings)),
        sections,
    )


def _shown(note: str, table: Table | None, *figures: Figure) -> tuple[Block, ...]:
    """The note, and what there is of the rest."""
    if table is None:
        return Note(note), Note("Not measured; see below what is missing.", "notice")
    return Note(note), *figures, table


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
