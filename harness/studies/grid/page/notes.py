"""Sentences that explain a section of a study's page."""

from __future__ import annotations

from harness.report.comparison.page import FID
from harness.report.formatting import plural
from harness.statistics.intervals import MINIMUM_SEEDS
from harness.studies.grid.page.findings import GridFindings
from harness.studies.grid.page.plots import is_heat_map

LOSSES = (
    "A panel a cell. Solid: loss of both generators; dashed: of both discriminators; each term "
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
CELLS = "Each is an experiment with a report of its own, in the folder named here."


def about(findings: GridFindings) -> tuple[str, ...]:
    """What was studied, a phrase each."""
    study = findings.study
    names = " and ".join(findings.titles[name] for name in study.backends)
    datasets = sorted({cell.experiment.dataset for cell in findings.cells if cell.experiment})
    cells = plural(len(study.cells), "cell")
    seeds = plural(len(study.seeds), "seed")
    return (names, *datasets, f"preset {study.preset}", f"{cells}, {seeds}", study.device_name,
            f"study {study.hash}")  # fmt: skip


def scores(findings: GridFindings) -> str:
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
    fid = "" if any(metric.name == "fid" for metric in findings.metrics) else f" {FID}."
    return (
        f"{brackets}{many}A cell picked because it scores best here is flattered by these very "
        f"test images: train it again with other seeds before believing it.{fid}"
    )


def figure(findings: GridFindings) -> str:
    lost = "where trainings failed"
    if is_heat_map(findings):
        return (
            "Each square: the mean, and half the width of its 95 % interval where there is one; "
            f"darker is higher. Right: the difference, white at zero. “failed”: {lost}."
        )
    return (
        "Points: means; bars: 95 % intervals as in the table. Dashed: the untranslated images; "
        f"dotted: real images. A cross: {lost}."
    )
