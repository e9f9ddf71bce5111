"""What entries of comparisons and of benches have in common: from environments, which are JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.config.differences import own_settings
from harness.studies.history.entry import MOST_TEXT, Code, Entry, EntryMachine, Side
from harness.studies.study import first_wrong
from harness.system.errors import UserError


def made(source: Path, document: Callable[[], Mapping[str, Any]]) -> Entry:
    """Raises UserError that names the source for what no entry holds, as texts of any length."""
    try:
        return Entry.model_validate(document())
    except ValidationError as error:
        raise UserError(
            f"{source}: {first_wrong(error)}; mend the record, or leave it out"
        ) from None


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


def surroundings(entry: Entry, side: Side) -> dict[str, str]:
    """All that an entry knows of a backend's surroundings, as texts."""
    return {
        **{f"versions.{name}": version for name, version in side.versions.items()},
        "driver": str(entry.machine.driver),
        "platform": entry.machine.platform,
        "python": entry.machine.python,
        "cyclebench": entry.code.version,
        "git_revision": str(entry.code.revision),
        "seeds": " ".join(map(str, entry.seeds)),
    }
