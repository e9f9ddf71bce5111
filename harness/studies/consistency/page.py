"""The page of a consistency study, and consistency.json: a pure function of a study's folder."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from harness.report.formatting import listed, percent, plural
from harness.report.page import Block, Figure, Items, Note, Page, Section, Table
from harness.report.render import write_page as write
from harness.studies.consistency import tables
from harness.studies.consistency.answers import answers
from harness.studies.consistency.effects import YARDSTICK
from harness.studies.consistency.figures import figures
from harness.studies.consistency.findings import ConsistencyFindings, Study, find, load, summary
from harness.studies.consistency.floor import not_neutral


def write_page(folder: Path) -> Path:
    """Write consistency.html, .md, .json and figures; return the page's path.

    Parts that are missing are said to be missing. Raises UserError naming a damaged record.
    """
    study = load(folder)
    findings = find(study)
    drawn = figures(study, findings)
    numbers = summary(study, findings)
    return write(folder, make_page(study, findings), drawn, numbers=numbers, name="consistency")


def make_page(study: Study, findings: ConsistencyFindings) -> Page:
    texts = _texts(study)
    measured = any(row.followed or row.scores for row in findings.defaults)
    ratios = tables.ratio_table(study, findings) if findings.ratios else None
    defaults = tables.defaults_table(study, findings) if measured else None
    seeds = tables.seeds_table(study, findings) if findings.seeds else None
    same = tables.same_table(study, findings) if findings.calibrations else None
    planted = tables.planted_table(study, findings) if findings.calibrations else None
    missing = _missing(study, findings)
    bands, ratio = Figure("divergence.png", texts["bands"]), Figure("ratio.png", texts["ratio"])
    sections = (
        Section("Divergence against noise", _content(texts["divergence"], ratios, bands, ratio)),
        Section(
            "Cost of the defaults",
            _content(texts["defaults"], defaults, Figure("defaults.png", texts["chart"])),
        ),
        Section("Seeds and verdict", _content(texts["seeds"], seeds)),
        Section(
            "Calibration of the verdict",
            (*_content(texts["same"], same), *_content(texts["planted"], planted)),
        ),
        Section(
            "What could not be measured",
            (Items(missing) if missing else Note("Nothing was left out."),),
        ),
        Section("How this was made", (Note(_command(study), "command"),)),
    )
    title = "are frameworks more different than two runs of one?"
    return Page(
        f"{study.record['dataset']}: {title}",
        _about(study),
        tuple(answers(study, findings)),
        sections,
    )


def _content(note: str, table: Table | None, *figures: Figure) -> tuple[Block, ...]:
    """The note, and what has been measured of the rest."""
    if table is None:
        return Note(note), Note("Not measured; see below what is missing.", "notice")
    return Note(note), *figures, table


def _about(study: Study) -> tuple[str, ...]:
    """What was studied, a phrase each."""
    asked = study.record["options"]
    devices = {environment["device"] for environment in study.environments.values()}
    return (
        listed([study.title(name) for name in study.backends]),
        f"{asked['steps']:,} steps followed",
        f"{plural(asked['seeds'], 'seed')} a backend",
        f"{plural(asked['pairs'], 'pair')} of runs in the calibration",
        *sorted(devices),
        f"study {study.record['hash']}",
    )


def _texts(study: Study) -> dict[str, str]:
    """By section: what was done, and how to read it."""
    followed, whole = study.record["presets"].values()
    asked, first = study.record["options"], study.title(study.backends[0])
    planted = next(iter(study.experiments("planted")), "nothing")
    yardstick = ""  # how far the mere draw of images leads
    rows = [] if study.defaults is None else study.defaults.to_dict("records")
    for row in rows:
        if row["default"] == YARDSTICK.name:
            early, late = (tables.rounded(row[name]) for name in ("early_weights", "late_weights"))
            yardstick = (
                f" Drawing other images, with no default switched, leads {early} floors away early "
                f"and {late} late."
            )
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
            f"more than that.{yardstick}"
        ),
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
        "planted": f"A/B: the same with a difference planted in B: {planted}.",
    }


def _size(preset: dict[str, Any]) -> str:
    model, size = preset["model"], preset["data"]["crop_size"]
    blocks = plural(model["blocks"], "block")
    return f"{size} × {size} pixels, {model['filters']} filters, {blocks}"  # noqa: RUF001


def _missing(study: Study, findings: ConsistencyFindings) -> tuple[str, ...]:
    """What could not be measured here, and why."""
    lines = [
        f"{study.title(change['backend'])}: {change['variant']} not varied: {change['skipped']}"
        for change in study.skipped
    ]
    if study.divergence is not None:
        lines += [
            f"{study.title(bad['backend'])}: {bad['variant']} is not neutral, it changes "
            f"{percent(bad['share'])} of the first update: left out of the noise floor"
            for bad in not_neutral(study.divergence).to_dict("records")
        ]
    else:
        lines.append("Divergence: no trajectories were followed.")
    if study.defaults is None:
        lines.append("Defaults: no trajectories were followed.")
    if not findings.seeds:
        lines.append("Verdict over seeds: no two backends were scored.")
    if not any(calibration.same for calibration in findings.calibrations.values()):
        lines.append("Calibration: too few runs for one comparison.")
    planned = study.experiments("default")
    for row in findings.defaults:
        if not row.scores:
            why = "" if row.name in planned else ": it acts on a GPU only, or is in force already"
            lines.append(f"{row.name}: its effect on final scores was not measured{why}.")
    lines += [
        f"Not complete, left out of every number: {experiment}"
        for experiment in findings.unfinished
    ]
    return tuple(lines)


def _command(study: Study) -> str:
    """What made this page, for a shell."""
    asked = study.record["options"]
    words = ["cyclebench", "consistency", "--dataset", asked["dataset"]]
    words += ["--backends", ",".join(asked["backends"])]
    for name in ("steps", "seeds", "pairs"):
        words += [f"--{name}", str(asked[name])]
    if asked["data_dir"]:
        words += ["--data-dir", asked["data_dir"]]
    for override in asked["overrides"]:
        words += ["--set", override]
    return shlex.join(words)
