"""The first steps of a run once more, by a worker as the one that trained it, and bit by bit."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np

from backends.objective import RECORDED
from harness.config.differences import differences
from harness.config.experiment import Experiment
from harness.records.run import RunRecord
from harness.system import provenance
from harness.system.errors import WorkerFailed
from harness.system.progress import Display
from harness.tools.verify.records import losses_of
from harness.tools.verify.verify_result import CheckResult, differs, ok, unchecked
from harness.training.run import Job
from harness.training.turns import Worker

# Of environment.json: where one of these is another, the same steps may well round differently.
DECIDING = (
    "framework",
    "versions",
    "packages",
    "device",
    "driver",
    "threads",
    "precision",
    "compiled",
    "deterministic",
    "platform",
)


@dataclass(frozen=True)
class Replayed:
    """`losses` (steps, len(RECORDED)); the first evaluation; what environment.json says now."""

    losses: np.ndarray
    translations: dict[str, np.ndarray]
    environment: dict[str, Any]


def replay(
    run: RunRecord,
    experiment: Experiment,
    images: Mapping[str, str],
    steps: int,
    display: Display,
) -> CheckResult:
    """Train the first `steps` of the whole plan again and compare. `images` as in `Job`.

    Nothing is written to the run's folder.
    """
    device, kind = run.environment["device"], run.environment["device_kind"]
    threads = run.environment["threads"]
    here = provenance.gpu_name() if kind == "cuda" else provenance.device_name("cpu", threads)
    if device != here:
        return unchecked(f"not replayed: another device, {device}")
    with ExitStack() as stack:
        folder = Path(mkdtemp(prefix="cyclebench-verify-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        job = Job(
            backend=run.backend,
            seed=run.seed,
            folder=str(folder),
            device=kind,
            device_name=device,
            threads=threads,
            experiment=experiment.model_dump(),
            images=dict(images),
        )
        try:
            replayed = _train(job, min(steps, len(run.losses)), display)
        except WorkerFailed as failure:
            stack.pop_all()  # the log that the message names is in there
            return differs(f"the replay failed: {failure}")
    return _compare(run, losses_of(run, experiment), replayed)


def _train(job: Job, steps: int, display: Display) -> Replayed:
    """As harness.training.turns does, but one step at a time, so that every loss is told."""
    record, name = RunRecord(Path(job.folder)), f"replay {job.backend}, seed {job.seed}"
    display.say(f"{name}: starting")
    worker = Worker(job)
    try:
        worker.request(evaluate="translations")
        rows = []
        while worker.step < steps:
            losses = worker.train(worker.step + 1)["losses"]
            rows.append([losses[term] for term in RECORDED])
            worker.evaluate_if_due()
            display.update(name, worker.step, steps)
        return Replayed(np.array(rows), record.evaluation(0), record.environment)
    finally:
        worker.close()


def _compare(run: RunRecord, losses: np.ndarray, replayed: Replayed) -> CheckResult:
    count, recorded = len(replayed.losses), run.evaluation(0)
    images = [
        name
        for name, array in replayed.translations.items()
        if name not in recorded or not np.array_equal(array, recorded[name])
    ]
    texts = [f"evaluated before the first step: {', '.join(images)} differ"] if images else []
    different = np.argwhere(losses[:count] != replayed.losses)
    if len(different):
        step, term = different[0]
        old, new = losses[step, term], replayed.losses[step, term]
        share = abs(new - old) / max(abs(old), np.finfo(np.float64).tiny)
        texts.append(
            f"first at step {step}, where {RECORDED[term]} was {old:.9g} and is {new:.9g}"
            f" ({share:.1g} of it); {len(set(different[:, 0]))} of {count} steps differ"
        )
    if not texts:
        return ok(f"{count} steps and what was evaluated before them are the same, bit for bit")
    return differs(f"{'; '.join(texts)}. {_reasons(run.environment, replayed.environment)}")


def _reasons(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Possible causes of a difference, or that there should be none."""
    reasons = differences(*({name: of.get(name) for name in DECIDING} for of in (before, now)))
    if before.get("source_digest") != now["source_digest"]:
        reasons.append("other code than trained it (source_digest)")
    if not (before["deterministic"] and now["deterministic"]):
        reasons.append("without runtime.deterministic this device need not add in the same order")
    if reasons:
        return f"Possible causes: {'; '.join(reasons)}"
    return "Device, versions, threads and code are the same, so nothing should differ"
