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
from harness.studies.consistency.steps.floor import not_neutral
from harness.studies.consistency.steps.launch import Planned, Progress, environment_file, run
from harness.studies.consistency.steps.setting import (
    REFERENCE,
    ULP_DRAWS,
    Images,
    TrajectorySetting,
    reference_and_ulps,
    setting,
    ulp_name,
)
from harness.system.files import read_json, read_table, write_json, write_table

COLUMNS = ["kind", "reference", "backend", "variant", "draw"]


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
    progress: Progress = lambda what, done, total: None,
    *,
    draws: int = ULP_DRAWS,
    device: str = "cpu",
    threads: int | None = None,
) -> pd.DataFrame:
    """Distances per step; every further backend of `names` against the first.

    Columns: kind ("between" backends, "within" one, "moved": from its own start), reference and
    backend (names), variant ("same": nothing changed; "ulp", "threads", ...: see
    `neutral_changes`), draw, step (0: the start), weights, outputs, losses (see
    distance.distances). `draws`: restarts one ulp away, of each. `between`, variant "ulp": both
    backends start from the same nudged weights. Written to `divergence.csv` in `folder`, with what
    was left out in `divergence.json`. A trajectory already on disk is not made again; Ctrl-C keeps
    those that are finished. Raises UserError for bad steps, WorkerFailed if a training dies.
    """
    study = setting(folder, experiment, images, steps, draws=draws, device=device, threads=threads)
    first, *others = names
    planned = reference_and_ulps(study, first)
    for other in others:
        planned += reference_and_ulps(study, other, first=first)
    run(planned, study.folder, progress)
    neutral = _neutral(study, names)
    planned += [_planned(study, change) for change in neutral if change.runtime is not None]
    run(planned, study.folder, progress)
    skipped = [change for change in neutral if change.skipped is not None]
    for change in skipped:
        report(f"{change.backend}: {change.variant} not varied: {change.skipped}")
    table = pd.concat(_tables(study, names, neutral), ignore_index=True)
    for bad in not_neutral(table).itertuples():
        report(
            f"{bad.backend}: {bad.variant} is not neutral: it changes {bad.share:.0%} of the first "
            "update; left out of the floor"
        )
    write_table(folder / "divergence.csv", table)
    fields = ("backend", "variant", "skipped")
    left_out = [{field: asdict(change)[field] for field in fields} for change in skipped]
    write_json(folder / "divergence.json", {"steps": steps, "skipped": left_out})
    return table


def neutral_changes(
    backend: str, runtime: Runtime, deterministic: bool, own: Sequence[str], known: Sequence[str]
) -> list[Neutral]:
    """What can be changed besides the start.

    `own`: the backend's `neutral_options`, boolean fields of Runtime; `known`: those of all.
    """
    changes = [
        Neutral(backend, option, _flipped(runtime, option), None)
        if option in own
        else Neutral(backend, option, None, "this backend has no such choice here")
        for option in known
    ]
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


def _flipped(runtime: Runtime, option: str) -> Runtime:
    return Runtime(**{**asdict(runtime), option: not getattr(runtime, option)})


def _in_force(runtime: Runtime, environment: Mapping[str, Any]) -> Runtime:
    """With what a backend chose where the choice was left to it: only that can be flipped."""
    left = [name for name, value in asdict(runtime).items() if value is None]
    chosen: dict[str, Any] = {name: environment.get(name) for name in left}
    return replace(runtime, **chosen)


def _neutral(study: TrajectorySetting, names: Sequence[str]) -> list[Neutral]:
    environments = {
        name: read_json(environment_file(study.folder, name, "default")) for name in names
    }
    own = {name: each["neutral_options"] for name, each in environments.items()}
    known = list(dict.fromkeys(option for options in own.values() for option in options))
    return [
        change
        for name, environment in environments.items()
        for change in neutral_changes(
            name,
            _in_force(study.runtime, environment),
            environment["deterministic"],
            own[name],
            known,
        )
    ]


def _planned(study: TrajectorySetting, change: Neutral) -> Planned:
    return study.planned(
        change.backend,
        change.variant,
        process=change.variant,
        runtime=change.runtime,
        against=((change.backend, REFERENCE),),
    )


def _tables(
    study: TrajectorySetting, names: Sequence[str], neutral: Sequence[Neutral]
) -> list[pd.DataFrame]:
    def read(
        reference: tuple[str, str], backend: str, name: str, *labels: str | int
    ) -> pd.DataFrame:
        table = read_table(study.table(backend, name, reference))
        return _labelled(table, labels[0], reference[0], backend, *labels[1:])

    first = names[0]
    tables = []
    for other in names[1:]:
        tables.append(read((first, REFERENCE), other, REFERENCE, "between", "same", 0))
        for draw in range(study.draws):
            name = ulp_name(draw)
            tables.append(read((first, name), other, name, "between", "ulp", draw))
    for backend in names:
        moved = read_table(study.moved_table(backend, REFERENCE))
        tables.append(_labelled(moved, "moved", backend, backend, "same", 0))
        for draw in range(study.draws):
            name = ulp_name(draw)
            tables.append(read((backend, REFERENCE), backend, name, "within", "ulp", draw))
    for change in neutral:
        if change.runtime is not None:
            reference, variant = (change.backend, REFERENCE), change.variant
            tables.append(read(reference, change.backend, variant, "within", variant, 0))
    return tables


def _labelled(table: pd.DataFrame, *values: str | int) -> pd.DataFrame:
    """With COLUMNS in front."""
    for position, (column, value) in enumerate(zip(COLUMNS, values, strict=True)):
        table.insert(position, column, value)
    return table
