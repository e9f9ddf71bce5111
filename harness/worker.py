"""One backend, one seed, one process: trains when its parent says so.

The parent writes JSON lines to stdin, this process to stdout. First line in: the job; first one
out: the step it stands at and the steps after which it is to be told to evaluate. Then commands
`{"train": until_step}`, `{"evaluate": "translations" | "everything"}`, `{"finish": true}`,
`{"stop": state}`; each is answered by one event. Between commands the process is blocked in a read,
so it takes nothing from the other backend's turn. If the parent vanishes, it leaves a checkpoint.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd

import backends
from backends.architecture import forward_flops, train_step_flops
from backends.interface import RECORDED, Runtime
from harness import provenance
from harness.clocks import Clocks
from harness.config import Experiment
from harness.plan import evaluation_steps, initial_state, make_plan
from harness.records import RunRecord, read_arrays, write_arrays, write_json, write_table

BLOCK_COLUMNS = (
    "start_step",
    "steps",
    "warmup",
    "train_seconds",
    "data_seconds",
    "logging_seconds",
)
JUDGED_AT_ONCE = 8  # images; every layer's output is held, which takes memory


@dataclass(frozen=True)
class Job:
    """What a worker is told, once. `images`: split name -> .npy file, uint8 NHWC."""

    backend: str
    seed: int
    folder: str
    device: str
    device_name: str
    threads: int
    experiment: dict[str, Any]
    images: dict[str, str]


class Run:
    """A training in progress and what has been recorded of it."""

    def __init__(self, job: Job, clocks: Clocks):
        self.job, self.clocks = job, clocks
        self.record = RunRecord(Path(job.folder))
        self.experiment = Experiment.model_validate(job.experiment)
        self.images = {
            split: np.load(path, mmap_mode="r", allow_pickle=False)
            for split, path in job.images.items()
        }
        counts = (len(self.images["trainA"]), len(self.images["trainB"]))
        self.plan = make_plan(self.experiment, job.seed, *counts)
        self.model, self.objective = self.experiment.networks(), self.experiment.loss()
        runtime = Runtime(
            device=job.device,  # type: ignore[arg-type]
            threads=job.threads,
            **self.experiment.runtime.model_dump(),
        )
        self.backend = backends.load(job.backend, self.model, self.objective, runtime)
        self.losses = np.zeros((0, len(RECORDED)))
        self.blocks: list[tuple[float, ...]] = []
        self.step = 0
        self._resume_or_begin()
        self.warm_until = self.step + self.experiment.timing.warmup_steps
        environment = {"backend": job.backend, **self.backend.environment()}
        environment |= {"device": job.device_name, **provenance.describe()}
        write_json(self.record.folder / "environment.json", environment)
        self.write_status("running")

    @property
    def checkpoint_file(self) -> Path:
        return self.record.folder / "checkpoint.safetensors"

    def _resume_or_begin(self) -> None:
        if not self.checkpoint_file.exists():
            self._forget_evaluations_after(-1)
            drawn_from = self.experiment.model.initial_weights
            state = initial_state(self.model, self.objective, self.job.seed, drawn_from)
            self.backend.load_state(state)
            return
        arrays = read_arrays(self.checkpoint_file)
        self.losses = arrays.pop("record/losses")
        self.blocks = [tuple(row) for row in arrays.pop("record/blocks").tolist()]
        self.clocks.add(arrays.pop("record/clocks"))
        self.step = int(arrays["step"])
        self.backend.load_state(arrays)
        self._forget_evaluations_after(self.step)
        # As in a run that was never interrupted, training is not the process's first pass through
        # the networks: PyTorch was once seen to round that one differently, cause unknown.
        for split, direction in (("testA", "ab"), ("testB", "ba")):
            self.backend.translate(np.array(self.images[split][:1]), direction)  # type: ignore[arg-type]

    def _forget_evaluations_after(self, step: int) -> None:
        """A killed process may have got further than its checkpoint: that training is redone."""
        for later in self.record.evaluated_steps:
            if later > step:
                self.record.evaluation_file(later).unlink()

    @property
    def evaluations_left(self) -> list[int]:
        """Steps between the first and the last after which translations are still to be made."""
        wanted = evaluation_steps(self.experiment, self.plan.steps)
        return sorted(set(wanted) - set(self.record.evaluated_steps))

    def train(self, until: int) -> dict[str, Any]:
        """Train up to step `until`; one timed block, ending when the device is done."""
        clocks, start = self.clocks, self.step
        warmup = start < self.warm_until
        before = clocks.seconds()
        clock = "warmup" if warmup else "train"
        # All of a block's batches first: with a device that works on while Python goes ahead, time
        # spent on data between steps would be the device's, and on neither clock rightly.
        clocks.switch("data")
        train_a, train_b = self.images["trainA"], self.images["trainB"]
        batches = [self.plan.batch(step, train_a, train_b) for step in range(start, until)]
        clocks.switch(clock)
        for batch in batches:
            self.backend.train_step(batch)
        self.backend.synchronize()
        self.step = until
        clocks.switch("logging")
        new = self.backend.losses()
        self.losses = np.concatenate([self.losses.astype(new.dtype), new])
        spent = {name: value - before[name] for name, value in clocks.seconds().items()}
        seconds = (spent[clock], spent["data"], spent["logging"])
        self.blocks.append((start, until - start, int(warmup), *seconds))
        if not np.isfinite(new).all():
            raise FloatingPointError(f"diverged: a loss is not finite by step {self.step}")
        return {
            "step": self.step,
            "seconds_per_step": sum(seconds) / (until - start),
            "losses": dict(zip(RECORDED, new[-1].tolist(), strict=True)),
        }

    def evaluate(self, everything: bool) -> dict[str, Any]:
        """Translate the test images and have the discriminators score real and translated ones.

        `everything` adds reconstructions and identity images.
        """
        before = self.clocks.seconds()["evaluation"]
        self.clocks.switch("evaluation")
        translate = self.backend.translate
        real_a, real_b = np.array(self.images["testA"]), np.array(self.images["testB"])
        arrays = {"ab": translate(real_a, "ab"), "ba": translate(real_b, "ba")}
        if everything:
            arrays["aba"] = translate(arrays["ab"], "ba")
            arrays["bab"] = translate(arrays["ba"], "ab")
            arrays["identity_a"] = translate(real_a, "ba")
            arrays["identity_b"] = translate(real_b, "ab")
        pairs = {"a": (real_a, arrays["ba"]), "b": (real_b, arrays["ab"])}
        for domain, (real, fake) in pairs.items():
            arrays[f"patches_real_{domain}"] = self._patch_scores(domain, real)
            arrays[f"patches_fake_{domain}"] = self._patch_scores(domain, fake)
        write_arrays(self.record.evaluation_file(self.step), arrays)
        return {"step": self.step, "seconds": self.clocks.seconds()["evaluation"] - before}

    def _patch_scores(self, domain: str, images: np.ndarray) -> np.ndarray:
        """What the discriminator of a domain says of uint8 images: float32 (N, h, w)."""
        batches = np.split(images, range(JUDGED_AT_ONCE, len(images), JUDGED_AT_ONCE))
        scores = [self.backend.activations(f"d_{domain}", each)["output"] for each in batches]
        return np.concatenate(scores)[..., 0].astype(np.float32)

    def checkpoint(self, state: str) -> dict[str, Any]:
        """Save all that is needed to go on from here, bit for bit."""
        self.clocks.switch("checkpoint")
        arrays = self.backend.state()
        arrays["record/losses"] = self.losses
        arrays["record/blocks"] = np.array(self.blocks, np.float64).reshape(-1, len(BLOCK_COLUMNS))
        arrays["record/clocks"] = self.clocks.array()
        write_arrays(self.checkpoint_file, arrays)
        self.write_status(state)
        return {"step": self.step}

    def finish(self) -> dict[str, Any]:
        """Write what a complete run consists of; the status comes last."""
        self.clocks.switch("checkpoint")
        folder = self.record.folder
        write_arrays(folder / "state.safetensors", self.backend.state())
        write_table(folder / "losses.csv", self._loss_table())
        blocks = pd.DataFrame(self.blocks, columns=list(BLOCK_COLUMNS))
        integers = dict.fromkeys(BLOCK_COLUMNS[:3], int)
        write_table(folder / "blocks.csv", blocks.astype(integers))
        memory = self.backend.peak_memory()
        resources = {
            "clocks": {**self.clocks.seconds(), "wall": self.clocks.wall()},
            "processes": self.clocks.processes,
            "peak_memory": {"bytes": memory.bytes, "kind": memory.kind},
            "flops_per_step": self._flops_per_step(),
        }
        write_json(folder / "resources.json", resources)
        self.write_status("complete")
        self.checkpoint_file.unlink(missing_ok=True)
        return {"step": self.step}

    def fail(self) -> None:
        """Leave what was recorded up to here, for whoever looks for the cause."""
        write_table(self.record.folder / "losses.csv", self._loss_table())
        self.write_status("failed")

    def write_status(self, state: str) -> None:
        status = {"backend": self.job.backend, "seed": self.job.seed, "state": state}
        progress = {"step": self.step, "steps": self.plan.steps}
        write_json(self.record.folder / "status.json", {**status, **progress})

    def _loss_table(self) -> pd.DataFrame:
        table = pd.DataFrame(self.losses, columns=list(RECORDED))
        table.insert(0, "step", np.arange(len(table)))
        table.insert(1, "epoch", self.plan.epoch[: len(table)])
        table.insert(2, "learning_rate", self.plan.learning_rate[: len(table)])
        return table

    def _flops_per_step(self) -> int:
        def forward(network: str, shape: tuple[int, int, int]) -> int:
            return forward_flops(self.model.layers(network), *shape[:2])

        model = self.model
        return train_step_flops(
            generators=(forward("g_ab", model.shape_a), forward("g_ba", model.shape_b)),
            discriminators=(forward("d_a", model.shape_a), forward("d_b", model.shape_b)),
            batch=self.experiment.training.batch_size,
            identity=self.objective.identity > 0,
        )


def serve(run: Run, requests: TextIO, answer: TextIO) -> None:
    """Do as the parent says until it says stop or is gone."""
    last_checkpoint = time.monotonic()
    for line in iter(requests.readline, ""):
        command = json.loads(line)
        if "train" in command:
            event = run.train(command["train"])
            if time.monotonic() > last_checkpoint + run.experiment.timing.checkpoint_seconds:
                run.checkpoint("running")
                last_checkpoint = time.monotonic()
        elif "evaluate" in command:
            event = run.evaluate(command["evaluate"] == "everything")
        elif "finish" in command:
            send(answer, run.finish())
            return
        else:
            send(answer, run.checkpoint(command["stop"]))
            return
        run.clocks.switch("idle")
        try:
            send(answer, event)
        except BrokenPipeError:  # the parent is gone
            break
    run.checkpoint("interrupted")


def send(answer: TextIO, event: dict[str, Any]) -> None:
    answer.write(json.dumps(event, allow_nan=False) + "\n")
    answer.flush()


def main() -> int:
    clocks = Clocks()
    job = Job(**json.loads(sys.stdin.readline()))
    folder = Path(job.folder)
    folder.mkdir(parents=True, exist_ok=True)
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    # Frameworks print; the protocol's pipe must not hear it.
    with (folder / "log.txt").open("a", encoding="utf-8") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    # A worker whose parent was killed may still be writing its checkpoint: wait for it.
    lock = (folder / ".lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    for leftover in folder.glob(".*.safetensors.*"):
        leftover.unlink()
    run = None
    try:
        run = Run(job, clocks)
        clocks.switch("idle")
        begin = {"step": run.step, "steps": run.plan.steps, "evaluations": run.evaluations_left}
        send(answer, begin)
        serve(run, sys.stdin, answer)
    except Exception as error:
        # On a full disk neither the log nor the status can be written: the parent must still hear.
        with suppress(OSError):
            traceback.print_exc()
            if run is not None:
                run.fail()
        send(answer, {"failed": f"{type(error).__name__}: {error}".splitlines()[0]})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
