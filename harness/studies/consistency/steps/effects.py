"""Each framework default switched on in one backend: what it does to a step and to a trajectory.

Trajectory distances are in units of the noise floor: how far the same training goes when its start
is one unit in the last place away, geometric mean over draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from harness.config.experiment import Experiment
from harness.studies.consistency.defaults import DEFAULTS, Default, switched
from harness.studies.consistency.steps.distance import MEASURES
from harness.studies.consistency.steps.floor import geometric_mean, late_steps, mean_over
from harness.studies.consistency.steps.launch import Planned, Progress, run
from harness.studies.consistency.steps.setting import (
    REFERENCE,
    ULP_DRAWS,
    Images,
    TrajectorySetting,
    reference_and_ulps,
    setting,
    ulp_name,
)
from harness.system.files import read_table, write_table
from harness.system.provenance import slug

# "Early" is the first step at which the floor of the weights is above this: by then it is more
# than the rounding of the start, and far from where it saturates.
EARLY_FLOOR = 1e-5
IDENTICAL = "no effect on training: bit-identical"
BASE_DRAWS = 1
YARDSTICK = Default(
    "another draw of images",
    "the plan of one seed",
    "the plan of another; no default, a yardstick",
    (),
    redraws=True,
)


@dataclass(frozen=True)
class Effect:
    """A row of the table. Numbers are NaN where `note` says why; early and late: floor units.

    `one_step`: |update with the default - without| / |update without| of the weights at step 1; if
    the starts differ already, their relative distance. `outputs_at_start`: of the same weights,
    before any step. `acts_from`: first step at which anything differs.
    """

    default: str
    reference: str
    framework: str
    base: str
    redraws: bool
    note: str
    one_step: float
    outputs_at_start: float
    acts_from: float
    early_step: float
    early_weights: float
    early_outputs: float
    early_losses: float
    late_weights: float
    late_outputs: float
    late_losses: float


def default_effects(
    folder: Path,
    experiment: Experiment,
    images: Images,
    name: str,
    steps: int,
    report: Callable[[str], None],
    progress: Progress = lambda what, done, total: None,
    *,
    defaults: Sequence[Default] = DEFAULTS,
    draws: int = ULP_DRAWS,
    device: str = "cpu",
    threads: int | None = None,
) -> pd.DataFrame:
    """An `Effect` a default, of backend `name`, and one of YARDSTICK; strongest early effect first.

    Shares its trajectories with `divergence` where both need them. Written to `defaults.csv` in
    `folder`. Resumes and raises as `divergence`.
    """
    study = setting(folder, experiment, images, steps, draws=draws, device=device, threads=threads)
    usable = [each for each in defaults if not (each.cuda and device != "cuda")]
    for each in defaults:
        if each not in usable:
            report(f"{each.name}: not measured: it acts on a GPU only")
    planned: dict[str, Planned] = {}
    for each in (*usable, YARDSTICK):
        planned |= {one.trajectory.name: one for one in _planned(study, name, each)}
    run(list(planned.values()), study.folder, progress)
    effects = [
        _measured(study, name, each) if each in usable else _unmeasured(each) for each in defaults
    ]
    effects.append(_measured(study, name, YARDSTICK))
    table = pd.DataFrame([asdict(each) for each in effects])
    table = table.sort_values("early_weights", ascending=False, kind="stable", ignore_index=True)
    write_table(folder / "defaults.csv", table)
    return table


def effect_of(
    default: Default, distance: pd.DataFrame, moved: pd.DataFrame, draws: Sequence[pd.DataFrame]
) -> Effect:
    """From tables as distance.distances makes them.

    `distance`: from the reference with the default on; `moved`: of the reference from its start;
    `draws`: of its restarts one ulp away.
    """
    tables = [distance, moved, *draws]
    distance, moved, *draws = (each.set_index("step") for each in tables)
    floors = {
        measure: geometric_mean(pd.concat([draw[measure] for draw in draws], axis=1))
        for measure in MEASURES
    }
    steps = int(distance.index[-1])
    anything = (distance[list(MEASURES)].fillna(0) != 0).any(axis=1)
    acts_from = int(np.argmax(anything)) if anything.any() else None
    started = distance["weights"][0]
    effect = _unmeasured(default, note="")
    values: dict[str, object] = {
        "one_step": started if started > 0 else distance["weights"][1] / moved["weights"][1],
        "outputs_at_start": distance["outputs"][0],
        "note": "" if anything.any() else IDENTICAL,
        "acts_from": math.nan if acts_from is None else acts_from,
    }
    early = early_step(floors["weights"], max(acts_from or 1, 1))
    values["early_step"] = early
    for measure in MEASURES:
        units = distance[measure] / floors[measure]
        values[f"early_{measure}"] = float(units[early])
        values[f"late_{measure}"] = _mean_or_zero(units, late_steps(steps))
    return Effect(**{**asdict(effect), **values})


def early_step(floor: pd.Series, not_before: int) -> int:
    """The first step, `not_before` at the earliest, with a floor above EARLY_FLOOR; or the last."""
    late_enough = floor[floor.index >= not_before]
    above = late_enough.index[late_enough > EARLY_FLOOR]
    return int(above[0]) if len(above) else int(floor.index[-1])


def _mean_or_zero(units: pd.Series, steps: Sequence[int]) -> float:
    value = mean_over(units, steps)
    if value is not None:
        return value
    return 0.0 if (units.reindex(list(steps)) == 0).all() else math.nan


def _base(study: TrajectorySetting, default: Default) -> Experiment:
    return switched(study.experiment, (*default.base_overrides, *default.short_overrides))


def _prefix(study: TrajectorySetting, default: Default) -> str:
    """Of the names of trajectories on this default's own base."""
    if _base(study, default) == study.experiment:
        return ""
    return f"for-{slug(default.name)}-"


