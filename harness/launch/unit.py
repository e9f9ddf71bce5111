"""A unit of work: one setting and one seed, with all its backends, which share one device.

`cyclebench train FOLDER --seed N` is one: an ordinary command that goes on where it stopped, with a
lock of its own, so that many can work in one experiment folder.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich.console import Console

from harness.config.backend_names import check_backends
from harness.config.experiment import AnyExperiment, class_of, experiment_of, recorded_settings
from harness.config.load import one_line
from harness.data import Images
from harness.plan.plan import total_steps
from harness.records.run import find_runs
from harness.records.units import UnitFiles, UnitStatus
from harness.system import provenance
from harness.system.errors import UserError, WorkerFailed
from harness.system.files import read_json
from harness.system.interpreters import command
from harness.system.lock import locked
from harness.system.machine import Machine, find_machine
from harness.system.progress import Display
from harness.training.experiment_folder import decoded_images, prepare_data
from harness.training.jobs import (
    COURSE_STEPS,
    TRAINING,
    ComparisonRequest,
    PreparedExperiment,
    Sharing,
    set_up,
    train,
)

# A unit that another process still holds, which may be writing its checkpoint.
LOCK_SECONDS = 180.0
STATUS_SECONDS = 3.0  # between two writings of how far it is


@dataclass(frozen=True)
class Unit:
    """`folder`: the experiment's, as `harness.training.jobs.begin` left it.

    `dataset`: a name or folder; None: the experiment's own name. `device`: None takes a GPU if one
    is there. `threads`: None takes all. `timed`, `at_once`, `timed_part`: see `Sharing`. `course`:
    its runs keep their weights after the first steps, to be compared. `label`: for the user.
    """

    folder: Path
    seed: int
    backends: tuple[str, ...]
    dataset: str | None = None
    data_dir: Path | None = None
    device: str | None = None
    threads: int | None = None
    timed: bool = True
    at_once: int = 1
    timed_part: bool = False
    course: bool = False
    label: str = ""

    @property
    def files(self) -> UnitFiles:
        return UnitFiles(self.folder, self.seed)

    @property
    def sharing(self) -> Sharing:
        timed = frozenset({self.seed}) if self.timed else frozenset()
        return Sharing(timed, self.at_once, self.timed_part)

    def command(self) -> list[str]:
        """To be run in the folder of this program's sources; it ends when its input is closed."""
        named = {
            "--seed": self.seed,
            "--backends": ",".join(self.backends),
            "--dataset": self.dataset,
            "--data-dir": self.data_dir and self.data_dir.resolve(),
            "--device": self.device,
            "--threads": self.threads,
            "--at-once": self.at_once,
        }
        flags = {
            "--untimed": not self.timed,
            "--timed-part": self.timed_part,
            "--course": self.course,
        }
        given = [f"{name}={value}" for name, value in named.items() if value is not None]
        given += [name for name, wanted in flags.items() if wanted]
        program = [*command(None, "harness.cli"), "train", str(self.folder.resolve())]
        return [*program, *given, "--until-input-ends"]

    def queued(self, launcher: str, job: str | None = None) -> None:
        """Write down that it waits for a device."""
        status = UnitStatus(self.seed, self.backends, "queued", launcher, job)
        self.files.write(status)


class UnitDisplay(Display):
    """Lines as in a log; and how far the unit is, for those who look on."""

    def __init__(
        self,
        console: Console,
        files: UnitFiles,
        status: UnitStatus,
        quiet: bool = False,
        verbose: bool = False,
    ):
        super().__init__(console, quiet, verbose)
        self._files, self.status, self._written = files, status, 0.0
        self._steps: dict[str, tuple[int, int]] = {}

    def update(
        self, name: str, done: int, total: int, note: str = "", estimated: bool = False
    ) -> None:
        super().update(name, done, total, note, estimated)
        if not name.endswith(f", seed {self.status.seed}"):
            return
        self._steps[name] = (done, total)
        if time.monotonic() > self._written + STATUS_SECONDS:
            self._written = time.monotonic()
            step, steps = min(self._steps.values())
            left = self._left.get(TRAINING)
            self.write(replace(self.status, step=step, steps=steps, seconds_left=left))

    def write(self, status: UnitStatus) -> None:
        self.status = status
        with suppress(OSError):  # a full disk must not end a training that has room for its records
            self._files.write(status)


