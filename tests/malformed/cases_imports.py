"""Losses and checkpoints of other code that are damaged, hostile or of something else."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import authors_files
import spoil
import torch
from authors_networks import Patch, ResNet
from case import Arguments, Case, Place
from event_writer import write_events
from hash_bomb import write_hash_bomb
from spoil import Spoil, cut, put, replaced, text

NAMES = ("G_A", "G_B", "D_A", "D_B")
SMALL = "model.blocks=1 model.filters=2 model.discriminator_filters=2"
LINE = authors_files.line(1, 100, dict.fromkeys(authors_files.NAMES, 1.0))


def losses(
    file: str, content: str | bytes, source: str, *more: str
) -> Callable[[Place], Arguments]:
    def prepare(place: Place) -> Arguments:
        folder, path = place.copy(place.templates.experiment), place.data / file
        text(content)(path)
        return ["import", "losses", path, "--as", source, "--to", folder, *more]

    return prepare


def events(change: Spoil, *more: str, step: int = 1) -> Callable[[Place], Arguments]:
    def prepare(place: Place) -> Arguments:
        folder, path = place.copy(place.templates.experiment), place.data / "x.tfevents.1"
        write_events(path, [(step, "G_losses/A2B_g_loss", 1.0)])
        change(path)
        return ["import", "losses", path, "--as", "lynnho", "--to", folder, *more]

    return prepare


LOG = authors_files.log()
CSV = "Wall time,Step,Value\n1.5,10,0.25\n"
CURVE = ("--term", "cycle_a=curve")

LOSSES: tuple[tuple[str, str, str | bytes, str, tuple[str, ...], str], ...] = (
    ("a log of nothing", "loss_log.txt", "", "authors", (), "no line as"),
    ("a log of no text", "loss_log.txt", b"\xff\xfe\x00", "authors", (), "cannot be read"),
    ("a log of one long line", "loss_log.txt", "(epoch: 1, " * 200_000 + "\n", "authors", (),
     "line 1: "),
    ("a log of commas", "loss_log.txt", LINE.strip() + " ," * 200_000 + "!\n", "authors", (),
     "line 1: "),
    ("a log out of order", "loss_log.txt", LINE + LINE, "authors", (), "does not come after"),
    ("a log with words", "loss_log.txt", LOG + "(epoch: 3, Segmentation fault\n", "authors", (),
     "take it"),
    ("a log that begins again", "loss_log.txt", LOG + LOG, "authors", (), "add --starts joined"),
    ("a log of epochs by hand", "loss_log.txt", LOG, "authors", ("--per", "epoch"), "leave --per"),
    ("an epoch of 400 digits", "loss_log.txt", LINE.replace("epoch: 1", f"epoch: {'9' * 400}"),
     "authors", (), "line 1: "),
    ("batches that do not fit", "loss_log.txt", LOG, "authors", ("--batch-size", "7"),
     "after batches of 7"),
    ("an epoch that is too short", "loss_log.txt", LOG, "authors", ("--images-per-epoch", "9"),
     "more than the 9 images"),
    ("a curve twice", "loss_log.txt", LOG, "authors", ("--term", "cycle_a=G_A"), "two curves"),
    ("a term that is none", "loss_log.txt", LOG, "authors", ("--term", "x"), "write TERM=NAME"),
    ("a weight that is none", "loss_log.txt", LOG, "authors", ("--set", "lambda_a=nan"),
     "a number from 0"),
    ("a weight of nothing", "loss_log.txt", LOG, "authors", ("--set", "lambda_c=1"),
     "write one of lambda_a"),
    ("a name that climbs", "loss_log.txt", LOG, "authors", ("--name", "../../evil"),
     "lower-case letters"),
    ("a title of an essay", "loss_log.txt", LOG, "authors", ("--title", "x" * 2000),
     "at most 1000"),
    ("a source that is none", "loss_log.txt", LOG, "keras", (), "invalid choice: 'keras'"),
    ("a CSV of other columns", "curve.csv", "step,value\n1,2\n", "tensorboard-csv", CURVE,
     "no curve 'curve'; there are value"),
    ("a CSV of nothing", "curve.csv", "", "tensorboard-csv", CURVE, "no table of curves"),
    ("a CSV of words", "curve.csv", CSV + "1,2,three\n", "tensorboard-csv", CURVE, "no numbers"),
    ("a CSV of half steps", "curve.csv", CSV + "1,2.5,3\n", "csv", CURVE, "no whole numbers"),
    ("a history of no lists", "h.json", '{"loss": 1}', "csv", CURVE, "no lists of numbers"),
    ("a history without end", "h.json", '{"a": ' * 99_999, "csv", CURVE, "no table"),
    ("a history of epochs", "h.json", '{"curve": [1, 2]}', "csv", CURVE, "add --steps-per-epoch"),
    ("a CSV from before", "curve.csv", CSV + "1,-2,3\n", "tensorboard-csv", CURVE, "below zero"),
    ("a CSV that nobody named", "curve.csv", CSV, "tensorboard-csv", (), "say which is which"),
    ("an event file of text", "x.tfevents.1", LOG, "lynnho", (), "no event file of TensorBoard"),
    ("an event file of nothing", "x.tfevents.1", "", "lynnho", (), "no scalars"),
)  # fmt: skip


def bomb() -> object:
    """What unpickles as a call: it would leave a file."""

    class Call:
        def __reduce__(self):
            return os.open, ("executed", os.O_CREAT | os.O_WRONLY)

    return Call()


@cache
def checkpoint() -> dict[str, dict[str, torch.Tensor]]:
    makes = (lambda: ResNet(2, 1), lambda: Patch(2))
    return {name: makes[name.startswith("D")]().state_dict() for name in NAMES}


def model(change: Callable[[Path], object], *more: str) -> Callable[[Place], Arguments]:
    """The import of a good checkpoint, of which `change` spoils the file of G_B."""

    def prepare(place: Place) -> Arguments:
        folder = place.data / "theirs"
        folder.mkdir()
        for name, state in checkpoint().items():
            torch.save(state, folder / f"latest_net_{name}.pth")
        change(folder / "latest_net_G_B.pth")
        return ["import", "checkpoint", folder, "--preset", "smoke", "--set", SMALL, *more,
                "--to", place.folder / "model"]  # fmt: skip

    return prepare


def saved(content: Any) -> Spoil:
    return lambda path: torch.save(content() if callable(content) else content, path)


def with_tensor(name: str, tensor: torch.Tensor | None) -> Spoil:
    def change(path: Path) -> None:
        state = dict(checkpoint()["G_B"])
        state.pop(name, None)
        torch.save(state if tensor is None else {**state, name: tensor}, path)

    return change


def compressed(path: Path) -> None:
    """A gigabyte of zeros in a megabyte."""
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, bytes(2**24) if name.endswith("/data/0") else content)


STEM = "model.1.weight"
FILES: tuple[tuple[str, Callable[[Path], object], str], ...] = (
    ("empty", text(""), "no weights that are read here"),
    ("text", text("weights"), "no weights that are read here"),
    ("a folder", spoil.folder, "not a file"),
    ("a pipe", spoil.pipe, "not a file"),
    ("cut off", cut(1000), "no weights that are read here"),
    ("a terabyte", spoil.terabyte, "at most"),
    ("code", saved(bomb), "no weights that are read here"),
    ("code in an old file", lambda path: torch.save({STEM: bomb()}, path,
     _use_new_zipfile_serialization=False), "no weights that are read here"),
    ("compressed", compressed, "compressed, which PyTorch never does"),
    ("a list", saved([torch.zeros(1)]), "a list, not tensors by name"),
    ("nothing", saved({}), "nothing in it"),
    ("more than tensors", saved({STEM: torch.zeros(1), "epoch": 3}), "'epoch' is a int"),
    ("tensors by number", saved({3: torch.zeros(1)}), "3 is a Tensor"),
    ("of complex numbers", with_tensor(STEM, torch.zeros(2, 3, 7, 7) * 1j), "is complex64"),
    ("sparse", with_tensor(STEM, torch.zeros(2, 3).to_sparse()), "expected plain float32"),
    ("whole numbers", with_tensor(STEM, torch.zeros(2, 3, 7, 7, dtype=torch.int64)),
     "more than finite numbers of float32"),
    ("infinite", with_tensor("model.1.bias", torch.full((2,), float("inf"))), "more than finite"),
    ("of another shape", with_tensor(STEM, torch.zeros(2, 3, 5, 5)),
     "model.1.weight has shape (2, 3, 5, 5), stem/kernel needs (2, 3, 7, 7)"),
    ("of a shape that is a claim", with_tensor(STEM, torch.zeros(1).expand(2, 3, 2**20, 2**20)),
     "more than is there"),
    ("without a kernel", with_tensor("model.4.weight", None), "no model.4.weight in it"),
    ("with one more", with_tensor("model.99.weight", torch.zeros(1)), "'model.99.weight' is in it"),
    ("of a discriminator", lambda path: torch.save(checkpoint()["D_A"], path),
     "holds a discriminator, taken for g_ba"),
)  # fmt: skip


def slow(place: Place) -> Arguments:
    from harness.tools.imports import foreign

    place.patch.setattr(foreign, "SECONDS", 1.0)
    return model(write_hash_bomb)(place)


def taken(place: Place) -> Arguments:
    arguments = model(lambda path: None)(place)
    text("mine")(place.folder / "model")
    return arguments


def record(file: str, change: Spoil) -> Callable[[Place], Arguments]:
    """The export of an imported model, of which a file is spoilt."""

    def prepare(place: Place) -> Arguments:
        from harness.config.load import load_experiment
        from harness.tools.imports.checkpoint import import_checkpoint

        model(lambda path: None)(place)
        settings = load_experiment("x", "smoke", SMALL.split())
        to = place.folder / "model"
        folder = import_checkpoint(place.data / "theirs", settings, to).folder
        change(folder / file)
        return ["export-authors", folder, "--to", place.folder / "out"]

    return prepare


def to_nowhere(place: Place) -> Arguments:
    text(LOG)(place.data / "loss_log.txt")
    return ["import", "losses", place.data / "loss_log.txt", "--as", "authors", "--to", place.data]


MODELS: tuple[tuple[str, str, Spoil, str], ...] = (
    ("of another depth", "model.json", put(2, "configuration", "model", "blocks"),
     "state: g_ab/block1/conv0/kernel is missing"),
    ("of a key nobody knows", "model.json", put(2, "configuration", "model", "blokcs"), "blokcs"),
    ("without titles", "model.json", put(spoil.GONE, "titles"), "titles"),
    ("that they cannot have", "model.json", put("same", "configuration", "model", "padding"),
     "model.padding: same, but the authors' code has no such networks"),
    ("not JSON", "model.json", replaced("{", "["), "not a record of cyclebench"),
    ("cut off", "state.safetensors", cut(9), "not an array file of cyclebench"),
)  # fmt: skip

CASES = [
    *(
        Case(f"import: {name}", losses(file, content, source, *more), (says,))
        for name, file, content, source, more, says in LOSSES
    ),
    Case("import: into no experiment", to_nowhere, ("no experiment there",)),
    Case("import: events that are damaged", events(spoil.terabyte), ("at most",)),
    Case("import: events cut off at once", events(lambda path: text(path.read_bytes()[:40])(path)),
         ("no scalars",)),
    Case("import: events before the first", events(lambda path: None, step=0),
         ("begins at step 0",)),
    *(
        Case(f"import: a checkpoint: {name}", model(change), ("latest_net_G_B.pth", says))
        for name, change, says in FILES
    ),
    Case("import: a checkpoint that takes for ever", slow, ("cannot be read", "copy it again")),
    Case("import: a checkpoint over a file", taken, ("model: already there",)),
    Case("import: a checkpoint of a climbing epoch", model(lambda path: None, "--epoch", "../x"),
         ("no such file",)),
    *(
        Case(f"export-authors: a model {name}", record(file, change), (says,))
        for name, file, change, says in MODELS
    ),
]  # fmt: skip
