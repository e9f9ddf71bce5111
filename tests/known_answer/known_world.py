"""The whole of `make compare` on known images with known backends, and each stage of it alone.

A stage is done again on the records of those before it: a defect planted in a report costs a
report, not a training.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import children_in_threads
import known_backend
import known_clock
import known_extractor
import known_set
import numpy as np
from matplotlib.figure import Figure
from pytest import MonkeyPatch
from rich.console import Console

import backends
from harness.launch.launch import LaunchRequest
from harness.metrics import evaluate as evaluation
from harness.metrics import judge, scoring
from harness.plan.plan import Plan
from harness.records.run import RunRecord, find_runs
from harness.report import comparison as report
from harness.report import figures
from harness.report.comparison import plots
from harness.report.figures import Drawn
from harness.studies import comparison, course
from harness.system import provenance
from harness.system.machine import Machine
from harness.system.progress import Display
from harness.training import clocks, run
from harness.training.checkpoints import Checkpoints
from harness.training.jobs import ComparisonRequest

DEVICE = Machine("cpu", "A known CPU, 4 threads", known_clock.THREADS)
SLUG = "a-known-cpu-4-threads"
COURSE_STEPS = 5  # in the middle of a block
STEPS, PER_EPOCH, TIMED, BLOCK = 20, 5, 14, 2
EVALUATED = (0, 10, 20)
OVERRIDES = (
    "data.load_size=20", "data.crop_size=16", "objective.average=0.99", "objective.pool_size=3",
    "objective.lambda_a=8", "objective.lambda_b=12", "objective.identity=0.25",
    "optimiser.discriminator_learning_rate=0.0005", "optimiser.learning_rate=0.0002",
    "evaluation.evaluate_every=2", "evaluation.images=5",
    "timing.warmup_steps=2", "timing.block_seconds=0.042", "timing.timed_steps=14",
    "timing.checkpoint_steps=4", "model.discriminator_layers=1",
)  # fmt: skip
FIGURES = (
    "cycle_figure", "loss_figure", "accuracy_figure", "block_figure", "divergence_figure",
    "score_figure", "forest_figure", "output_figure",
)  # fmt: skip
ALONE = ("timing.timed_steps=null", "objective.average=0")
ROW = {"check": "1 parameters", "what": "known names", "measured": 2e-07, "tolerance": 5e-06,
       "arithmetic": "float32", "passed": True}  # fmt: skip
SCALE = {"filters": 4, "discriminator_filters": 4, "crop_size": [16, 16], "pool_size": 3,
         "batch_size": 1}  # fmt: skip
PARITY = {"backends": ["torch", "tf"], "frameworks": known_backend.FRAMEWORKS, "device": "cpu",
          "device_name": DEVICE.device_name, "seconds": 1.0, "checked": SCALE, "trained": SCALE,
          "rows": [ROW], "checks": 1, "breaches": 0}  # fmt: skip


class Reader:
    """In place of a judge: it reads stripes of brightness, as far apart as its training says."""

    def __init__(self, images: np.ndarray, labels: np.ndarray) -> None:
        self.middle = images[labels == labels[0]].mean()

    def predict(self, images: np.ndarray) -> np.ndarray:
        return (np.floor((images.mean((1, 2)) - self.middle) / 3) % 2).astype(np.int64)


def green_energy(images: np.ndarray) -> np.ndarray:
    """In place of `checkerboard_energy`, whose formula has tests of its own: float64 (N,)."""
    return 1 + images[..., 1].mean((1, 2), np.float64) / 255


def in_a_worker(patch: MonkeyPatch) -> None:
    """What a process that trains has in place of a framework, a clock and counters."""
    real_batch = Plan.batch

    def batch(self, *given: Any) -> Any:
        known_clock.tick(known_backend.BATCH_SECONDS)
        return real_batch(self, *given)

    patch.setattr(backends, "load", known_backend.load)
    patch.setattr(Plan, "batch", batch)
    patch.setattr(clocks, "time", known_clock.TIME)
    patch.setattr(run, "Meter", known_clock.KnownMeter)
    patch.setattr(run, "LoadMeter", known_clock.KnownLoad)


@contextmanager
def known_parts(children: bool = True) -> Iterator[None]:
    """Everything that no formula gives is replaced by what one gives.

    `children`: child processes are threads of this one.
    """
    with MonkeyPatch.context() as patch:
        if children:
            children_in_threads.install(patch)
        in_a_worker(patch)
        known_extractor.install(patch)
        patch.setattr(comparison, "find_machine", lambda device: DEVICE)
        patch.setattr(comparison, "parity_record", lambda *given: PARITY)
        patch.setattr(course, "COURSE_STEPS", COURSE_STEPS)
        patch.setattr(provenance, "git_revision", lambda: "0123456789")
        patch.setattr(evaluation, "find_weights", lambda: known_extractor.FID_WEIGHTS)
        patch.setattr(comparison, "try_once", lambda *given: None)
        patch.setattr(evaluation, "checkerboard_energy", green_energy)
        patch.setattr(scoring, "checkerboard_energy", green_energy)
        patch.setattr(judge, "train_judge", Reader)
        yield


@dataclass
class World:
    """An experiment folder and what a report of it draws and says; `said`: lines for the user."""

    folder: Path
    said: str = ""
    drawn: dict[str, Figure] = field(default_factory=dict)
    files: dict[str, Any] = field(default_factory=dict)
    page: SimpleNamespace = field(default_factory=SimpleNamespace)
    written: list[Path] = field(default_factory=list)  # by trainings, in order; removed ones, too

    @cached_property
    def metrics(self) -> dict[str, Any]:
        return evaluation.read_json(self.folder / "metrics.json")

    @cached_property
    def references(self) -> dict[str, np.ndarray]:
        return evaluation.read_arrays(self.folder / "references.safetensors")

    @cached_property
    def runs(self) -> dict[tuple[str, int], RunRecord]:
        return {(one.backend, one.seed): one for one in find_runs(self.folder)}


def train(
    parent: Path,
    seeds: tuple[int, ...] = known_backend.SEEDS,
    overrides: tuple[str, ...] = (),
    without: tuple[str, ...] = (),
) -> World:
    """Data, plan, training and course, through `compare`, without scores and report.

    `without`: functions of `compare` that are not called.
    """
    known_backend.forget_processes()
    folder, text = known_set.write_set(parent / "data"), io.StringIO()
    request = ComparisonRequest(
        dataset=str(folder),
        preset="smoke",
        seeds=seeds,
        backends=known_backend.BACKENDS,
        results=parent / "results",
        overrides=(*OVERRIDES, *overrides),
    )
    written: list[Path] = []
    with MonkeyPatch.context() as patch:
        for name in ("write_arrays", "write_json", "write_table", "write_sums"):
            patch.setattr(run, name, noted(written, getattr(run, name)))
        patch.setattr(Checkpoints, "remove", noted(written, Checkpoints.remove))
        for name in without:
            patch.setattr(comparison, name, lambda *given, **named: [])
        patch.setattr(comparison, "score", lambda folder, display, known=None: folder)
        # One seed after another: units are processes that know nothing of this world.
        one_by_one = LaunchRequest(at_once=1)
        made = comparison.compare(request, Display(Console(file=text, width=200)), one_by_one)
    return World(made, text.getvalue(), written=written)


def noted(written: list[Path], write: Callable[..., None]) -> Callable[..., None]:
    def note(where: Any, *content: Any) -> None:
        written.append(where.folder / "checkpoints" if isinstance(where, Checkpoints) else where)
        write(where, *content)

    return note


def evaluate(world: World, parent: Path) -> World:
    """Scores of a copy of the records."""
    folder = parent / world.folder.name
    shutil.copytree(world.folder, folder)
    for file in ("metrics.json", "features"):
        if (folder / file).is_dir():
            shutil.rmtree(folder / file)
        (folder / file).unlink(missing_ok=True)
    with MonkeyPatch.context() as patch:
        patch.setattr(comparison, "write_report", lambda folder: folder)
        comparison.score(folder, Display(Console(file=io.StringIO()), quiet=True))
    return World(folder, world.said)


def show(world: World, figure: str | None = "all", page: bool = True) -> World:
    """The report of the records; nothing is written, and no figure becomes pixels.

    `figure`: "all", one function of `plots`, or none. `page`: whether there is HTML.
    """
    shown = World(world.folder, world.said)
    pending: list[Figure] = []

    def keep(drawn: Figure, _: object) -> Drawn:
        pending.append(drawn)
        name = str(len(pending) - 1).encode()
        return Drawn(name, name, name)

    def write(path: Path, content: Any) -> None:
        shown.files[path.relative_to(world.folder).as_posix()] = content

    real_page = report.OF_KIND["cyclegan"].page

    def make_page(record: Any, findings: Any) -> Any:
        shown.page.record, shown.page.findings = record, findings
        shown.page.page = real_page(record, findings)
        return shown.page.page

    with MonkeyPatch.context() as patch:
        patch.setattr(figures, "_saved", keep)
        for name in FIGURES:
            if figure not in ("all", name):
                patch.setattr(plots, name, lambda *given: Drawn(b"", b"", b""))
        if not page:
            patch.setattr(report, "page_html", lambda *given: "")
            patch.setattr(report, "sheet", lambda gallery: b"")
        patch.setattr(report, "write_bytes", write)
        patch.setattr(report, "write_json", write)
        parts = replace(report.OF_KIND["cyclegan"], page=make_page)
        if figure != "all":
            parts = replace(parts, events=lambda record: {})
        patch.setattr(report, "OF_KIND", {"cyclegan": parts})
        report.write_report(world.folder)
    for name, content in shown.files.items():
        if name.startswith("figures/") and content.isdigit() and name.endswith(".png"):
            shown.drawn[Path(name).stem] = pending[int(content)]
    return shown


def again(stage: str, upstream: World | None, parent: Path) -> World:
    """A stage done once more, and no more of it than shows the defect.

    "data": nothing is trained. "training": the seed whose process is killed. "course": with the
    twin. "seeds": two of them. "alone": in turns to the end. "scores". "report", of which "page"
    has HTML and no figure; any other name is that of a figure.
    """
    untrained = ("train_seeds", "follow_course")
    killed = known_backend.DIES[1]
    if stage == "data":
        return train(parent, without=untrained)
    if stage in ("training", "course", "seeds"):
        seeds = (1, killed) if stage == "seeds" else (killed,)
        return train(parent, seeds, without=() if stage == "course" else untrained[1:])
    if stage == "alone":
        return train(parent, (1,), ALONE, untrained[1:])
    assert upstream is not None
    if stage == "scores":
        return evaluate(upstream, parent)
    return show(upstream, stage if stage in (*FIGURES, "all") else None, stage == "page")