def train_unit(
    unit: Unit, console: Console, quiet: bool = False, verbose: bool = False
) -> UnitStatus:
    """Bring the unit's runs to completion, or with `timed_part` through their timed steps.

    A backend that diverges does not keep the others from running. Raises UserError for input that
    cannot be trained, and WorkerFailed. The unit's status, which it returns, says so, too.
    """
    if not (unit.folder / "experiment.json").is_file():
        raise UserError(f"{unit.folder}: no experiment in it; give a folder that `compare` made")
    files = unit.files
    with locked(files.lock, LOCK_SECONDS):
        status = files.read() or UnitStatus(unit.seed, unit.backends, "running")
        display = UnitDisplay(console, files, status.here(), quiet, verbose)
        display.write(display.status)
        try:
            check_backends(list(unit.backends))
            machine = find_machine(unit.device, unit.threads)
            bench, images = _prepared(unit, display)
            display.write(replace(display.status, device=machine.device_name))
            failures = _train(unit, bench, images, machine, display)
            if failures:
                raise failures[0]
        except UserError as error:
            display.write(replace(display.status, state="failed", why=str(error)))
            raise
        except WorkerFailed as failure:
            display.write(
                replace(display.status, state="failed", why=str(failure), fault=failure.fault)
            )
            raise
        except KeyboardInterrupt:
            display.write(replace(display.status, state="interrupted"))
            raise
        ended = replace(display.status, step=display.status.steps, seconds_left=0.0)
        display.write(replace(ended, state="interrupted" if unit.timed_part else "complete"))
        return display.status


def _prepared(unit: Unit, display: Display) -> tuple[PreparedExperiment, dict[str, Images]]:
    """Raises UserError where this machine would train another experiment."""
    experiment = _read_experiment(unit.folder)
    asked = experiment
    name = unit.dataset or experiment.dataset
    if unit.dataset is None and experiment.data.hold_out == "validation":
        name = name.removesuffix("-validation")
    if name != experiment.dataset:
        asked = experiment.model_copy(update={"dataset": name})
    prepared = prepare_data(asked, unit.data_dir, display)
    bench = set_up(experiment, prepared, unit.folder.parent)
    if bench.folder.name != unit.folder.name:
        raise UserError(
            f"{unit.folder}: here it would be {bench.folder.name}, as images, code or package"
            " versions differ from those that it was begun with; make them the same"
        )
    return bench, decoded_images(prepared, experiment, display)


def _read_experiment(folder: Path) -> AnyExperiment:
    file = folder / "experiment.json"
    settings: dict[str, Any] = {}
    try:
        settings = recorded_settings(read_json(file))
        return experiment_of(settings)
    except ValidationError as error:
        raise UserError(f"{file}: {one_line(error, class_of(settings))}; train anew") from None
    except (KeyError, AttributeError):
        raise UserError(f"{file}: not a record of an experiment; train anew") from None


def _train(
    unit: Unit,
    bench: PreparedExperiment,
    images: dict[str, Images],
    machine: Machine,
    display: Display,
) -> list[WorkerFailed]:
    """A backend whose partner diverged was stopped with it: it goes on alone."""
    counts = (len(images["trainA"]), len(images["trainB"]))
    course = min(COURSE_STEPS, total_steps(bench.experiment, *counts)) if unit.course else None
    request = ComparisonRequest(seeds=(unit.seed,), backends=unit.backends)
    here = unit.folder / "runs" / provenance.slug(machine.device_name)

    def diverged() -> int:
        return sum(
            run.diverged
            for run in find_runs(unit.folder)
            if run.seed == unit.seed and run.folder.parent == here
        )

    ended: list[WorkerFailed] = []  # by a divergence, which stays a failure
    while True:
        before = diverged()
        failures = train(
            bench,
            images,
            request,
            machine,
            display,
            give_up=lambda run: run.diverged,
            course=course,
            sharing=unit.sharing,
        )
        if not failures or diverged() == before:
            return failures + ended
        ended += failures


def end_with_input() -> None:
    """Interrupt this process as soon as its input is closed: whoever started it asks it to end, or
    is gone. Slurm's signals to a job reach this process, too, and are for whoever started it.
    """
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)

    def wait() -> None:
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()
