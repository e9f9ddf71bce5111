"""`cyclebench report A B` and `cyclebench regress`: folders that do not belong together."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import spoil
from case import Arguments, Case, Place
from spoil import GONE, Spoil, put, text

RUN = "runs/cpu-example/torch-seed0"


def two(place: Place) -> tuple[Path, Path]:
    """Of one experiment, with the same runs."""
    first = place.copy(place.templates.experiment)
    return first, Path(shutil.copytree(first, place.results / "other"))


def of_two(file: str, change: Spoil, *command: str) -> Callable[[Place], Arguments]:
    """The second is spoilt."""

    def prepare(place: Place) -> Arguments:
        first, other = two(place)
        change(other / file)
        return [*command, other, first] if command[0] == "regress" else [*command, first, other]

    return prepare


def beside(*more: str) -> Callable[[Place], Arguments]:
    """Both are good; `more` names paths with {first} and {results}."""

    def prepare(place: Place) -> Arguments:
        first, other = two(place)
        (place.results / "file").write_text("mine")
        (place.results / "full").mkdir()
        (place.results / "full/notes.txt").write_text("mine")
        here = {"first": first, "other": other, "results": place.results}
        return [each.format(**here) for each in more]

    return prepare


def unfinished(command: str) -> Callable[[Place], Arguments]:
    def prepare(place: Place) -> Arguments:
        folders = two(place)
        for folder in folders:
            for status in folder.glob("runs/*/*/status.json"):
                put("interrupted", "state")(status)
        return [command, *folders]

    return prepare


def without_records(*command: str) -> Callable[[Place], Arguments]:
    def prepare(place: Place) -> Arguments:
        first, _ = two(place)
        return [*command, first, place.templates.bench]

    return prepare


MARGIN = ("configuration", "evaluation", "margins", "cycle_ssim")
RATE = ("configuration", "optimiser", "learning_rate")
REPORT = ("report", "{first}", "{other}", "--to")
REGRESS = ("regress", "{first}", "{other}")

# What is wrong, file, how it comes about, what `report` says, what `regress` says.
SPOILT: tuple[tuple[str, str, Spoil, str, str], ...] = (
    ("another configuration", "experiment.json", put(1e-4, *RATE),
     "configuration.optimiser.learning_rate 0.0002 (now 0.0001)",
     "optimiser.learning_rate 0.0002 (now 0.0001)"),
    ("another margin", "experiment.json", put(0.5, *MARGIN),
     "configuration.evaluation.margins.cycle_ssim", "evaluation.margins.cycle_ssim"),
    ("other images", "manifest.json", put("e" * 64, "digest"), "digest of manifest.json",
     "digest of manifest.json"),
    ("no configuration", "experiment.json", put(GONE, "configuration"), "no configuration in it",
     "configuration: field required"),
    ("a damaged status", f"{RUN}/status.json", text("{"), "not a record of cyclebench",
     "not a record of cyclebench"),
    ("no blocks", f"{RUN}/blocks.csv", spoil.gone, "blocks.csv: no such file",
     "blocks.csv: no such file"),
)  # fmt: skip

CASES = [
    *(
        Case(f"merge: {name}", of_two(file, change, "report"), (said,))
        for name, file, change, said, _ in SPOILT
    ),
    *(
        Case(f"regress: {name}", of_two(file, change, "regress"), (said,))
        for name, file, change, _, said in SPOILT
    ),
    Case("merge: no digest of the images", of_two("manifest.json", put(GONE, "digest"), "report"),
         ("manifest.json: no digest in it",)),
    Case("merge: damaged sums", of_two(f"{RUN}/sums.json", text("[]"), "report"),
         ("sums.json: not a record",)),
    Case("merge: a damaged evaluation",
         of_two(f"{RUN}/evaluations/step-00000200.safetensors", text("x"), "report"),
         ("step-00000200.safetensors: not an array file",)),
    Case("merge: one folder twice", beside("report", "{first}", "{first}"), ("given twice",)),
    Case("merge: one folder by two names", beside("report", "{first}", "{other}/../experiment"),
         ("given twice",)),
    Case("merge: no experiment", without_records("report"), ("experiment.json: no such file",)),
    Case("merge: nothing there", beside("report", "{first}", "{results}/none"),
         ("experiment.json: no such file",)),
    Case("merge: nothing complete", unfinished("report"), ("no complete run in any",)),
    Case("merge: into a source", beside(*REPORT, "{first}"), ("give another --to",)),
    Case("merge: inside a source", beside(*REPORT, "{first}/merged"), ("in, or around,",)),
    Case("merge: around a source", beside(*REPORT, "{results}"), ("in, or around,",)),
    Case("merge: over a file", beside(*REPORT, "{results}/file"), ("something else",)),
    Case("merge: below a file", beside(*REPORT, "{results}/file/x"), ("cannot write there",)),
    Case("merge: over a folder of something else", beside(*REPORT, "{results}/full"),
         ("something else",)),
    Case("regress: a bench with an experiment", beside(*REGRESS[:2], "{results}/file"),
         ("file: not a record",)),
    Case("regress: nothing there", beside(*REGRESS[:2], "{results}/none"),
         ("experiment.json: no such file",)),
    Case("regress: nothing complete", unfinished("regress"), ("no complete run in it",)),
    Case("regress: one folder", beside(*REGRESS[:2]), ("required: BASELINE",)),
    Case("regress: two days", beside(*REGRESS, "{first}"), ("two days of a baseline",)),
    Case("regress: a limit of five", beside(*REGRESS, "--time", "5"), ("5% or 0.05",)),
    Case("regress: a limit below zero", beside(*REGRESS, "--memory=-1%"), ("5% or 0.05",)),
    Case("regress: an unknown metric", beside(*REGRESS, "--scores", "kid"),
         ("--scores kid: no such metric", "kid_efflite0")),
    Case("regress: a metric nobody scored", beside(*REGRESS, "--scores", "fid"),
         ("--scores fid: not scored in both", "cycle_psnr")),
    Case("regress: an unknown key", beside(*REGRESS, "--allow", "model.colour"),
         ("--allow model.colour: no such key",)),
]  # fmt: skip
