"""The page of a study: a pure function of its folder and of the experiments it refers to."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness.report.comparison.page import FID
from harness.report.formatting import listed, plural
from harness.report.page import Block, Figure, Note, Page, Section, text_table
from harness.report.render import write_page as write
from harness.statistics.intervals import MINIMUM_SEEDS
from harness.studies.grid import tables
from harness.studies.grid.answers import answers
from harness.studies.grid.findings import GridFindings, find
from harness.studies.grid.neighbours import (
    Neighbours,
    find_neighbours,
    neighbour_answers,
    parity_table,
)
from harness.studies.grid.plots import figures, is_heat_map
from harness.studies.grid.record import read_record

HEAT_MAP = (
    "Each square: the mean, and half the width of its 95 % interval where there is one; darker is "
    "higher. Right: the difference, white at zero. “failed”: where trainings failed."
)
CURVES = (
    "Points: means; bars: 95 % intervals as in the table. {}Dotted: real images. A cross: where "
    "trainings failed."
)
LOSSES = (
    "A panel a cell. Solid: loss of the generators; dashed: of the discriminators; each term "
    "weighted as the optimiser sees it, so that panels with other weights cannot be compared by "
    "height. Mean over the seeds of the running median, band: their range; logarithmic where all "
    "is above zero. A training that failed is drawn, pale, up to where it ended. Curves of two "
    "runs drift apart even where nothing but rounding differs."
)
COST = (
    "Step time: median of timed blocks, warm-up apart; backends took turns, and the ratio is "
    "formed block pair by block pair (95 %). Training time: median step times steps, over that of "
    "the baseline cell with the same seed (geometric mean; 95 % t interval over seeds, from three "
    "on); cells ran one after the other, hours apart in a long study, so a machine that changed "
    "in between is in that number. Steady: the step from which the smoothed loss stays within a "
    "tenth of its final level (mean of the last tenth), median over seeds; a dash: not before the "
    "last tenth."
)
NEIGHBOURS = (
    "Each backend against the one before it, from the same state, plan and images: the largest "
    "deviation of a rung, in float64 where it has such checks, and below it the largest share of "
    "what is allowed. Checks that compare each with a computation in NumPy count in the first row "
    "alone. Where two versions are further apart than two frameworks, the version computes "
    "something in another way."
)
STEPS = "Left: a step's time; right: its ratio to the first's, with the 95 % interval."
CELLS = "Each is an experiment with a report of its own, in the folder named here."


def write_page(folder: Path) -> Path:
    """Write report.html, report.md, figures and table.csv; return the page's path.

    What is missing is said to be missing. Raises UserError naming a damaged record.
    """
    findings = find(read_record(folder))
    return write(folder, make_page(findings), figures(findings), tables.csv_table(findings))


def make_page(findings: GridFindings) -> Page:
    study = findings.study
    cells_of = findings.cells if study.parity else ()
    found = [pair for cell in cells_of for pair in find_neighbours(findings, cell)]
    both_ways = len(findings.directions) > 1
    untranslated = "Dashed: the untranslated images. " if both_ways else ""
    caption = HEAT_MAP if is_heat_map(findings) else CURVES.format(untranslated)
    results: list[Block] = [Note(scores(findings))]
    for metric in findings.metrics:
        results.append(Figure(f"{metric.name}.png", caption))
        results.append(tables.score_table(findings, metric))
    if not findings.metrics:
        results.append(Note("Nothing is scored yet.", "notice"))
    cells = [
        (cell.name, Path(os.path.relpath(cell.record.folder, study.folder)).as_posix())
        for cell in findings.cells
    ]
    sections = (
        Section("Scores", tuple(results)),
        Section("Losses", (Figure("losses.png", LOSSES),)),
        Section("Cost", (*_steps(findings), Note(COST), tables.cost_table(findings))),
        *_parity(found),
        Section("Cells", (Note(CELLS), text_table(("Cell", "Folder"), cells))),
    )
    datasets = sorted({cell.experiment.dataset for cell in findings.cells if cell.experiment})
    about = (
        listed([findings.titles[name] for name in study.backends]),
        *datasets,
        f"preset {study.preset}",
        f"{plural(len(study.cells), 'cell')}, {plural(len(study.seeds), 'seed')}",
        study.device_name,
        f"study {study.hash}",
    )
    said = (*(neighbour_answers(found) if found else ()), *answers(findings))
    return Page(study.name, about, said, sections, study.description)


def _steps(findings: GridFindings) -> list[Block]:
    """A figure that was not drawn is left out."""
    cells = findings.cells if findings.study.parity else ()
    return [
        Figure(f"steps-{place}.png", f"{cell.name}. {STEPS}") for place, cell in enumerate(cells)
    ]


def _parity(found: Sequence[Neighbours]) -> list[Section]:
    """A table a cell."""
    by_cell: dict[str, list[Neighbours]] = {}
    for pair in found:
        by_cell.setdefault(pair.cell.name, []).append(pair)
    tables_of = [
        replace(parity_table(pairs), caption=name)
        for name, pairs in by_cell.items()
        if any(pair.climbed for pair in pairs)
    ]
    if not tables_of:
        return []
    return [Section("Each against the one before it", (Note(NEIGHBOURS), *tables_of))]


def scores(findings: GridFindings) -> str:
    """What the scores are worth, with so many seeds, verdicts and cells."""
    seeds = findings.most_seeds
    if seeds >= MINIMUM_SEEDS:
        brackets = (
            "Values are means over the seeds that completed, brackets 95 % t intervals over seeds; "
            "below three seeds there is none, and with one they are for other test images. "
        )
    elif seeds == 2:
        brackets = "Values are means over two seeds, which is too few for an interval. "
    else:
        brackets = (
            "Brackets are 95 % intervals for other test images with these very models: one seed "
            "says nothing about frameworks, nor whether a cell is better than its neighbour. "
        )
    many = (
        "A verdict is that of the cell's own report, at 5 %; “stands among all”: it also holds at "
        f"5 % over the {plural(findings.verdicts, 'verdict')} of this page (Bonferroni). "
        if findings.verdicts
        else ""
    )
    has_fid = any(metric.name == "fid" for metric in findings.metrics)
    fid = "" if has_fid or len(findings.directions) == 1 else f" {FID}."
    return (
        f"{brackets}{many}A cell picked because it scores best here is flattered by these very "
        f"test images: train it again with other seeds before believing it.{fid}"
    )
