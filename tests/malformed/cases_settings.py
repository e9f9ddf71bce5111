"""Settings on the command line, and files of studies: wrong types and keys, bombs, huge numbers."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from case import Arguments, Case, Place

DIGITS = "9" * 400
HEX = "0x" + "f" * 5000  # of which Python will not even write the digits
BOMB = "[&a [x,x,x,x,x,x,x,x,x], " + ", ".join(
    f"&{new} [{', '.join(9 * [f'*{old}'])}]" for old, new in zip("abcdefgh", "bcdefghi",
     strict=True)
) + "]"  # fmt: skip

SETTINGS: tuple[tuple[str, str, str], ...] = (
    ("an unknown key", "model.blokcs=1", "model.blokcs: unknown key 'blokcs'; allowed: generator"),
    ("an unknown section", "modle.blocks=1", "modle: unknown key 'modle'; allowed: data, model"),
    ("no section", "blocks=1", "write section.key=value"),
    ("no value", "model.blocks", "write section.key=value"),
    ("a key of many parts", f"{'a.' * 5000}b=1", "write section.key=value"),
    ("an empty key", "model.=1", "model.: unknown key ''"),
    ("a word for a number", "model.blocks=many", "model.blocks: input should be a valid integer"),
    (
        "a fraction for a number",
        "model.blocks=2.5",
        "model.blocks: input should be a valid integer",
    ),
    ("a list for a number", "model.blocks=[1]", "model.blocks: input should be a valid integer"),
    ("a date for a number", "model.blocks=2024-01-02", "model.blocks: input should be"),
    ("nothing for a number", "model.blocks=", "model.blocks: input should be a valid integer"),
    ("a number for a section", "model.norm=3", "model.norm: input should be a valid dictionary"),
    ("a section for a number", "model.blocks={a: 1}", "model.blocks: input should be"),
    ("a choice that is none", "runtime.precision=float8", "runtime.precision: input should be"),
    ("a number below zero", "model.blocks=-1", "model.blocks: input should be greater"),
    ("400 digits", f"model.filters={DIGITS}", "model.filters: input should be less than or equal"),
    ("400 digits for a weight", f"objective.lambda_a={DIGITS}", "objective.lambda_a: "),
    ("5,000 digits", f"model.blocks={'9' * 5000}", "is not a YAML value"),
    ("5,000 hexadecimal digits", f"model.blocks={HEX}", "model.blocks: "),
    ("a billion blocks", "model.blocks=1000000000", "less than or equal to 1000, got 1000000000"),
    ("a billion halvings", "model.depth=1000000000", "model.depth: input should be less than"),
    ("a billion layers", "model.discriminator_layers=1000000000", "discriminator_layers: input"),
    ("a billion pixels", "data.crop_size=1000000000", "data.crop_size: input should be less"),
    ("a billion epochs", "training.epochs_decay=1000000000", "epochs_decay: input should be less"),
    ("too many steps", "training.steps_per_epoch=100000000", "training.steps_per_epoch: 100000000"),
    ("a billion seconds", "timing.patience_seconds=1000000000", "timing.patience_seconds: input"),
    ("NaN", "optimiser.learning_rate=.nan", "optimiser.learning_rate: input should be a finite"),
    ("NaN for a weight", "objective.identity=.nan", "objective.identity: input should be"),
    ("NaN for a fraction", "optimiser.beta1=.nan", "optimiser.beta1: input should be"),
    ("infinity", "optimiser.epsilon=.inf", "optimiser.epsilon: input should be a finite"),
    ("infinity in digits", "objective.lambda_b=1.0e+400", "objective.lambda_b: input should be"),
    ("a margin that is none", "evaluation.margins.fid=.nan", "evaluation.margins.fid: input"),
    ("an unknown margin", "evaluation.margins.lpips=1", "missing or unknown: ['lpips']"),
    ("a list left open", "model.blocks=[1", "is not a YAML value"),
    ("lists in lists", "model.blocks=" + "[" * 5000, "nested too deeply"),
    ("aliases that multiply", f"model.blocks={BOMB}", "aliases (*name) are not allowed"),
    ("an object", "model.blocks=!!python/object/apply:os.system [ls]", "is not a YAML value"),
    ("no truth", "data.flip=!!bool perhaps", "is not a YAML value"),
    ("no digits", 'model.blocks=!!int ""', "is not a YAML value"),
    ("no time", "model.blocks=!!timestamp now", "is not a YAML value"),
    ("a key twice", "model.norm={kind: batch, kind: none}", "key 'kind' comes twice"),
    ("a megabyte", f"model.blocks={'1' * 120_000}", "at most 100,000 are read"),
    ("a control character", "model.generator=\x1b[2J", "is not a YAML value"),
    ("sizes that do not fit", "data.crop_size=40", "data.crop_size: 40 is larger than data.load"),
)


def setting(text: str) -> Callable[[Place], Arguments]:
    return lambda place: ["models", "--preset", "smoke", "--set", text]


HEAD = "description: x\npreset: smoke\n"
GRID = HEAD + "grid: {model.blocks: [1, 2]}\n"
MANY = ", ".join(f"a{number}: 0" for number in range(9000))

STUDIES: tuple[tuple[str, str, str], ...] = (
    ("nothing", "", "a study is a mapping"),
    ("a list", "- 1\n", "a study is a mapping"),
    ("cut off", GRID[:-8], "not YAML"),
    ("no grid", HEAD, "grid: field required"),
    ("an unknown key", GRID + "gird: 3", "gird: unknown key 'gird'; allowed: description"),
    ("a key twice", GRID + "preset: quick", "key 'preset' comes twice"),
    ("a number for a list", GRID + "seeds: 3", "seeds: input should be a valid"),
    ("a seed of 400 digits", GRID + f"seeds: [{DIGITS}]", "seeds.0: input should be less than"),
    ("a seed that is NaN", GRID + "seeds: [.nan]", "seeds.0: input should be a valid integer"),
    ("a value of 5,000 digits", HEAD + f"grid: {{model.blocks: [{'9' * 5000}]}}", "not YAML"),
    ("a value too large to show", HEAD + f"grid: {{model.blocks: [1, {HEX}]}}",
     "grid.model.blocks"),
    ("a value that is NaN", HEAD + "grid: {optimiser.beta1: [.nan]}", "optimiser.beta1: input"),
    ("a list for a value", HEAD + "grid: {model.blocks: [[[1]]]}", "a number, a text, true"),
    ("aliases that multiply", HEAD + f"grid: {{model.blocks: {BOMB}}}", "aliases (*name) are not"),
    ("lists in lists", HEAD + "grid: " + "[" * 5000, "nested too deeply"),
    ("nine thousand keys", HEAD + f"grid: {{{MANY}}}", "grid.a0"),
    ("thousands of cells", HEAD + "grid: {training.batch_size: " + str(list(range(1, 9999))) + "}",
     "cells; at most 100 are allowed"),
    ("a preset of the file system", GRID.replace("smoke", "../../etc/passwd"),
     "preset '../../etc/passwd': unknown"),
    ("an unknown backend", GRID + "backends: [mxnet]", "backends: 'mxnet' is unknown; any of"),
    ("an unknown metric", GRID + "report: {metrics: [lpips]}", "'lpips' is unknown; any of"),
    ("an object", "description: !!python/object/apply:os.system [ls]\n", "not YAML"),
    ("a NUL byte", GRID + "dataset: \0", "not YAML"),
    ("a data set with a NUL byte", GRID + 'dataset: "a\\0b"', "not a known data set"),
    ("a data set of half a character", GRID + 'dataset: "\\ud800"', "not a known data set"),
    ("an endless text", GRID + "# " + "x" * 120_000, "at most 100,000 are read"),
)  # fmt: skip


def study(text: str) -> Callable[[Place], Arguments]:
    def prepare(place: Place) -> Arguments:
        (place.folder / "a.yaml").write_text(text, encoding="utf-8")
        return ["study", place.folder / "a.yaml", "--results", place.results]

    return prepare


def study_that_is(make: Callable[[Path], object]) -> Callable[[Place], Arguments]:
    def prepare(place: Place) -> Arguments:
        make(place.folder / "a.yaml")
        return ["study", place.folder / "a.yaml", "--results", place.results]

    return prepare


def terabyte(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**40)


CASES = [
    *(Case(f"setting: {name}", setting(text), (says,)) for name, text, says in SETTINGS),
    *(Case(f"study: {name}", study(text), (says,)) for name, text, says in STUDIES),
    Case("study: no file", study_that_is(lambda path: None), ("a.yaml: cannot be read (No such",)),
    Case("study: a folder", study_that_is(Path.mkdir), ("a.yaml: cannot be read (not a file)",)),
    Case("study: a pipe", study_that_is(os.mkfifo), ("a.yaml: cannot be read (not a file)",)),
    Case("study: a link to itself", study_that_is(lambda path: path.symlink_to("a.yaml")),
         ("a.yaml: cannot be read (Too many levels",)),
    Case("study: a terabyte", study_that_is(terabyte), ("a.yaml: cannot be read", "at most")),
    Case("study: not text", study_that_is(lambda path: path.write_bytes(b"\xff\xfe\x00")),
         ("not text in UTF-8",)),
    Case("study: unknown", lambda place: ["study", "nope"], ("study 'nope': unknown; one of",)),
]  # fmt: skip
