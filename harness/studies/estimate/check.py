"""An estimate compared with what a comparison on this machine has recorded, clock by clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.config.backend_names import check_recorded
from harness.config.experiment import Experiment
from harness.config.load import one_line
from harness.data import Manifest
from harness.records.run import RunRecord, find_runs
from harness.records.schema import HeadShape, check_shape, require
from harness.report.terminal import print_lines
from harness.studies.estimate.predict import CLOCKS, Estimate
from harness.studies.estimate.show import seconds_text
from harness.studies.estimate.work import Counts, Work
from harness.system import provenance
from harness.system.errors import UserError
from harness.system.files import read_json
from harness.system.machine import Machine
from harness.system.terminal_tables import show


@dataclass(frozen=True)
class Error:
    """Seconds of one run."""

    estimated: float
    recorded: float

    @property
    def share(self) -> float | None:
        """How much too long the estimate is, as a share of what was recorded."""
        return self.estimated / self.recorded - 1 if self.recorded else None


@dataclass(frozen=True)
class Recorded:
    """`work` of a comparison; seconds by backend and clock, means over its `runs`.

    `same_code`: all runs were made by this version of the code and its packages.
    """

    work: Work
    clocks: dict[str, dict[str, float]]
    runs: int
    same_code: bool


def read_recorded(folder: Path, machine: Machine, asked: Sequence[str] = ()) -> Recorded:
    """Raises UserError unless the experiment in `folder` has a complete run by this machine.

    `asked`: see `check_recorded`.
    """
    document = read_json(folder / "experiment.json")
    check_shape(folder / "experiment.json", document, HeadShape, "mend it, or train anew")
    runs = _of_this_machine(folder, machine)
    present = {run.backend for run in runs}
    # The folder's own backends in its order, then others.
    order = [*document["configuration"].get("backends", []), *sorted(present)]
    backends = tuple(name for name in dict.fromkeys(order) if name in present)
    check_recorded(backends, asked)
    settings = dict(document["configuration"])
    for key in ("backends", "titles"):
        settings.pop(key, None)
    try:
        experiment = Experiment(dataset=document["dataset"], preset=document["preset"], **settings)
    except ValidationError as error:
        problem = one_line(error, Experiment)
        raise UserError(f"{folder / 'experiment.json'}: {problem}; train anew") from None
    manifest = Manifest.from_json(read_json(folder / "manifest.json"))
    train_a, train_b, test_a, test_b = (
        len(manifest.splits[split]) for split in ("trainA", "trainB", "testA", "testB")
    )
    counts = Counts(train_a, train_b, test_a, test_b, manifest.paired, "recorded")
    clocks = {}
    for name in backends:
        of_runs = [run.resources["clocks"] for run in runs if run.backend == name]
        clocks[name] = {
            clock: float(np.mean([of.get(clock, 0.0) for of in of_runs])) for clock in CLOCKS
        }
    source, packages = provenance.source_digest(), provenance.deciding_packages(backends)
    same_code = all(
        run.environment.get("source_digest") == source
        and run.environment.get("packages") == packages.get(run.backend)
        for run in runs
    )
    return Recorded(Work(experiment, counts, backends), clocks, len(runs), same_code)


def _of_this_machine(folder: Path, machine: Machine) -> list[RunRecord]:
    complete = [run for run in find_runs(folder) if run.complete]
    if not complete:
        raise UserError(f"{folder}: no complete run to check with; run `make compare`")
    for run in complete:
        fix, resources = f"remove {run.folder} to train that run anew", run.resources
        require(run.folder / "environment.json", run.environment, ("device",), fix)
        require(run.folder / "resources.json", resources, ("clocks", "processes"), fix)
        needed = [clock for clock in CLOCKS if clock != "beside"]  # which older runs have not
        require(run.folder / "resources.json", resources["clocks"], needed, fix)
    here = [run for run in complete if run.environment["device"] == machine.device_name]
    if not here:
        devices = {run.environment["device"] for run in complete}
        raise UserError(
            f"{folder}: its runs come from {', '.join(sorted(devices))}, and this is"
            f" {machine.device_name}; an estimate can only be checked where they ran"
        )
    whole = [run for run in here if run.resources["processes"] == 1]
    if not whole:
        raise UserError(
            f"{folder}: its runs were interrupted once, which takes longer; check with others"
        )
    return whole


def check(estimate: Estimate, recorded: Recorded) -> dict[str, dict[str, Error]]:
    """By backend and clock, and `sum` of the clocks. The backend `all` is the sum of all backends.

    The start of a process is on no clock.
    """
    rows = {
        backend: {clock: Error(estimate.runs[backend][clock], of[clock]) for clock in CLOCKS}
        for backend, of in recorded.clocks.items()
    }
    rows["all"] = {clock: _added([row[clock] for row in rows.values()]) for clock in CLOCKS}
    return {name: {**row, "sum": _added(list(row.values()))} for name, row in rows.items()}


def _added(errors: list[Error]) -> Error:
    return Error(sum(e.estimated for e in errors), sum(e.recorded for e in errors))


def check_json(estimate: Estimate, recorded: Recorded) -> dict[str, Any]:
    """Seconds and shares, as `check` has them."""
    clocks = {
        name: {clock: {**asdict(error), "error": error.share} for clock, error in row.items()}
        for name, row in check(estimate, recorded).items()
    }
    return {"runs": recorded.runs, "same_code": recorded.same_code, "clocks": clocks}


def print_check(estimate: Estimate, recorded: Recorded, console: Console) -> None:
    rows = check(estimate, recorded)
    table = Table(title="estimated / recorded, error", title_justify="left")
    table.add_column("of one run")
    for backend in rows:
        table.add_column(escape(estimate.titles.get(backend, backend)), justify="right")
    for clock in (*CLOCKS, "sum"):
        if clock == "sum":
            table.add_section()
        cells = []
        for error in (row[clock] for row in rows.values()):
            share = "" if error.share is None else f" {100 * error.share:+.0f} %"
            seconds = f"{seconds_text(error.estimated)} / {seconds_text(error.recorded)}"
            cells.append(f"{seconds}{share}")
        table.add_row(clock, *cells)
    show(table, console)
    lines = [
        f"Recorded: means over {recorded.runs} runs. Scoring, report and the start of processes are"
        " on no clock and not checked."
    ]
    if not recorded.same_code:
        lines.append("The runs were made by another version of the code than this.")
    print_lines(lines, console)
