"""Sentences of a study's page: what was done, how to read it, what is not there."""

from __future__ import annotations

from typing import Any

from harness.report.formatting import listed, percent, plural
from harness.studies.consistency.page.findings import ConsistencyFindings, Study
from harness.studies.consistency.page.tables import rounded
from harness.studies.consistency.steps.effects import YARDSTICK
from harness.studies.consistency.steps.floor import not_neutral


def about(study: Study) -> tuple[str, ...]:
    """What was studied, a phrase each."""
    asked = study.record["options"]
    parts = [listed([study.title(name) for name in study.backends])]
    parts += [f"{asked['steps']:,} steps followed", f"{plural(asked['seeds'], 'seed')} a backend"]
    parts.append(f"{plural(asked['pairs'], 'pair')} of runs in the calibration")
    devices = {environment["device"] for environment in study.environments.values()}
    return (*parts, *sorted(devices), f"study {study.record['hash']}")


def texts(study: Study) -> dict[str, str]:
    """By section."""
    followed, whole = study.record["presets"].values()
    asked, first = study.record["options"], study.title(study.backends[0])
    return {
        "divergence": (
            f"Same start, same images in the same order, networks of preset {followed['preset']} "
            f"({_size(followed)}). The difference between the frameworks is compared with the "
            "noise floor: how far one framework moves from itself after a change that is "
            "mathematically neutral, such as initial weights changed by one unit in the last "
            "place, one thread in place of all, or other kernels or memory layouts. Differences "
            "are relative. Biases before a norm are left out: rounding moves them, and they change "
            "no output."
        ),
        "bands": "Black: between frameworks. Bands: one framework and itself.",
        "ratio": "1: the difference equals the noise floor. Late, all differences are saturated.",
        "defaults": (
            f"Each default switched on alone in {first}. Final scores: "
            f"{plural(asked['default_seeds'], 'whole run')} of preset {whole['preset']} against "
            "all reference runs, in standard deviations over seeds of the reference; the bounds "
            "hold at 95 % for all metrics of all defaults together (Bonferroni; variance pooled, "
            "or the default's own where that is larger). First update and trajectory: networks of "
            "the same preset, distance of weights from the reference run, in noise floors: the "
            "distance after a change of the start by one unit in the last place. A default that "
            "changes which images are drawn, or the start, is another draw: its distance says no "
            f"more than that. {_yardstick(study)}"
        ).strip(),
        "chart": (
            "Ranked by the largest effect on a final score. "
            "Grey: not distinguishable from seed noise."
        ),
        "seeds": (
            f"{plural(asked['seeds'], 'run')} of preset {whole['preset']} ({_size(whole)}) a "
            "backend, paired: same initial weights and plan. Intervals are 95 % t intervals over "
            "seeds. Last column: the variance of these differences over that of two runs of "
            f"{first} with different seeds; around 1, frameworks differ as two seeds do (95 % F "
            "interval)."
        ),
        "same": (
            f"A/A: runs of {first} against others of it with other seeds, "
            f"{plural(asked['seeds'], 'pair')} a comparison. Rates are means over many ways to "
            "pair the runs; their intervals (Clopper-Pearson, 95 %) are those of as many "
            "comparisons as share no run."
        ),
        "planted": f"A/B: the same with a difference planted in B: {_planted(study)}.",
    }


def missing(study: Study, findings: ConsistencyFindings) -> tuple[str, ...]:
    """What could not be measured here, and why."""
    said = [
        f"{study.title(each['backend'])}: {each['variant']} not varied: {each['skipped']}"
        for each in study.skipped
    ]
    if study.divergence is not None:
        said += [
            f"{study.title(bad['backend'])}: {bad['variant']} is not neutral, it changes "
            f"{percent(bad['share'])} of the first update: left out of the noise floor"
            for bad in not_neutral(study.divergence).to_dict("records")
        ]
    else:
        said.append("Divergence: no trajectories were followed.")
    if study.defaults is None:
        said.append("Defaults: no trajectories were followed.")
    if not findings.seeds:
        said.append("Verdict over seeds: no two backends were scored.")
    if not any(each.same for each in findings.calibrations.values()):
        said.append("Calibration: too few runs for one comparison.")
    said += [
        f"{row.name}: its effect on final scores was not measured{_why(study, row.name)}."
        for row in findings.defaults
        if not row.scores
    ]
    lacking = [f"Not complete, left out of every number: {each}" for each in findings.unfinished]
    return (*said, *lacking)


def _why(study: Study, default: str) -> str:
    if default in study.experiments("default"):
        return ""
    return ": it acts on a GPU only, or is in force already"


def _yardstick(study: Study) -> str:
    """How far the mere draw of images leads."""
    table = study.defaults
    if table is None or not (table["default"] == YARDSTICK.name).any():
        return ""
    rows = table[table["default"] == YARDSTICK.name]
    early, late = (rounded(rows[name].iloc[0]) for name in ("early_weights", "late_weights"))
    return (
        f"Drawing other images, with no default switched, leads {early} floors away early and "
        f"{late} late."
    )


def _planted(study: Study) -> str:
    return next(iter(study.experiments("planted")), "nothing")


def _size(preset: dict[str, Any]) -> str:
    model, size = preset["model"], preset["data"]["crop_size"]
    blocks = plural(model["blocks"], "block")
    return f"{size} × {size} pixels, {model['filters']} filters, {blocks}"  # noqa: RUF001
