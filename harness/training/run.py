"""One training in one backend: its plan, its clocks, and what is recorded of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from backends.interface import Runtime
from harness.config.experiment import experiment_of
from harness.data.image_arrays import open_images
from harness.plan.initial_weights import initial_state, nudged_weights
from harness.plan.learning_rate import plateaus
from harness.plan.plan import evaluation_steps, evenly
from harness.plan.step_cost import step_flops
from harness.processes.loading import load_here
from harness.records.run import RunRecord
from harness.system.checksums import write_sums
from harness.system.energy_meter import Meter
from harness.system.errors import Diverged, UserError
from harness.system.files import write_arrays, write_json, write_table
from harness.system.load_meter import CpuLoad, CpuReading, LoadMeter
from harness.training.checkpoints import Checkpoint, Checkpoints
from harness.training.clocks import Clocks
from harness.training.job import Job
from harness.training.kinds import kind_of
from harness.training.loss_history import History
from harness.training.run_environment import check_unchanged, described
from harness.training.translations import TestImages

BLOCK_COUNTS = ("start_step", "steps", "warmup", "beside")
BLOCK_COLUMNS = (
    *(*BLOCK_COUNTS, "train_seconds", "data_seconds", "logging_seconds"),
    *("joules", "others_share", "steal_share", "throttled_share"),
)
NO_TIME: CpuReading | None = CpuReading(0.0, 0.0, 0.0, 0.0, 0.0)
# Of a run that diverges before its first checkpoint there is nothing to keep that is not known.
FROM_SEED = (
    "it began from the initial weights of its seed, and timing.checkpoint_steps=N would keep what"
    " came between"
)


class TrainingRun:
    """A training in progress and what has been recorded of it.

    `progress` is called after every step and every few images. True: a block is to end there.
    """

    def __init__(self, job: Job, clocks: Clocks, progress: Callable[[], object] = lambda: None):
        self.job, self.clocks, self.progress = job, clocks, progress
        self.record = RunRecord(Path(job.folder))
        self.experiment = experiment_of(job.experiment)
        self.kind = kind_of(self.experiment)
        images = {split: open_images(Path(path)) for split, path in job.images.items()}
        self.train_a, self.train_b = images["trainA"], images["trainB"]
        self.test_a, self.test_b = (
            np.asarray(split)[evenly(len(split), self.experiment.evaluation.images)]
            for split in (images["testA"], images["testB"])
        )
        counts = (len(self.train_a), len(self.train_b))
        self.plan = self.kind.make_plan(self.experiment, job.seed, *counts)
        self.model, self.objective = self.experiment.networks(), self.experiment.loss()
        self.checkpoints = Checkpoints(self.record.folder)
        saved = self.checkpoints.read()
        self.beside = job.is_beside(0 if saved is None else saved.step)
        runtime = Runtime(
            device=job.device,  # type: ignore[arg-type]
            threads=job.beside.threads if job.beside and self.beside else job.threads,
            **self.experiment.runtime.model_dump(),
        )
        self.backend = load_here(job.backend, self.model, self.objective, runtime)
        self.history = History(self.plan.steps, self.plan.steps_per_epoch, self.objective)
        self.meter, self.load = Meter(job.device), LoadMeter()
        self.blocks: list[tuple[float, ...]] = []
        self.step = 0
        environment = described(job, self.backend)
        if saved is None:
            self._begin()
        else:
            check_unchanged(self.record, environment)
            self._resume(saved)
        self.warm_until = self.step + self.experiment.timing.warmup_steps
        self._saved_at, self._saved_step = time.monotonic(), self.step
        write_json(self.record.folder / "environment.json", environment)
        self.write_status("running")

    def _begin(self) -> None:
        self._forget_evaluations_after(-1)
        drawn_from = self.experiment.initial_weights
        state = initial_state(self.model, self.objective, self.job.seed, drawn_from)
        if self.job.ulp_draw is not None:
            precision = Runtime(precision=self.experiment.runtime.precision).stored
            state |= nudged_weights(state, self.model, precision, self.job.ulp_draw)
        self.backend.load_state(state)
        if self.job.ulp_draw is not None:
            self._pass_once()  # nobody evaluates a twin before its first step

    def _resume(self, saved: Checkpoint) -> None:
        try:
            if saved.step > self.plan.steps:
                raise ValueError(f"step {saved.step} of {self.plan.steps}")
            if saved.losses.shape[1] != len(self.objective.recorded):
                raise ValueError(f"losses {saved.losses.shape} at step {saved.step}")
            if saved.blocks.ndim != 2 or saved.blocks.shape[1] != len(BLOCK_COLUMNS):
                raise ValueError(f"blocks {saved.blocks.shape}")
            self.backend.load_state(saved.state)
            planned = self.job.beside is not None and saved.step == self.job.beside.start
            self.clocks.add(saved.clocks, interrupted=not planned)
        except ValueError as error:
            raise UserError(
                f"{self.record.folder}: its checkpoint is not of this run ({error}); remove the"
                " folder to train anew"
            ) from None
        self.history.add(saved.losses)
        self.blocks = [tuple(row) for row in saved.blocks.tolist()]
        self.step = saved.step
        self._forget_evaluations_after(self.step)
        self._pass_once()

    def _pass_once(self) -> None:
        """As in a run that was never interrupted, training is not the process's first pass through
        the networks: PyTorch was once seen to round that one differently, cause unknown."""
        self.kind.pass_once(self.backend, self.plan, TestImages(self.test_a[:1], self.test_b[:1]))

    def _forget_evaluations_after(self, step: int) -> None:
        """A killed process may have got further than its checkpoint: that training is redone."""
        for later in self.record.evaluated_steps:
            if later > step:
                self.record.evaluation_file(later).unlink()

    @property
    def evaluations_left(self) -> list[int]:
        """Steps between the first and the last after which translations are still to be made."""
        wanted = evaluation_steps(self.experiment, self.plan.steps, self.plan.steps_per_epoch)
        return sorted(set(wanted) - set(self.record.evaluated_steps))

    def train(self, until: int) -> dict[str, Any]:
        """Train up to step `until`, or to one before it if told to stop; one timed block, ending
        when the device is done."""
        clocks, start = self.clocks, self.step
        if self.job.is_beside(until - 1) != self.beside:
            raise ValueError(
                f"steps {start} to {until}: of one process, some in turns, some beside"
            )
        warmup = start < self.warm_until and not self.beside
        before = clocks.seconds()
        clock = "beside" if self.beside else "warmup" if warmup else "train"
        joules, cpus, pause = 0.0, NO_TIME, start
        while pause == self.step < until:
            pause = self._pause(until)
            used, spent_here = self._train_without_pause(pause, clock)
            joules += used
            cpus = None if cpus is None or spent_here is None else cpus.plus(spent_here)
            if self.step == self.job.course:
                self._keep_course()
        load = CpuLoad.of(cpus)
        spent = {name: value - before[name] for name, value in clocks.seconds().items()}
        seconds = (spent[clock], spent["data"], spent["logging"])
        shares = (load.others, load.steal, load.throttled)
        counts = (start, self.step - start, int(warmup), int(self.beside))
        self.blocks.append((*counts, *seconds, joules, *shares))
        if warmup and self.step >= self.warm_until:
            clocks.switch("warmup")
            self.backend.reset_peak_memory()
        losses = self.history.rows[start:]
        if not np.isfinite(losses).all():
            raise Diverged(self._first_bad(start))
        return {
            "step": self.step,
            "seconds_per_step": sum(seconds) / (self.step - start),
            "shown": self.objective.shown,
            "losses": dict(zip(self.objective.recorded, losses[-1].tolist(), strict=True)),
        }

    def _first_bad(self, start: int) -> str:
        rows = self.history.rows
        step, term = np.argwhere(~np.isfinite(rows[start:]))[0] + (start, 0)
        kept = [file.name for file in self.checkpoints.files]
        before = f"the state before it is in {kept[0]}" if kept else FROM_SEED
        name = self.objective.recorded[term]
        return f"diverged: {name} is {rows[step, term]} at step {step}; {before}"

    def _pause(self, until: int) -> int:
        """`until`, or a step before it: the one whose weights are kept, or the end of the epoch
        where the rate depends on its losses."""
        stops = [until]
        if self.job.course is not None and self.step < self.job.course:
            stops.append(self.job.course)
        if self.experiment.training.policy == "plateau":
            per_epoch = self.plan.steps_per_epoch
            stops.append((self.step // per_epoch + 1) * per_epoch)
        return min(stops)

    def _keep_course(self) -> None:
        """Weights alone, float32, by their canonical names."""
        self.clocks.switch("checkpoint")
        state = self.backend.state()
        weights = {name: state[name].astype(np.float32) for name in self.model.parameter_shapes()}
        write_arrays(self.record.course_file(self.step), weights)

    def _train_without_pause(self, until: int, clock: str) -> tuple[float, CpuReading | None]:
        """Joules that the device used while the clock ran, NaN where they cannot be read; and CPU
        time spent meanwhile."""
        clocks, plateau = self.clocks, self._plateaus()[-1]
        # All of a block's batches first: with a device that works on while Python goes ahead, time
        # spent on data between steps would be the device's, and on neither clock rightly.
        clocks.switch("data")
        batches = [
            self.plan.batch(step, self.train_a, self.train_b, plateau)
            for step in range(self.step, until)
        ]
        before, cpus_before = self.meter.joules(), self.load.read()
        clocks.switch(clock)
        for batch in batches:
            self.backend.train_step(batch)
            self.step += 1
            if self.progress():
                break
        self.backend.synchronize()
        clocks.switch("logging")
        joules, cpus = self.meter.since(before), self.load.since(cpus_before)
        self.history.add(self.backend.losses())
        return joules, cpus

    def _plateaus(self) -> list[float]:
        """Factor of the learning rates by epoch, up to the one that is in progress or to come."""
        return plateaus(self.experiment.training, self.history.epoch_means)

    def evaluate(self, everything: bool) -> dict[str, Any]:
        """What the networks make of the test images: see harness.training.kinds."""
        before = self.clocks.seconds()["evaluation"]
        self.clocks.switch("evaluation")
        arrays = self.kind.evaluate(
            self.backend,
            self.plan,
            TestImages(self.test_a, self.test_b),
            self.objective.average > 0,
            everything,
            self.progress,
        )
        write_arrays(self.record.evaluation_file(self.step), arrays)
        return {"step": self.step, "seconds": self.clocks.seconds()["evaluation"] - before}

    def checkpoint_if_due(self) -> None:
        timing, taken = self.experiment.timing, self.step - self._saved_step
        by_steps = timing.checkpoint_steps is not None and taken >= timing.checkpoint_steps
        if by_steps or time.monotonic() > self._saved_at + timing.checkpoint_seconds:
            self.checkpoint("running")

    def checkpoint(self, state: str) -> dict[str, Any]:
        """Save all that is needed to go on from here, bit for bit."""
        self.clocks.switch("checkpoint")
        blocks = np.array(self.blocks, np.float64).reshape(-1, len(BLOCK_COLUMNS))
        self.checkpoints.write(
            Checkpoint(self.backend.state(), self.history.rows, blocks, self.clocks.array())
        )
        self._saved_at, self._saved_step = time.monotonic(), self.step
        self.write_status(state)
        return {"step": self.step}

    def finish(self) -> dict[str, Any]:
        """Write what a complete run consists of; the status comes last."""
        self.clocks.switch("checkpoint")
        folder = self.record.folder
        write_arrays(folder / "state.safetensors", self.backend.state())
        write_table(folder / "losses.csv", self._loss_table())
        blocks = pd.DataFrame(self.blocks, columns=list(BLOCK_COLUMNS))
        integers = dict.fromkeys(BLOCK_COUNTS, int)
        write_table(folder / "blocks.csv", blocks.astype(integers))
        memory = self.backend.peak_memory()
        resources = {
            "clocks": {**self.clocks.seconds(), "wall": self.clocks.wall()},
            "processes": self.clocks.processes,
            "peak_memory": {"bytes": memory.bytes, "kind": memory.kind},
            "flops_per_step": step_flops(self.experiment),
            "energy_source": self.meter.source,
        }
        write_json(folder / "resources.json", resources)
        write_sums(folder)
        self.write_status("complete")
        self.checkpoints.remove()
        return {"step": self.step}

    def fail(self, why: str) -> None:
        """Leave what was recorded up to here, for whoever looks for the cause."""
        write_table(self.record.folder / "losses.csv", self._loss_table())
        self.write_status("failed", why)

    def write_status(self, state: str, why: str | None = None) -> None:
        status = {"backend": self.job.backend, "seed": self.job.seed, "state": state}
        progress = {"step": self.step, "steps": self.plan.steps, "why": why}
        write_json(self.record.folder / "status.json", {**status, **progress})

    def _loss_table(self) -> pd.DataFrame:
        table = pd.DataFrame(self.history.rows, columns=list(self.objective.recorded))
        table.insert(0, "step", np.arange(len(table)))
        table.insert(1, "epoch", self.plan.epoch[: len(table)])
        factors = np.array(self._plateaus())[table["epoch"]]
        table.insert(2, "learning_rate", factors * self.plan.learning_rate[: len(table)])
        return table
