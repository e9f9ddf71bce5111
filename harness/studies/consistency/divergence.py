"""How fast backends diverge, compared with one that diverges from itself through rounding.

Same start, same plan. Each further backend is followed beside the first, and each backend beside
itself under changes that are mathematically neutral.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from backends.interface import Runtime
from harness.config.experiment import Experiment
from harness.studies.consistency.floor import CURVE, not_neutral
from harness.studies.consistency.launch import (
    REFERENCE,
    ULP_DRAWS,
    Images,
    Progress,
    TrajectorySetting,
    environment_file,
    reference_and_ulps,
    run,
    setting,
    ulp_name,
)
from harness.system.files import read_json, read_table, write_json, write_table


@dataclass(frozen=True)
class Neutral:
    """A change of the runtime that leaves the mathematics alone, or why it is not made."""

    backend: str
    variant: str
    runtime: Runtime | None
    skipped: str | None


def divergence(
    folder: Path,
    experiment: Experiment,
    images: Images,
    names: Sequence[str],
    steps: int,
    report: Callable[[str], None],
    progress: Progress,
    *,
    device: str = "cpu",
    threads: int | None = None,
) -> pd.DataFrame:
    """Distances per step; every further backend of `names` against the first.

    Columns: kind ("between" backends, "within" one, "moved": from its own start), reference and
    backend (names), variant ("same": nothing changed; "ulp", "threads", ...: see
    `neutral_changes`), draw, step (0: the start), weights, outputs, losses (see
    trajectory.distances). `between`, variant "ulp": both start from the same nudged
    weights. Written to `divergence.csv` in `folder`, with what was left out in `divergence.json`. A
    trajectory already on disk is not made again; Ctrl-C keeps those that are finished. Raises
    UserError for bad steps, WorkerFailed if a training dies.
    """
    study = setting(
        folder, experiment, images, steps, backends=names, device=device, threads=threads
    )
    first, *others = names
    planned = reference_and_ulps(study, first)
    for other in others:
        planned += reference_and_ulps(study, other, first=first)
    run(planned, study.folder, progress)
    # Only a backend that has been built can say what it chose and what can be changed.
    changes = _changes(study, names)
    planned += [
        study.planned(
            change.backend,
            change.variant,
            process=change.variant,
            runtime=change.runtime,
            against=((change.backend, REFERENCE),),
        )
        for change in changes
        if change.runtime is not None
    ]
    run(planned, study.folder, progress)
    skipped = [change for change in changes if change.skipped is not None]
    for change in skipped:
        report(f"{change.backend}: {change.variant} not varied: {change.skipped}")
    table = _read_tables(study, names, changes)
    for bad in not_neutral(table).itertuples():
        report(
            f"{bad.backend}: {bad.variant} is not neutral: it changes {bad.share:.0%} of the first "
            "update; left out of the floor"
        )
    write_table(folder / "divergence.csv", table)
    left_out = [
        {"backend": change.backend, "variant": change.variant, "skipped": change.skipped}
        for change in skipped
    ]
    write_json(folder / "divergence.json", {"steps": steps, "skipped": left_out})
    return table


def _changes(study: TrajectorySetting, names: Sequence[str]) -> list[Neutral]:
    """Of every backend, by the environments that their processes wrote."""
    environments = {
        name: read_json(environment_file(study.folder, name, "default")) for name in names
    }
    every_own = [environment["neutral_options"] for environment in environments.values()]
    options = dict.fromkeys(option for own in every_own for option in own)
    return [
        change
        for name, environment in environments.items()
        for change in neutral_changes(
            name,
            _in_force(study.runtime_of(study.experiment), environment),
            environment["deterministic"],
            environment["neutral_options"],
            list(options),
        )
    ]


def neutral_changes(
    backend: str, runtime: Runtime, deterministic: bool, own: Sequence[str], known: Sequence[str]
) -> list[Neutral]:
    """What can be changed besides the start.

    `own`: the backend's `neutral_options`, boolean fields of Runtime; `known`: those of all.
    """
    changes = []
    for option in known:
        if option in own:
            flipped: dict[str, Any] = {option: not getattr(runtime, option)}
            changes.append(Neutral(backend, option, replace(runtime, **flipped), None))
        else:
            why = "this backend has no such choice here"
            changes.append(Neutral(backend, option, None, why))
    if runtime.device != "cpu":
        changes.append(Neutral(backend, "threads", None, "the computing is not done on the CPU"))
    elif runtime.threads == 1:
        changes.append(Neutral(backend, "threads", None, "one thread is all there is"))
    else:
        changes.append(Neutral(backend, "threads", replace(runtime, threads=1), None))
    if not deterministic:
        # The very same again: what differs is the order in which the device adds.
        changes.append(Neutral(backend, "repeat", runtime, None))
    return changes


def _in_force(runtime: Runtime, environment: Mapping[str, Any]) -> Runtime:
    """With what a backend chose where the choice was left to it: only that can be flipped."""
    left = [name for name, value in asdict(runtime).items() if value is None]
    chosen: dict[str, Any] = {name: environment.get(name) for name in left}
    return replace(runtime, **chosen)


def _read_tables(
    study: TrajectorySetting, names: Sequence[str], changes: Sequence[Neutral]
) -> pd.DataFrame:
    """Every table of the study below each other, with the columns of CURVE in front."""
    first, *others = names
    files: dict[tuple[str | int, ...], Path] = {}
    for other in others:
        same = study.table(other, REFERENCE, (first, REFERENCE))
        files["between", first, other, "same", 0] = same
        for draw in range(ULP_DRAWS):
            nudged = study.table(other, ulp_name(draw), (first, ulp_name(draw)))
            files["between", first, other, "ulp", draw] = nudged
    for name in names:
        files["moved", name, name, "same", 0] = study.moved_table(name, REFERENCE)
        for draw in range(ULP_DRAWS):
            nudged = study.table(name, ulp_name(draw), (name, REFERENCE))
            files["within", name, name, "ulp", draw] = nudged
    for change in changes:
        if change.runtime is not None:
            name, variant = change.backend, change.variant
            changed = study.table(name, variant, (name, REFERENCE))
            files["within", name, name, variant, 0] = changed
    tables = pd.concat({labels: read_table(file) for labels, file in files.items()}, names=CURVE)
    return tables.reset_index(CURVE).reset_index(drop=True)
