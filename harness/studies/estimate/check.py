"""An estimate held against what a comparison on this machine has recorded, clock by clock."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.config.experiment import Experiment, one_line
from harness.data import Manifest
from harness.records.experiment_schema import HeadShape as Head
from harness.records.run import RunRecord, find_runs
from harness.records.schema import check_shape, require
from harness.studies.estimate.predict import CLOCKS, Estimate
from harness.studies.estimate.show import seconds_text
from harness.studies.estimate.work import Counts, Work
from harness.system import provenance
from harness.system.errors import UserError
from harness.system.files import read_json
from harness.system.machine import Machine
from harness.system.terminal_tables import show


@dataclass(frozen=True)
class Recorded:
    """`work` of a comparison and seconds by backend and clock, means over `runs` of them."""

    work: Work
    clocks: dict[str, dict[str, float]]
    runs: int
    same_code: bool


def read_recorded(folder: Path, machine: Machine) -> Recorded:
    """Raises UserError unless the experiment in `folder` has a complete run of this machine's."""
    document = read_json(folder / "experiment.json")
    check_shape(folder / "experiment.json", document, Head, "mend it, or train anew")
    runs = _of_this_machine(folder, machine)
    present = {run.backend for run in runs}
    # In the order of the folder, backends of others after it.
    order = [*document["configuration"].get("backends", []), *sorted(present)]
    backends = tuple(name for name in dict.fromkeys(order) if name in present)
    clocks = {name: {clock: _mean(runs, name, clock) for clock in CLOCKS} for name in backends}
    here, packages = provenance.source_digest(), provenance.deciding_packages()
    return Recorded(
        Work(_experiment(folder, document), _counts(folder), backends),
        clocks,
        len(runs),
        all(
            run.environment.get("source_digest") == here
            and run.environment.get("packages") == packages.get(run.backend)
            for run in runs
        ),
    )


def _of_this_machine(folder: Path, machine: Machine) -> list[RunRecord]:
    complete = [run for run in find_runs(folder) if run.complete]
    if not complete:
        raise UserError(f"{folder}: no complete run to check with; run `make compare`")
    for run in complete:
        needed = ("clocks", "processes")
        require(run.folder / "environment.json", run.environment, ("device",), _anew(run))
        require(run.folder / "resources.json", run.resources, needed, _anew(run))
        require(run.folder / "resources.json", run.resources["clocks"], CLOCKS, _anew(run))
    devices = {run.environment["device"] for run in complete}
    if machine.device_name not in devices:
        raise UserError(
            f"{folder}: its runs come from {', '.join(sorted(devices))}, and this is"
            f" {machine.device_name}; an estimate can only be checked where they ran"
        )
    here = [run for run in complete if run.environment["device"] == machine.device_name]
    whole = [run for run in here if run.resources["processes"] == 1]
    if not whole:
        raise UserError(
            f"{folder}: its runs were interrupted once, which takes longer; check with others"
        )
    return whole


def _anew(run: RunRecord) -> str:
    return f"remove {run.folder} to train that run anew"


def _mean(runs: list[RunRecord], backend: str, clock: str) -> float:
    seconds = [run.resources["clocks"][clock] for run in runs if run.backend == backend]
    return float(np.mean(seconds))


def _experiment(folder: Path, document: dict[str, Any]) -> Experiment:
    settings = {
        key: value
        for key, value in document["configuration"].items()
        if key not in ("backends", "titles")
    }
    try:
        return Experiment(dataset=document["dataset"], preset=document["preset"], **settings)
    except ValidationError as error:
        problem = one_line(error, Experiment)
        raise UserError(f"{folder / 'experiment.json'}: {problem}; train anew") from None


def _counts(folder: Path) -> Counts:
    manifest = Manifest.from_json(read_json(folder / "manifest.json"))
    train_a, train_b, test_a, test_b = (
        len(manifest.splits[split]) for split in ("trainA", "trainB", "testA", "testB")
    )
    return Counts(train_a, train_b, test_a, test_b, manifest.paired, "recorded")


@dataclass(frozen=True)
class Error:
    """Seconds of one run."""

    estimated: float
    recorded: float

    @property
    def share(self) -> float | None:
        """How much too long the estimate is, as a share of what was recorded."""
        return self.estimated / self.recorded - 1 if self.recorded else None

    @property
    def text(self) -> str:
        share = "" if self.share is None else f" {100 * self.share:+.0f} %"
        return f"{seconds_text(self.estimated)} / {seconds_text(self.recorded)}{share}"


def check(estimate: Estimate, recorded: Recorded) -> dict[str, dict[str, Error]]:
    """By backend and clock, with `sum`; and of all backends together, as the backend `all`.

    The start of a process is on no clock.
    """
    rows = {
        backend: {clock: Error(estimate.runs[backend][clock], of[clock]) for clock in CLOCKS}
        for backend, of in recorded.clocks.items()
    }
    rows["all"] = {clock: _added([row[clock] for row in rows.values()]) for clock in CLOCKS}
    return {name: {**row, "sum": _added(list(row.values()))} for name, row in rows.items()}


def _added(errors: list[Error]) -> Error:
    return Error(sum(each.estimated for each in errors), sum(each.recorded for each in errors))


def check_json(estimate: Estimate, recorded: Recorded) -> dict[str, Any]:
    """Seconds and shares, as `check` has them."""
    rows = {
        name: {
            clock: {"estimated": each.estimated, "recorded": each.recorded, "error": each.share}
            for clock, each in row.items()
        }
        for name, row in check(estimate, recorded).items()
    }
    return {"runs": recorded.runs, "same_code": recorded.same_code, "clocks": rows}


def print_check(estimate: Estimate, recorded: Recorded, console: Console) -> None:
    found = check(estimate, recorded)
    table = Table(title="estimated / recorded, error", title_justify="left")
    table.add_column("of one run")
    for backend in found:
        table.add_column(escape(estimate.titles.get(backend, backend)), justify="right")
    for clock in (*CLOCKS, "sum"):
        if clock == "sum":
            table.add_section()
        table.add_row(clock, *(row[clock].text for row in found.values()))
    show(table, console)
    notes = [
        f"Recorded: means over {recorded.runs} runs. Scoring, report and the start of processes are"
        " on no clock and not checked."
    ]
    if not recorded.same_code:
        notes.append("The runs were made by another version of the code than this.")
    for note in notes:
        console.print(note, markup=False, highlight=False, soft_wrap=True)
