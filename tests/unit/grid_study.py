"""A made-up study folder: its record from the real writers, its cells from `report_experiment`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from report_experiment import build

from harness.studies.grid.file import parse_study
from harness.studies.grid.grid import make_cells
from harness.studies.grid.record import CellFolder, study_folder, write_record
from harness.system.machine import Machine
from harness.training.jobs import ComparisonRequest, PreparedExperiment

MACHINE = Machine("cpu", "cpu example", 2)
TWO_BY_TWO = """
description: What a try-out says
preset: smoke
grid:
  model.blocks: [0, 2]
  lambda:
    none: {objective.lambda_a: 0, objective.lambda_b: 0}
    usual: {objective.lambda_a: 10, objective.lambda_b: 10}
"""
ONE_AXIS = """
description: What a try-out says
preset: smoke
grid: {model.blocks: [0, 1, 3]}
report: {metrics: [kid_efflite0, cycle_psnr]}
"""


def build_grid(
    results: Path,
    text: str = TWO_BY_TWO,
    seeds: Sequence[int] = (0, 1, 2),
    *,
    begun: int | None = None,
) -> Path:
    """Write study and cells below `results`; returns the study's folder. `begun`: that many cells
    have an experiment, all if None."""
    file = parse_study(text, "try-out.yaml")
    places = [
        CellFolder(cell, PreparedExperiment(cell.experiment, None, results / f"cell-{number}"))  # type: ignore[arg-type]
        for number, cell in enumerate(make_cells(file, "try-out.yaml"))
    ]
    for place in places[:begun]:
        # A study's page shows no images.
        build(place.bench.folder, seeds, size=8)
    folder = study_folder(results, "try-out", places)
    write_record(folder, "try-out", file, ComparisonRequest(seeds=tuple(seeds)), MACHINE, places)
    return folder
