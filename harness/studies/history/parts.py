"""What entries of comparisons and of benches have in common: from environments, which are JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.config.differences import own_settings
from harness.studies.history.entry import Code, Entry, EntryMachine
from harness.system.errors import UserError
from harness.system.untrusted import LONGEST, reason

MOST_TEXT = 300  # characters, as `entry.Text` has it


def made(source: Path, document: Callable[[], Mapping[str, Any]]) -> Entry:
    """Raises UserError that names the source for what no entry holds, as texts of any length."""
    try:
        return Entry.model_validate(document())
    except ValidationError as error:
        raise UserError(f"{source}: {in_short(error)}; mend the record, or leave it out") from None


def in_short(error: ValidationError) -> str:
    """The first thing that is wrong: where, and what."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(map(str, first["loc"]))[:LONGEST]
    return ": ".join(filter(None, [where, reason(ValueError(first["msg"]))]))


def machine_of(environment: Mapping[str, Any], machine: Mapping[str, Any]) -> EntryMachine:
    """`environment`: of a process, with device and threads; `machine`: as provenance.describe."""
    gpu = machine.get("gpu")
    kind: Any = environment.get("device_kind") or ("cuda" if machine.get("driver") else "cpu")
    return EntryMachine(
        device=environment["device"],
        kind=kind,
        threads=environment.get("threads"),
        driver=machine.get("driver"),
        memory=gpu.get("memory") if isinstance(gpu, dict) else None,
        platform=machine.get("platform") or "",
        python=machine.get("python") or "",
    )


def code_of(machine: Mapping[str, Any]) -> Code:
    return Code(
        version=machine.get("cyclebench") or "unknown",
        revision=machine.get("git_revision"),
        source_digest=machine.get("source_digest"),
    )


def versions_of(environment: Mapping[str, Any]) -> dict[str, str]:
    versions = environment.get("versions")
    return {str(k): str(v) for k, v in (versions if isinstance(versions, dict) else {}).items()}


def changes_of(configuration: Mapping[str, Any], preset: str) -> dict[str, str]:
    return {
        key: str(value)[:MOST_TEXT] for key, value in own_settings(configuration, preset).items()
    }
