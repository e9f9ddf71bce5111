"""`cyclebench translate`, `export`, `score`: models, images and folders that do not do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import spoil
from case import Arguments, Case, Place, png_head
from datasets_helpers import picture, png
from spoil import GONE, Spoil, arrays, cut, put, text

RUN = "runs/cpu-example/torch-seed0"
NAN = np.full((3,), np.nan, np.float32)


def image(place: Place) -> Path:
    path = place.folder / "in" / "a.png"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(png(picture(7)))
    return path


def typed(*more: str | Path, command: str = "translate") -> Callable[[Place], Arguments]:
    """A sound model, and a sound image."""

    def prepare(place: Place) -> Arguments:
        run, given = place.copy(place.templates.trained) / RUN, image(place)
        return [command, run, *([given] if command == "translate" else []), "--to", "out", *more]

    return prepare


def spoilt(
    file: str, change: Spoil, name: str = RUN, command: str = "translate"
) -> Callable[[Place], Arguments]:
    """Something of a sound model is damaged."""

    def prepare(place: Place) -> Arguments:
        folder, given = place.copy(place.templates.trained), image(place)
        change(folder / file)
        return [command, folder / name, *([given] if command == "translate" else []), "--to", "out"]

    return prepare


def of_image(change: Callable[[Path], object]) -> Callable[[Place], Arguments]:
    """A folder with a sound image and another one."""

    def prepare(place: Place) -> Arguments:
        folder = image(place).parent
        (folder / "z.png").write_bytes(png(picture(8)))
        change(folder / "z.png")
        return ["translate", place.copy(place.templates.trained) / RUN, folder, "--to", "out"]

    return prepare


def there(make: Callable[[Path], object], to: str = "out") -> Callable[[Place], Arguments]:
    """Something is where the translations are to go."""

    def prepare(place: Place) -> Arguments:
        make(Path("out"))
        return ["translate", place.copy(place.templates.trained) / RUN, image(place), "--to", to]

    return prepare


def exported(path: Path) -> None:
    path.mkdir()
    (path / "g_ba.onnx").write_bytes(b"mine")


def translated(path: Path) -> None:
    path.mkdir()
    (path / "a.png").write_bytes(b"mine")


def export_over(place: Place) -> Arguments:
    exported(Path("out"))
    return ["export", place.copy(place.templates.trained) / RUN, "--to", "out"]


def two_runs(place: Place) -> Arguments:
    import shutil

    folder = place.copy(place.templates.trained)
    other = folder / "runs/cpu-example/tf-seed0"
    shutil.copytree(folder / RUN, other)
    put("tf", "backend")(other / "status.json")
    return ["translate", folder, image(place), "--to", "out"]


MODELS: tuple[tuple[str, str, Spoil, str], ...] = (
    ("an interrupted run", f"{RUN}/status.json", put("interrupted", "state"),
     "interrupted at step 20 of 20; `make compare` completes it"),
    ("a damaged status", f"{RUN}/status.json", text("[]"), "status.json: not a record"),
    ("no status", f"{RUN}/status.json", spoil.gone, "no trained model there; name a run"),
    ("no experiment", "experiment.json", spoil.gone, "no trained model there; name a run"),
    ("an experiment that is cut off", "experiment.json", cut(50), "experiment.json: not a record"),
    ("no configuration", "experiment.json", put(GONE, "configuration"), "configuration: field"),
    ("a list for it", "experiment.json", put([1], "configuration"), "configuration: input should"),
    ("no titles", "experiment.json", put(GONE, "configuration", "titles"), "titles: input should"),
    ("an empty title", "experiment.json", put("", "configuration", "titles", "b"), "titles.b: "),
    ("an unknown key", "experiment.json", put(1, "configuration", "model", "x"),
     "model.x: unknown key"),
    ("an impossible size", "experiment.json", put(17, "configuration", "data", "crop_size"),
     "17 is not a multiple of 4"),
    ("other filters", "experiment.json", put(3, "configuration", "model", "filters"), "has shape"),
    ("no weights", f"{RUN}/state.safetensors", spoil.gone, "state.safetensors: no such file"),
    ("weights that are cut off", f"{RUN}/state.safetensors", cut(100), "not an array file"),
    ("a kernel missing", f"{RUN}/state.safetensors", arrays(**{"g_ab/stem/kernel": None}),
     "g_ab/stem/kernel is missing"),
    ("a kernel of integers", f"{RUN}/state.safetensors",
     arrays(**{"g_ab/head/bias": np.zeros(3, np.int64)}), "g_ab/head/bias is int64"),
    ("a weight that is no number", f"{RUN}/state.safetensors", arrays(**{"g_ba/head/bias": NAN}),
     "'g_ba/head/bias' has a number that is not finite"),
    ("an array of nobody", f"{RUN}/state.safetensors", arrays(g_ab=NAN), "g_ab is unknown"),
)  # fmt: skip

MODEL_FOLDERS: tuple[tuple[str, str, Spoil, str], ...] = (
    ("cut off", "model.json", cut(30), "model.json: not a record"),
    ("no titles", "model.json", put(GONE, "titles"), "model.json: titles: field required"),
    ("three titles", "model.json", put("x", "titles", "c"), "model.json: titles.c: "),
    ("no configuration", "model.json", put(GONE, "configuration"), "configuration: field required"),
    ("an origin that is a list", "model.json", put([], "origin"), "model.json: origin: "),
    ("of another version", "model.json", put(2, "schema_version"), "schema_version 2"),
    ("no weights", "state.safetensors", spoil.gone, "state.safetensors: no such file"),
)

IMAGES: tuple[tuple[str, Callable[[Path], object], tuple[str, ...]], ...] = (
    ("half of it", cut(100), ("z.png: ", "replace it")),
    ("a web page", text("<html>"), ("z.png: UnidentifiedImageError", "replace it")),
    ("100 million pixels", text(png_head(10_000, 10_000)), ("z.png: ", "DecompressionBomb")),
    ("a pipe", spoil.pipe, ("z.png: cannot be read: not a file",)),
    ("a link to itself", spoil.loop, ("z.png: cannot be read: Too many levels",)),
    ("a terabyte", spoil.terabyte, ("z.png: cannot be read", "at most")),
)

TYPED: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("an unknown direction", ("--direction", "a2b"), ("direction 'a2b': unknown; one of ab (",)),
    ("an unknown backend", ("--backend", "../torch"), ("'../torch' is unknown; any of torch",)),
    ("an unknown device", ("--device", "tpu"), ("device: 'tpu' is unknown; cpu or cuda",)),
    ("a size in words", ("--size", "big"), ("--size", "give a whole number above zero")),
    ("no size", ("--size", "0"), ("--size", "give a whole number above zero")),
    ("a size beyond all", ("--size", "100000000"), ("--size 100000000: ", "give a --size below")),
    ("an unknown format", ("--format", "gif"), ("--format", "invalid choice: 'gif'")),
)


def scored(*more: str) -> Callable[[Place], Arguments]:
    return lambda place: ["score", place.copy(place.templates.trained) / RUN, *more]


SCORED: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("an unknown data set", ("--dataset", "none"), "'none': not a known data set"),
    (
        "an unknown direction",
        ("--dataset", "seasons", "--direction", "c"),
        "direction 'c': unknown",
    ),
    ("an unknown device", ("--dataset", "seasons", "--device", "tpu"), "'tpu' is unknown"),
    ("into a table", ("--dataset", "seasons", "--to", "x.csv"), "is no .json file; give"),
    ("without a data set", ("--dataset", ""), "--dataset: is empty; give"),
)

CASES = [
    *(Case(f"translate: a run: {name}", spoilt(file, change), (says,))
      for name, file, change, says in MODELS),
    *(Case(f"translate: a model folder: {name}", spoilt(f"model/{file}", change, "model"), (says,))
      for name, file, change, says in MODEL_FOLDERS),
    *(Case(f"translate: an image: {name}", of_image(change), says)
      for name, change, says in IMAGES),
    *(Case(f"translate: {name}", typed(*words), says) for name, words, says in TYPED),
    Case("translate: two runs", two_runs, ("2 complete runs, name one of them: ", "tf-seed0")),
    Case("translate: no model", lambda place: ["translate", "none", image(place), "--to", "out"],
         ("none: no trained model there; name a run",)),
    Case("translate: no images", lambda place: [
        "translate", place.copy(place.templates.trained) / RUN, place.data, "--to", "out"],
        ("data: no images there; their names end in",)),
    Case("translate: nothing there", lambda place: [
        "translate", place.copy(place.templates.trained) / RUN, "none", "--to", "out"],
        ("none: no such file or folder",)),
    Case("translate: into a file", there(lambda out: out.write_text("x")), ("out: is no folder;",)),
    Case("translate: below a file", there(lambda out: out.write_text("x"), "out/deep/er"),
         ("out: is no folder;",)),
    Case("translate: into a link to itself", there(lambda out: out.symlink_to("out")),
         ("out: is no folder;",)),
    Case("translate: what is there already", there(translated),
         ("out/a.png: is there already; add --overwrite",)),
    Case("translate: to another format than its name", there(lambda out: None, "b.jpg"),
         ("b.jpg: is no png; give --format",)),
    Case("export: an unknown format", typed("--format", "onnx,pickle", command="export"),
         ("format 'pickle': unknown; any of onnx, safetensors",)),
    Case("export: an unknown direction", typed("--direction", "c", command="export"),
         ("direction 'c': unknown",)),
    Case("export: an interrupted run", spoilt(f"{RUN}/status.json", put("running", "state"),
         command="export"), ("running at step 20",)),
    Case("export: over what is there", export_over, ("g_ba.onnx: is there already; add",)),
    Case("score: no model", lambda place: ["score", "none", "--dataset", "seasons"],
         ("none: no trained model there; name a run",)),
    *(Case(f"score: {name}", scored(*words), (says,)) for name, words, says in SCORED),
]  # fmt: skip
