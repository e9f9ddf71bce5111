"""Pages of studies, benches and scaling runs with a record that is damaged or does not fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import spoil
from case import Arguments, Case, Place
from spoil import GONE, Spoil, cut, put, text

START = ("starts", 0)
SIDE = (*START, "sides", 0)


def of_study(file: str, change: Spoil) -> Callable[[Place], Arguments]:
    def prepare(place: Place) -> Arguments:
        results = place.copy(place.templates.study)
        (folder,) = (results / "studies").iterdir()
        change((results if file.startswith("cell") else folder) / file)
        return ["report", folder]

    return prepare


def of_bench(change: Spoil) -> Callable[[Place], Arguments]:
    def prepare(place: Place) -> Arguments:
        folder = place.copy(place.templates.bench)
        change(folder / "one.json")
        return ["report", folder]

    return prepare


def of_scaling(change: Spoil) -> Callable[[Place], Arguments]:
    def prepare(place: Place) -> Arguments:
        change(place.copy(place.templates.scaling) / "one.json")
        return ["scaling", "--report-only", "--results", place.results]

    return prepare


STUDIES: tuple[tuple[str, str, Spoil, str], ...] = (
    ("study.json", "cut off", cut(40), "study.json: not a record of cyclebench"),
    ("study.json", "no name", put(GONE, "name"), "name: field required"),
    ("study.json", "no cells", put([], "cells"), "cells: tuple should have at least 1 item"),
    ("study.json", "a cell missing", put(GONE, "cells", 0), "cells: not one for each choice"),
    ("study.json", "a label that is none", put(["7"], "cells", 0, "labels"), "cells.0.labels"),
    ("study.json", "an absolute path", put("/etc", "cells", 0, "folder"), "it must be relative"),
    ("study.json", "a path by number", put(3, "cells", 0, "folder"),
     "cells.0.folder: input is not a valid path"),
    ("study.json", "no parameters", put({}, "cells", 0, "parameters"), "parameters: of no network"),
    ("study.json", "an axis that is none", put("model.depth", "report", "x"), "report.x: no axis"),
    ("study.json", "a baseline that is none", put("7", "report", "baseline"),
     "report.baseline: no"),
    ("study.json", "an unknown metric", put(["lpips"], "report", "metrics"), "report.metrics: not"),
    ("study.json", "seeds in words", put("0,1", "seeds"), "seeds: input should be a valid tuple"),
    ("study.json", "a seed of 400 digits", put([10**399], "seeds"), "seeds.0: input should be"),
    ("study.json", "a million labels", put([str(n) for n in range(10**6)], "axes", 0, "labels"),
     "axes.0.labels: tuple should have at most 100 items"),
    ("cell-0/metrics.json", "no value", put(GONE, "scores", 0, "value"), "scores.0.value: field"),
    ("cell-0/metrics.json", "a value in words", put("low", "scores", 0, "value"), "scores.0.value"),
    ("cell-0/metrics.json", "an unknown metric", put("lpips", "scores", 0, "metric"),
     "metric 'lpips' is not known; use the version"),
    ("cell-0/metrics.json", "a list for it", text('{"schema_version": 1, "scores": 3}'),
     "scores: "),
    ("cell-0/metrics.json", "one backend's difference",
     put(["torch"], "differences", 0, "backends"),
     "differences.0.backends"),
    ("cell-0/experiment.json", "missing a hash", put(GONE, "hash"), "experiment.json: hash: field"),
    ("cell-0/runs/cpu-example/tf-seed0/losses.csv", "cut off", cut(5), "losses.csv: not a table"),
    ("cell-0/runs/cpu-example/tf-seed0/status.json", "empty", text(""),
     "status.json: not a record"),
)  # fmt: skip

BENCHES: tuple[tuple[str, Spoil, str], ...] = (
    ("empty", text(""), "not a record of cyclebench"),
    ("cut off", cut(500), "not a record of cyclebench"),
    ("something else", text('{"schema_version": 1}'), "not a record of `cyclebench bench`"),
    ("of another kind", put("grid", "kind"), "kind is 'grid'"),
    ("without starts", put([], "starts"), "starts: Tuple should have at least 1 item"),
    ("with starts by number", put(3, "starts"), "not a record of `cyclebench bench`"),
    ("with one side", put([], *START, "sides"), "not a record of `cyclebench bench`"),
    ("with a time in words", put("fast", *SIDE, "seconds_per_step", 3), "a valid number"),
    ("with digits for times", put("12345678", *SIDE, "seconds_per_step"), "a valid tuple"),
    ("with a time below zero", put(-1, *SIDE, "seconds_per_step", 3), "greater than or equal"),
    ("with a time of 400 digits", put(10**399, *SIDE, "seconds_per_step", 3), "seconds_per_step.3"),
    ("with a time of nothing", put(1e-300, *SIDE, "seconds_per_step", 3), "greater than or equal"),
    ("without versions", put(None, *SIDE, "environment", "versions"), "environment.versions: "),
    ("with memory in words", put("much", *SIDE, "memory", "bytes"), "memory.bytes: "),
    ("with memory of a kind", put(3, *SIDE, "memory", "kind"), "memory.kind: "),
    ("with threads in words", put("2", "threads"), "threads: "),
    ("with a true thread", put(True, "threads"), "threads: "),
    ("with a batch in words", put("1", "configuration", "training", "batch_size"), "batch_size: "),
    ("with pieces that take no time", put({phase: [0.0] for phase in (
        "host", "generators_forward", "generators_backward", "discriminators", "optimisers")},
        *SIDE, "phases"), "phases: they take no time"),
    ("with operations of none", put({phase: {"flops": 0, "bytes": 0} for phase in (
        "host", "generators_forward", "generators_backward", "discriminators", "optimisers")},
        "costs"), "costs.flops: 0 in all"),
    ("with energy from a list", put([1], "energy_source"), "energy_source: "),
    ("with a device by number", put(3, "device"), "device: "),
    ("a pipe", spoil.pipe, "not a file"),
)  # fmt: skip

SCALING: tuple[tuple[str, Spoil, str], ...] = (
    ("cut off", cut(500), "not a record of cyclebench"),
    ("of another kind", put("bench", "kind"), "not a record of `cyclebench scaling`"),
    ("a path for a digest", put("../../evil", "digest"), "damaged (digest: "),
    ("no backends", put([], "backends"), "damaged (backends: "),
    ("a time below zero", put(-1.0, "points", 0, "sides", 0, "seconds_per_step", 0),
     "points.0.sides"),
    ("a point of no axis", put("depth", "points", 1, "axis"), "damaged ("),
    ("an unknown key", put(1, "extra"), "damaged (extra: "),
)  # fmt: skip


def no_scaling(place: Place) -> Arguments:
    return ["scaling", "--report-only", "--results", place.results]


def before_a_bench(place: Place) -> Arguments:
    """Minutes of timing are not begun for a page that cannot be made."""
    folder: Path = place.copy(place.templates.bench)
    cut(500)(folder / "one.json")
    return ["bench", "--preset", "smoke", "--results", place.results]


CASES = [
    *(
        Case(f"study page: {file.rpartition('/')[2]}: {name}", of_study(file, change), (says,))
        for file, name, change, says in STUDIES
    ),
    *(
        Case(f"bench page: {name}", of_bench(change), ("one.json: ", says))
        for name, change, says in BENCHES
    ),
    *(
        Case(f"scaling page: {name}", of_scaling(change), ("one.json: ", says))
        for name, change, says in SCALING
    ),
    Case(
        "scaling page: no records", no_scaling, ("scaling: no records of scaling", "make scaling")
    ),
    Case("bench: a damaged record beside it", before_a_bench, ("one.json: not a record",)),
]
