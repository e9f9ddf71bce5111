"""environment.json of a run: what decides its numbers and its times."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Any

from backends.interface import Backend
from harness.config.differences import differences
from harness.records.run import RunRecord
from harness.system import interpreters, provenance
from harness.system.errors import UserError
from harness.system.untrusted import shown
from harness.system.variables import mattering
from harness.training.job import Job

# What has to stay for as long as a run takes, however often it is interrupted.
LASTING = (
    *("framework", "versions", "device", "threads", "beside"),
    *("precision", "compiled", "deterministic"),
)


def described(job: Job, backend: Backend) -> dict[str, Any]:
    """Threads are those of the job, of which a process beside others has fewer."""
    return {
        "backend": job.backend,
        **backend.environment(),
        "threads": job.threads,
        "beside": asdict(job.beside) if job.beside else None,
        "device": job.device_name,
        **provenance.describe(job.device),
        "packages": interpreters.packages_here(job.backend),
        "variables": {one.name: value for one, value in mattering([job.backend], os.environ)},
    }


def check_same(record: RunRecord, backend: str) -> None:
    """Raises UserError for a run of another backend whose name makes the same folder's."""
    if record.begun and record.backend != backend:
        raise UserError(
            f"{record.folder}: a run of {shown(record.backend)}, not of {shown(backend)}; give one"
            " of these Pythons another path, or remove the folder"
        )


def check_packages(record: RunRecord) -> None:
    """Of a run in a Python that the experiment's name says nothing of: whether it is as it was.

    Raises UserError where other packages are in it.
    """
    before = record.environment.get("packages")
    if "@" not in record.backend or before is None:
        return
    if changed := differences(before, interpreters.packages(record.backend)):
        raise UserError(
            f"{record.folder}: trained with {changed[0]}; take that environment, or remove the"
            " folder to train it anew"
        )


def check_unchanged(record: RunRecord, environment: dict[str, Any]) -> None:
    """A run that changed its framework or its threads halfway would be nobody's result."""
    file = record.folder / "environment.json"
    before, now = (
        {name: of[name] for name in LASTING if name in of}
        for of in (record.environment, environment)
    )
    changed = differences(before, now)
    if changed:
        raise UserError(
            f"{file}: this run was begun with {changed[0]}; go on with that, or"
            f" remove {record.folder} to train it anew"
        )
