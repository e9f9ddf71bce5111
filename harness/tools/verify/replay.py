"""Trains the first steps of a run again, in a worker as training has it, and compares all bits."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from harness.config.differences import differences
from harness.config.experiment import AnyExperiment
from harness.records.run import RunRecord
from harness.system import provenance
from harness.system.errors import WorkerFailed
from harness.system.progress import Display
from harness.tools.verify.records import CheckResult, differs, losses_of, ok, unchecked
from harness.training.job import Beside, Job
from harness.training.worker_process import Worker

# Keys of environment.json: where one of them differs, the same steps may round differently.
DECIDING = (
    "framework",
    "versions",
    "packages",
    "device",
    "driver",
    "threads",
    "beside",
    "precision",
    "compiled",
    "deterministic",
    "platform",
)


def replay(
    run: RunRecord,
    experiment: AnyExperiment,
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
        beside = run.environment.get("beside")
        job = Job(
            backend=run.backend,
            seed=run.seed,
            folder=str(folder),
            device=kind,
            device_name=device,
            threads=threads,
            experiment=experiment.model_dump(),
            images=dict(images),
            beside=Beside(**beside) if beside else None,
        )
        try:
            terms = experiment.loss().recorded
            losses = _train(job, min(steps, len(run.losses)), terms, display)
        except WorkerFailed as failure:
            stack.pop_all()  # the log that the message names is in there
            return differs(f"the replay failed: {failure}")
        return _compare(run, RunRecord(folder), losses_of(run, experiment), losses, terms)


def _train(job: Job, steps: int, terms: Sequence[str], display: Display) -> np.ndarray:
    """Losses, (steps, len(terms)).

    As harness.training.turns does, but one step at a time, so that every loss is told.
    """
    name = f"replay {job.backend}, seed {job.seed}"
    display.say(f"{name}: starting")
    worker = Worker(job)
    try:
        worker.request(evaluate="translations")
        rows = []
        while worker.step < steps:
            if worker.begin["step"] < worker.turns_until == worker.step:
                worker = worker.renewed()
            losses = worker.train(worker.step + 1)["losses"]
            rows.append([losses[term] for term in terms])
            worker.evaluate_if_due()
            display.update(name, worker.step, steps)
        return np.array(rows)
    finally:
        worker.close()


def _compare(
    run: RunRecord,
    again: RunRecord,
    before: np.ndarray,
    now: np.ndarray,
    terms: Sequence[str],
) -> CheckResult:
    """`before`, `now`: losses by `terms`, of which the new ones may be fewer."""
    count, recorded = len(now), run.evaluation(0)
    images = [
        name
        for name, array in again.evaluation(0).items()
        if name not in recorded or not np.array_equal(array, recorded[name])
    ]
    texts = [f"evaluated before the first step: {', '.join(images)} differ"] if images else []
    different = np.argwhere(before[:count] != now)
    if len(different):
        step, term = different[0]
        old, new = before[step, term], now[step, term]
        share = abs(new - old) / max(abs(old), np.finfo(np.float64).tiny)
        texts.append(
            f"first at step {step}, where {terms[term]} was {old:.9g} and is {new:.9g}"
            f" ({share:.1g} of it); {len(set(different[:, 0]))} of {count} steps differ"
        )
    if not texts:
        return ok(f"{count} steps and what was evaluated before them are the same, bit for bit")
    # Possible causes, or that there should be none.
    old_environment, environment = run.environment, again.environment
    deciding = ({name: of.get(name) for name in DECIDING} for of in (old_environment, environment))
    reasons = differences(*deciding)
    if old_environment.get("source_digest") != environment["source_digest"]:
        reasons.append("other code than trained it (source_digest)")
    if not (old_environment["deterministic"] and environment["deterministic"]):
        reasons.append("without runtime.deterministic this device need not add in the same order")
    because = (
        f"Possible causes: {'; '.join(reasons)}"
        if reasons
        else "Device, versions, threads and code are the same, so nothing should differ"
    )
    return differs(f"{'; '.join(texts)}. {because}")
