"""Each framework default switched on in one backend: its effect on a step and on a trajectory.

Trajectory distances are in units of the noise floor: how far the same training goes when its start
is one unit in the last place away, geometric mean over draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from harness.config.experiment import Experiment
from harness.studies.consistency.defaults import DEFAULTS, Default, switched
from harness.studies.consistency.floor import geometric_mean, late_steps, mean_over
from harness.studies.consistency.launch import (
    REFERENCE,
    ULP_DRAWS,
    Images,
    Planned,
    Progress,
    TrajectorySetting,
    reference_and_ulps,
    run,
    setting,
    ulp_name,
)
from harness.studies.consistency.trajectory import MEASURES, SEED
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
    one_step: float = math.nan
    outputs_at_start: float = math.nan
    acts_from: float = math.nan
    early_step: float = math.nan
    early_weights: float = math.nan
    early_outputs: float = math.nan
    early_losses: float = math.nan
    late_weights: float = math.nan
    late_outputs: float = math.nan
    late_losses: float = math.nan


def default_effects(
    folder: Path,
    experiment: Experiment,
    images: Images,
    name: str,
    steps: int,
    report: Callable[[str], None],
    progress: Progress,
    *,
    defaults: Sequence[Default] = DEFAULTS,
    device: str = "cpu",
    threads: int | None = None,
) -> pd.DataFrame:
    """An `Effect` a default, of backend `name`, and one of YARDSTICK; strongest early effect first.

    Shares its trajectories with `divergence` where both need them. Written to `defaults.csv` in
    `folder`. Resumes and raises as `divergence`.
    """
    study = setting(
        folder, experiment, images, steps, backends=(name,), device=device, threads=threads
    )
    unusable = [default for default in defaults if default.cuda and device != "cuda"]
    for default in unusable:
        report(f"{default.name}: not measured: it acts on a GPU only")
    planned: dict[str, Planned] = {}
    for default in (*defaults, YARDSTICK):
        if default not in unusable:
            planned |= {one.trajectory.name: one for one in _planned(study, name, default)}
    run(list(planned.values()), study.folder, progress)
    effects = [
        _effect(default, "not measured here: acts on a GPU only")
        if default in unusable
        else _measured(study, name, default)
        for default in (*defaults, YARDSTICK)
    ]
    table = pd.DataFrame([asdict(effect) for effect in effects])
    table = table.sort_values("early_weights", ascending=False, kind="stable", ignore_index=True)
    write_table(folder / "defaults.csv", table)
    return table


def _base(study: TrajectorySetting, default: Default) -> tuple[Experiment, str, int]:
    """What the default is compared with, the prefix of its trajectories' names, its restarts."""
    base = switched(study.experiment, (*default.base_overrides, *default.short_overrides))
    if base == study.experiment:
        return base, "", ULP_DRAWS
    return base, f"for-{slug(default.name)}-", BASE_DRAWS


def _planned(study: TrajectorySetting, name: str, default: Default) -> list[Planned]:
    base, prefix, draws = _base(study, default)
    experiment = switched(base, default.overrides)
    same_process = study.runtime_of(experiment) == study.runtime_of(study.experiment)
    return [
        *reference_and_ulps(study, name, prefix=prefix, experiment=base, draws=draws),
        study.planned(
            name,
            f"switched-{slug(default.name)}",
            experiment=experiment,
            base=base,
            process="default" if same_process else slug(default.name),
            plan_seed=SEED + 1 if default is YARDSTICK else SEED,
            against=((name, prefix + REFERENCE),),
        ),
    ]


def _measured(study: TrajectorySetting, name: str, default: Default) -> Effect:
    base, prefix, draws = _base(study, default)
    reference = (name, prefix + REFERENCE)
    effect = effect_of(
        default,
        read_table(study.table(name, f"switched-{slug(default.name)}", reference)),
        read_table(study.moved_table(*reference)),
        [
            read_table(study.table(name, prefix + ulp_name(draw), reference))
            for draw in range(draws)
        ],
    )
    in_force = default is not YARDSTICK and switched(base, default.overrides) == base
    return replace(effect, note="in force already") if in_force else effect


def effect_of(
    default: Default, distance: pd.DataFrame, moved: pd.DataFrame, draws: Sequence[pd.DataFrame]
) -> Effect:
    """From tables as trajectory.distances makes them.

    `distance`: from the reference with the default on; `moved`: of the reference from its start;
    `draws`: of its restarts one ulp away.
    """
    distance, moved, *draws = (table.set_index("step") for table in (distance, moved, *draws))
    floors = {
        measure: geometric_mean(pd.concat([draw[measure] for draw in draws], axis=1))
        for measure in MEASURES
    }
    acting = (distance[list(MEASURES)].fillna(0) != 0).any(axis=1)
    acts_from = int(np.argmax(acting)) if acting.any() else None
    started = distance["weights"][0]
    early = early_step(floors["weights"], max(acts_from or 1, 1))
    late = late_steps(int(distance.index[-1]))
    numbers = {
        "one_step": started if started > 0 else distance["weights"][1] / moved["weights"][1],
        "outputs_at_start": distance["outputs"][0],
        "acts_from": math.nan if acts_from is None else acts_from,
        "early_step": early,
    }
    for measure in MEASURES:
        units = distance[measure] / floors[measure]
        numbers[f"early_{measure}"] = float(units[early])
        mean = mean_over(units, late)
        if mean is None:
            mean = 0.0 if (units.reindex(late) == 0).all() else math.nan
        numbers[f"late_{measure}"] = mean
    return _effect(default, "" if acting.any() else IDENTICAL, **numbers)


def early_step(floor: pd.Series, not_before: int) -> int:
    """The first step, `not_before` at the earliest, with a floor above EARLY_FLOOR; or the last."""
    late_enough = floor[floor.index >= not_before]
    above = late_enough.index[late_enough > EARLY_FLOOR]
    return int(above[0]) if len(above) else int(floor.index[-1])


def _effect(default: Default, note: str, **numbers: float) -> Effect:
    return Effect(
        default=default.name,
        reference=default.reference,
        framework=default.framework,
        base=" ".join((*default.base_overrides, *default.short_overrides)),
        redraws=default.redraws,
        note=note,
        **numbers,
    )
