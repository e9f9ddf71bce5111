"""`cyclebench report` of an experiment with one record that is damaged, missing or does not fit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import spoil
from case import Arguments, Case, Place
from spoil import GONE, Spoil, arrays, cut, lines, put, replaced, text

RUN = "runs/cpu-example/torch-seed0"
LAST = f"{RUN}/evaluations/step-00000200.safetensors"
ZEROS = np.zeros((12, 32, 32, 3), np.uint8)


def spoilt(file: str, change: Spoil) -> Callable[[Place], Arguments]:
    def prepare(place: Place) -> Arguments:
        folder = place.copy(place.templates.experiment)
        change(folder / file)
        return ["report", folder]

    return prepare


def nested(depth: int) -> str:
    return '{"schema_version": 1, "a": ' + "[" * depth + "]" * depth + "}"


# What can happen to any JSON record.
ANY_JSON: tuple[tuple[str, Spoil, str], ...] = (
    ("missing", spoil.gone, "no such file; run `make compare`"),
    ("empty", text(""), "not a record of cyclebench"),
    ("cut off", cut(20), "not a record of cyclebench"),
    ("a list", text("[1]"), "no schema_version in it"),
    ("a folder", spoil.folder, "not a file"),
    ("a pipe", spoil.pipe, "not a file"),
    ("a link to itself", spoil.loop, "Too many levels"),
    ("a terabyte", spoil.terabyte, "at most"),
    ("not text", text(b'{"schema_version": 1, "a": "\xff"}'), "not a record of cyclebench"),
    ("lists in lists", text(nested(100_000)), "nested too deeply"),
    ("NaN", text('{"schema_version": 1, "a": NaN}'), "NaN is no number"),
    ("a number beyond all", text('{"schema_version": 1, "a": 1e999}'), "1e999 is no number"),
    ("5,000 digits", text(f'{{"schema_version": 1, "a": {"9" * 5000}}}'), "not a record"),
    ("half a character", text('{"schema_version": 1, "a": "\\ud800"}'), "surrogates not allowed"),
    ("of another version", put(2, "schema_version"), "schema_version 2, this cyclebench reads 1"),
    ("of the version True", put(True, "schema_version"), "schema_version True"),
    ("of no version", put(GONE, "schema_version"), "no schema_version in it"),
)

# Of one record each: file, what is wrong, how it comes about, what is said.
RECORDS: tuple[tuple[str, str, Spoil, str], ...] = (
    ("experiment.json", "no hash", put(GONE, "hash"), "hash: field required"),
    ("experiment.json", "no configuration", put(GONE, "configuration"), "configuration: field"),
    ("experiment.json", "a list for it", put([], "configuration"),
     "configuration: input should be"),
    ("experiment.json", "a size in words", put("big", "configuration", "data", "crop_size"),
     "configuration.data.crop_size: input should be a valid integer"),
    ("experiment.json", "a size of 400 digits", put(10**399, "configuration", "data", "crop_size"),
     "configuration.data.crop_size: input should be less"),
    ("experiment.json", "no size", put(GONE, "configuration", "data", "crop_size"),
     "configuration has no data.crop_size"),
    ("experiment.json", "two channels", put(2, "configuration", "data", "channels_a"),
     "channels_a"),
    ("experiment.json", "a weight in words", put("ten", "configuration", "objective", "lambda_a"),
     "configuration.objective.lambda_a: not what a configuration can have"),
    ("experiment.json", "a batch of none", put(0, "configuration", "training", "batch_size"),
     "configuration.training.batch_size"),
    ("experiment.json", "a margin below zero", put(-1, "configuration", "evaluation", "margins",
     "kid_efflite0"), "margins.kid_efflite0: input should be greater than 0"),
    ("experiment.json", "backends by number", put([1], "configuration", "backends"), "backends.0"),
    ("experiment.json", "a title that is a list", put([1], "configuration", "titles", "a"),
     "configuration.titles.a"),
    ("manifest.json", "pairs in words", put("yes", "paired"),
     "paired: input should be a valid bool"),
    ("audit.json", "no counts", put(GONE, "counts"), "counts: field required"),
    ("audit.json", "a duplicate of nothing", put({"split": "a"}, "duplicates", 0), "duplicates.0."),
    (f"{RUN}/status.json", "no state", put(GONE, "state"), "state: field required"),
    (f"{RUN}/status.json", "an unknown state", put("done", "state"), "state: input should be"),
    (f"{RUN}/status.json", "steps in words", put("200", "steps"), "steps: input should be a valid"),
    (f"{RUN}/status.json", "fewer than no steps", put(-1, "step"), "step: input should be greater"),
    (f"{RUN}/status.json", "another seed", put(7, "seed"), "torch-seed7"),
    (f"{RUN}/status.json", "a path for a backend", put("../../../evil", "backend"), "evil-seed0"),
    (f"{RUN}/status.json", "a seed of 400 digits", put(10**399, "seed"), "seed: input should be"),
    (f"{RUN}/environment.json", "no framework", put(GONE, "framework"), "no framework in it"),
    (f"{RUN}/environment.json", "no versions", put(GONE, "versions"), "no versions in it"),
    (f"{RUN}/environment.json", "a list of versions", put([1], "versions"),
     "versions: input should"),
    (f"{RUN}/environment.json", "libraries in words", put("cuDNN 9", "libraries"),
     "libraries: input should"),
    (f"{RUN}/environment.json", "a GPU by name", put("H100", "gpu"), "gpu: input should"),
    (f"{RUN}/environment.json", "a GPU with memory in words", put({"memory": "80 GB"}, "gpu"),
     "gpu.memory: input should"),
    (f"{RUN}/environment.json", "a device by number", put(3, "device"), "device: input should be"),
    (f"{RUN}/environment.json", "a device of an essay", put("x" * 9999, "device"), "at most 1000"),
    (f"{RUN}/resources.json", "no clocks", put(GONE, "clocks"), "no clocks in it"),
    (f"{RUN}/resources.json", "a clock in words", put("long", "clocks", "train"), "clocks.train"),
    (f"{RUN}/resources.json", "no memory", put(GONE, "peak_memory"), "no peak_memory in it"),
    (f"{RUN}/resources.json", "memory without bytes", put({}, "peak_memory"), "peak_memory.bytes"),
    (f"{RUN}/resources.json", "FLOPs of 400 digits", put(10**399, "flops_per_step"), "flops_per"),
    (f"{RUN}/losses.csv", "missing", spoil.gone, "losses.csv: no such file"),
    (f"{RUN}/losses.csv", "empty", text(""), "no schema_version in its first line"),
    (f"{RUN}/losses.csv", "a folder", spoil.folder, "not a file"),
    (f"{RUN}/losses.csv", "without a version", lines(lambda all: all[1:]), "no schema_version in"),
    (f"{RUN}/losses.csv", "of another version", replaced(": 1", ": 2"), "schema_version 2"),
    (f"{RUN}/losses.csv", "a head alone", lines(lambda all: all[:1]), "not a table of cyclebench"),
    (f"{RUN}/losses.csv", "its last line cut off", cut(30), "its last line is cut off"),
    (f"{RUN}/losses.csv", "cut off between lines", lines(lambda all: all[:-50]),
     "150 rows for 200"),
    (f"{RUN}/losses.csv", "a line too long", lines(lambda all: [*all[:9], all[9][:-1] + ",1\n",
     *all[10:]]), "not a table of cyclebench"),
    (f"{RUN}/losses.csv", "all lines too long", lines(lambda all: [*all[:2], *(
        line[:-1] + ",1\n" for line in all[2:])]), "does not match length of data"),
    (f"{RUN}/losses.csv", "a column missing", replaced("cycle_a", "cycle_z"), "no column cycle_a"),
    (f"{RUN}/losses.csv", "words for numbers",
     lines(lambda all: [*all[:9], "x" + all[9], *all[10:]]),
     "column 'step' has more than numbers"),
    (f"{RUN}/losses.csv", "NUL bytes", text(bytes(5000)), "no schema_version in its first line"),
    (f"{RUN}/blocks.csv", "missing", spoil.gone, "blocks.csv: no such file"),
    (f"{RUN}/blocks.csv", "its last line cut off", cut(9), "its last line is cut off"),
    (f"{RUN}/blocks.csv", "a column missing", replaced("warmup", "warm"), "no column warmup"),
    (f"{RUN}/blocks.csv", "half a step", replaced("\n10,10,", "\n10,9.5,"), "column 'steps'"),
    (f"{RUN}/blocks.csv", "no steps", replaced("\n10,10,", "\n10,0,"), "a block without steps"),
    (LAST, "missing", spoil.gone, "step-00000200.safetensors: is missing"),
    (LAST, "empty", text(""), "not an array file of cyclebench"),
    (LAST, "cut off", cut(1000), "not an array file of cyclebench"),
    (LAST, "a head of exabytes", spoil.head({}, 10**18), "not an array file of cyclebench"),
    (LAST, "a head that is no JSON", spoil.head(b"{{{{"), "not an array file of cyclebench"),
    (LAST, "a head of lists in lists", spoil.head(b"[" * 50_000),
     "not an array file of cyclebench"),
    (LAST, "an array of exabytes", spoil.head({"ab": {"dtype": "U8", "shape": [10**18],
     "data_offsets": [0, 10**18]}}), "not an array file of cyclebench"),
    (LAST, "arrays one over the other", spoil.head({name: {"dtype": "U8", "shape": [4],
     "data_offsets": [0, 4]} for name in ("ab", "ba")}, rest=bytes(4)), "not an array file"),
    (LAST, "a type that NumPy has not", spoil.head({"ab": {"dtype": "BF16", "shape": [2],
     "data_offsets": [0, 4]}}, rest=bytes(4)), "step-00000200.safetensors: "),
    (LAST, "no version", spoil.head({}), "schema_version -1"),
    (LAST, "a version in words", spoil.head({"__metadata__": {"schema_version": "one"}}), "not an"),
    (LAST, "a pipe", spoil.pipe, "not a file"),
    (LAST, "no translations", arrays(ab=None), "has no array ab"),
    (LAST, "translations of another size", arrays(ab=ZEROS[:, :16]), "not uint8 (12, 32, 32, 3)"),
    (LAST, "a translation too few", arrays(ba=ZEROS[1:]), "not uint8 (12, 32, 32, 3)"),
    (LAST, "translations in floats", arrays(aba=ZEROS.astype(np.float32)),
     "float32 (12, 32, 32, 3)"),
    (LAST, "two channels", arrays(identity_a=ZEROS[..., :2]), "for identity_a, not uint8"),
    (LAST, "scores without a number",
     arrays(patches_real_a=np.full((12, 3, 3), np.nan, np.float32)),
     "no finite scores for each image in patches_real_a"),
    (LAST, "scores of nothing", arrays(patches_fake_b=np.ones((), np.float32)),
     "in patches_fake_b"),
    ("references.safetensors", "no real images", arrays(real_b=None), "real_b is missing"),
    ("references.safetensors", "a floor of another size", arrays(floor_a=ZEROS[:, :9]), "floor_a"),
    ("references.safetensors", "a truth too few", arrays(truth_ab=ZEROS[1:]), "truth_ab is not an"),
    ("references.safetensors", "real images of none", arrays(real_a=ZEROS[:0]),
     "real_a is missing"),
)  # fmt: skip


def strange_evaluation(place: Place) -> Arguments:
    folder = place.copy(place.templates.experiment)
    file = folder / LAST
    (file.parent / "step-last.safetensors").write_bytes(file.read_bytes())
    return ["report", folder]


def without_runs(place: Place) -> Arguments:
    import shutil

    folder = place.copy(place.templates.experiment)
    shutil.rmtree(folder / "runs")
    return ["report", folder]


def renamed_run(place: Place) -> Arguments:
    folder = place.copy(place.templates.experiment)
    (folder / RUN).rename(folder / "runs/cpu-example/torch-seed0 copy")
    return ["report", folder]


def made(make: Callable[[Place], object]) -> Callable[[Place], Arguments]:
    def prepare(place: Place) -> Arguments:
        make(place)
        return ["report", place.folder / "there"]

    return prepare


FEWER = arrays(real_a=ZEROS[1:], truth_ab=None)

CASES = [
    *(
        Case(f"report: experiment.json: {name}", spoilt("experiment.json", change),
             ("experiment.json: ", says))
        for name, change, says in ANY_JSON
    ),
    *(
        Case(f"report: {file.rpartition('/')[2]}: {name}", spoilt(file, change),
             (file.rpartition("/")[2], says))
        for file, name, change, says in RECORDS
    ),
    Case("report: an evaluation of another name", strange_evaluation, ("step-last", "move it")),
    # Which of the two is wrong nobody can tell.
    Case("report: fewer real images than translations", spoilt("references.safetensors", FEWER),
         ("step-00000000.safetensors: has uint8 (12, 32, 32, 3) for ab, not uint8 (11,", "remove")),
    Case("report: no runs", without_runs, ("runs: no complete run to score", "make compare")),
    Case("report: a copied run", renamed_run, ("torch-seed0 copy/status.json: it is of",)),
    Case("report: nothing there", made(lambda place: None), ("there: no such folder",)),
    Case("report: a file", made(lambda place: (place.folder / "there").write_text("x")),
         ("there: no such folder",)),
    Case("report: an empty folder", made(lambda place: (place.folder / "there").mkdir()),
         ("there/experiment.json: no such file",)),
    Case("report: a data set", made(lambda place: place.data_set("../there")),
         ("there/experiment.json: no such file",)),
    Case("report: a link to itself",
         made(lambda place: (place.folder / "there").symlink_to("there")),
         ("there: no such folder",)),
]  # fmt: skip