def _planned(study: TrajectorySetting, name: str, default: Default) -> list[Planned]:
    base, prefix = _base(study, default), _prefix(study, default)
    draws = BASE_DRAWS if prefix else study.draws
    planned = reference_and_ulps(study, name, prefix=prefix, experiment=base, draws=draws)
    experiment = switched(base, default.overrides)
    same_process = study.runtime_of(experiment) == study.runtime
    switch = study.planned(
        name,
        _name(default),
        experiment=experiment,
        base=base,
        process="default" if same_process else slug(default.name),
        plan_seed=study.seed + 1 if default is YARDSTICK else None,
        against=((name, prefix + REFERENCE),),
    )
    return [*planned, switch]


def _measured(study: TrajectorySetting, name: str, default: Default) -> Effect:
    prefix = _prefix(study, default)
    reference = (name, prefix + REFERENCE)
    draws = BASE_DRAWS if prefix else study.draws
    effect = effect_of(
        default,
        read_table(study.table(name, _name(default), reference)),
        read_table(study.moved_table(*reference)),
        [
            read_table(study.table(name, prefix + ulp_name(draw), reference))
            for draw in range(draws)
        ],
    )
    base = _base(study, default)
    if default is not YARDSTICK and switched(base, default.overrides) == base:
        return Effect(**{**asdict(effect), "note": "in force already"})
    return effect


def _unmeasured(default: Default, note: str = "not measured here: acts on a GPU only") -> Effect:
    numbers = dict.fromkeys(
        (field for field, kind in Effect.__annotations__.items() if kind == "float"), math.nan
    )
    return Effect(
        default=default.name,
        reference=default.reference,
        framework=default.framework,
        base=" ".join((*default.base_overrides, *default.short_overrides)),
        redraws=default.redraws,
        note=note,
        **numbers,
    )


def _name(default: Default) -> str:
    return f"switched-{slug(default.name)}"
