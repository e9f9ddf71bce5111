"""`cyclebench study`: train every cell of a grid that is not trained yet, then write one page.

Each cell is an experiment folder as `cyclebench compare` makes it, under the same name: a cell that
was trained before is reused, and an interrupted study goes on where it stopped. The study's own
folder, `results/studies/<name>-<hash>/`, refers to them. Its hash covers the cells with their data
and code, not how many seeds were asked for: those can be added to.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import backends
from harness.config.backend_names import check_backends, check_names
from harness.data import Prepared
from harness.launch.launch import HERE, LaunchRequest, Part, at_once, train_parts
from harness.metrics.evaluate import is_scored
from harness.records.run import find_runs
from harness.studies.comparison import check_function, score
from harness.studies.grid.file import read_study
from harness.studies.grid.grid import GridCell, make_cells
from harness.studies.grid.page import write_page
from harness.studies.grid.record import CellFolder, asked_runs, study_folder, write_record
from harness.studies.study import with_progress
from harness.system.errors import WorkerFailed
from harness.system.lock import locked
from harness.system.machine import Machine, find_machine
from harness.system.progress import Display
from harness.training.experiment_folder import prepare_data
from harness.training.jobs import (
    ComparisonRequest,
    PreparedExperiment,
    Sharing,
    begin,
    check_precision,
    set_up,
    tell,
    timed_seeds,
    train,
)


@dataclass(frozen=True)
class GridOptions:
    """What the user asked for. None: as the study's file says, or decided by the machine."""

    study: str
    dataset: str | None = None
    seeds: tuple[int, ...] | None = None
    backends: tuple[str, ...] | None = None
    device: str | None = None
    data_dir: Path | None = None
    results: Path = Path("results")
    overrides: tuple[str, ...] = ()
    report_only: bool = False


def study(options: GridOptions, display: Display, launch: LaunchRequest = HERE) -> Path:
    """Do what is not done yet, and return the path of report.html.

    A training that diverges is a finding, shown in the report. Raises UserError for bad input,
    before anything is trained; WorkerFailed if a training died of something else, after all else is
    done.
    """
    name, file = read_study(options.study)
    request = ComparisonRequest(
        seeds=options.seeds or file.seeds,
        backends=options.backends or file.backends,
        device=options.device,
        data_dir=options.data_dir,
        results=options.results,
    )
    if options.report_only:
        check_names(list(request.backends))
    else:
        check_backends(list(request.backends))
    machine = find_machine(request.device)
    cells = make_cells(file, name, options.dataset, options.overrides)
    for cell in cells:
        check_precision(cell.experiment, machine)
    places = _places(cells, request, display)
    folder = study_folder(options.results, name, places)
    tell(display, machine, folder, options.results / "*" / "runs" / "*" / "*" / "log.txt")
    with locked(folder):
        write_record(folder, name, file, request, machine, places)
        failures: list[WorkerFailed] = []
        if not options.report_only:
            failures = _train(folder, places, request, machine, display, launch)
        for place in places:
            if file.parity and not options.report_only:
                _check_neighbours(place.bench, request, machine, display)
            _score(place.bench.folder, display)
        page = write_page(folder)
    if failures:
        raise failures[0]
    return page


def _places(
    cells: Sequence[GridCell], request: ComparisonRequest, display: Display
) -> list[CellFolder]:
    """Each data set is found and looked through once, however many cells use it."""
    by_data: dict[tuple[object, ...], Prepared] = {}
    places = []
    for cell in cells:
        data = cell.experiment.data
        sizes = (data.load("a"), data.load("b"))
        key = (cell.experiment.dataset, sizes, data.train, data.test, data.hold_out)
        if key not in by_data:
            by_data[key] = prepare_data(cell.experiment, request.data_dir, display)
        places.append(CellFolder(cell, set_up(cell.experiment, by_data[key], request.results)))
    return places


def _train(
    folder: Path,
    places: Sequence[CellFolder],
    request: ComparisonRequest,
    machine: Machine,
    display: Display,
    launch: LaunchRequest,
) -> list[WorkerFailed]:
    """One cell after the other, and after each the page shows what there is so far; or the seeds of
    all cells in one queue, where several are trained at once."""
    todo = []
    for place in places:
        runs = asked_runs(place.bench.folder, machine.device_name, request.backends, request.seeds)
        # A run that has diverged would do so again.
        if not all(run.begun and (run.complete or run.diverged) for run in runs):
            todo.append(place)
    display.say(
        f"Cells: {len(places) - len(todo)} of {len(places)} are trained, {len(todo)} to train"
    )
    timed = timed_seeds(places[0].bench.experiment, request.seeds)
    replicas = max(place.bench.experiment.runtime.replicas for place in places)
    several = at_once(launch, machine, request, len(todo) * len(request.seeds), replicas)
    if todo and (several > 1 or launch.launcher != "local"):
        return _train_in_queue(todo, request, machine, display, launch, timed)
    failures: list[WorkerFailed] = []
    for place in with_progress("cells", todo, lambda place: place.cell.name, display):
        display.say(f"Cell: {place.cell.name}")
        failures += _train_cell(place.bench, request, machine, display, Sharing(timed))
        write_page(folder)
    return failures


def _train_in_queue(
    places: Sequence[CellFolder],
    request: ComparisonRequest,
    machine: Machine,
    display: Display,
    launch: LaunchRequest,
    timed: frozenset[int],
) -> list[WorkerFailed]:
    """Returns the failures that are no divergence."""
    with ExitStack() as stack:
        parts = []
        for place in places:
            stack.enter_context(locked(place.bench.folder))
            begin(place.bench, display)
            cell = place.cell
            parts.append(Part(place.bench, request.seeds, cell.experiment.dataset, cell.name))
        failures = train_parts(parts, request, machine, display, launch, timed)
    return [failure for failure in failures if failure.fault != "diverged"]


def _train_cell(
    bench: PreparedExperiment,
    request: ComparisonRequest,
    machine: Machine,
    display: Display,
    sharing: Sharing,
) -> list[WorkerFailed]:
    """Train and score one cell; returns the failures that are no divergence.

    The backend whose partner diverged was stopped with it: it goes on alone.
    """
    with locked(bench.folder):
        images = begin(bench, display)
        while True:
            before = _count_diverged(bench.folder)
            failures = train(
                *(bench, images, request, machine, display),
                give_up=lambda run: run.diverged,
                sharing=sharing,
            )
            if not failures or _count_diverged(bench.folder) == before:
                break
    _score(bench.folder, display)
    return failures


def _check_neighbours(
    bench: PreparedExperiment, request: ComparisonRequest, machine: Machine, display: Display
) -> None:
    """Of every two backends, in order, whether they compute the same: parity.json of the cell."""
    with locked(bench.folder):
        for pair in pairwise(backends.ordered(request.backends)):
            check_function(bench, replace(request, backends=pair), machine, display)


def _count_diverged(folder: Path) -> int:
    return sum(run.diverged for run in find_runs(folder))


def _score(folder: Path, display: Display) -> None:
    """Score and report what is complete and not scored yet."""
    if any(run.complete for run in find_runs(folder)) and not is_scored(folder):
        with locked(folder):
            score(folder, display)
