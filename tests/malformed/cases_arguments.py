"""What is typed behind a command: numbers that are none, folders that are files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from case import Arguments, Case, Place

from harness.metrics import weights


def typed(*words: str) -> Callable[[Place], Arguments]:
    return lambda place: words


TYPED: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("no command", (), ("COMMAND",)),
    ("an unknown command", ("trian",), ("invalid choice: 'trian'",)),
    ("an unknown option", ("models", "--prset", "quick"), ("unrecognized arguments: --prset",)),
    ("seeds in words", ("compare", "--seeds", "a,b"), ("--seeds", "write whole numbers as 0,1,2")),
    ("a seed twice", ("compare", "--seeds", "0,0"), ("--seeds", "each seed once")),
    ("a seed of 400 digits", ("compare", "--seeds", "9" * 400), ("--seeds", "below 2**63")),
    ("a seed of 5,000 digits", ("compare", "--seeds", "9" * 5000), ("--seeds", "write whole")),
    ("an unknown preset", ("models", "--preset", "../quick"), ("preset '../quick': unknown",)),
    ("an unknown backend", ("parity", "--backends", "mxnet"), ("backends: 'mxnet' is unknown",)),
    ("an unknown device", ("compare", "--device", "/dev/zero"),
     ("device: '/dev/zero' is unknown",)),
    ("one backend for two", ("bench", "--backends", "torch"), ("bench: two backends",)),
    ("an unknown backend twice", ("bench", "--aa", "mxnet"), ("mxnet",)),
    ("a bench below a device", ("bench", "--preset", "smoke", "--results", "/dev/null"),
     ("cannot write",)),
    ("a width of NaN", ("bench", "--width", "nan"), ("--width", "give a number above zero")),
    ("no starts", ("bench", "--starts", "0"), ("--starts", "give a whole number above zero")),
    ("no steps", ("consistency", "--steps", "0"), ("--steps", "above zero")),
    ("too few seeds", ("consistency", "--seeds", "1"), ("seeds: 1 is too few", "at least 3")),
    ("a price in words", ("estimate", "--price", "cheap"), ("--price cheap: give what an hour",)),
    ("images in words", ("estimate", "--images", "many"), ("--images", "give four whole")),
    ("images of 5,000 digits", ("estimate", "--preset", "smoke", "--dataset", "maps", "--images",
     f"{'9' * 5000},1,1,1"), ("--images",)),
    ("an estimate of nothing", ("estimate", "--check", "none"), ("none/experiment.json: no such",)),
    ("an unknown axis", ("scaling", "--preset", "smoke", "--axes", "depth"), ("depth",)),
    ("values in words", ("scaling", "--preset", "smoke", "--values", "size=big"), ("size",)),
    ("nobody's results", ("compare", "--results", "~nobody-has-this/x"), ("no such user",)),
    ("a list of nothing", ("list", "none"), ("none: no such folder", "make compare")),
    ("a list of a device", ("list", "/dev/null", "--json"), ("/dev/null: no such folder",)),
    ("nobody's list", ("list", "~nobody-has-this/x"), ("no such user",)),
    ("an unknown shell", ("completion", "fish"), ("invalid choice: 'fish'",)),
    ("no shell", ("completion",), ("required: shell",)),
    ("quiet and verbose", ("compare", "--quiet", "--verbose"), ("not allowed with",)),
    ("a file for a switch", ("parity", "--json", "rows.json"), ("unrecognized arguments: rows",)),
    ("nobody's doctor", ("doctor", "--results", "~nobody-has-this"), ("no such user",)),
    ("nobody's data", ("datasets", "list", "--data-dir", "~nobody-has-this"), ("no such user",)),
)  # fmt: skip


def results(make: Callable[[Path], object]) -> Callable[[Place], Arguments]:
    """A comparison that would write below what `make` makes."""

    def prepare(place: Place) -> Arguments:
        place.data_set("photos")
        make(place.folder / "there")
        return [
            "compare", "--preset", "smoke", "--dataset", "photos", "--data-dir", place.data,
            "--results", place.folder / "there",
        ]  # fmt: skip

    return prepare


def weights_file(make: Callable[[Path], object]) -> Callable[[Place], Arguments]:
    def prepare(place: Place) -> Arguments:
        make(place.folder / "weights.pth")
        return ["fetch-weights", place.folder / "weights.pth"]

    return prepare


def sized(size: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        with path.open("wb") as file:
            file.truncate(size)

    return make


def weights_from_mirror(place: Place) -> Arguments:
    place.mirror().files[f"/{weights.FILE_NAME}"] = b"<html>Sorry</html>"
    return ["fetch-weights"]


def no_weights(place: Place) -> Arguments:
    place.mirror()
    return ["fetch-weights"]


CASES = [
    *(Case(f"typed: {name}", typed(*words), says) for name, words, says in TYPED),
    Case("results: a file", results(lambda path: path.write_text("x")), ("there", "set RESULTS")),
    Case("results: a link to itself", results(lambda path: path.symlink_to("there")),
         ("there", "cannot write there")),
    Case("weights: no file", weights_file(lambda path: None), ("weights.pth: no such file",)),
    Case("weights: a folder", weights_file(Path.mkdir), ("weights.pth: no such file", "give")),
    Case("weights: a pipe", weights_file(os.mkfifo), ("weights.pth: no such file", "give")),
    Case("weights: no bytes", weights_file(sized(0)),
         ("weights.pth: 0 bytes with", "expected 95628359")),
    Case("weights: a terabyte", weights_file(sized(2**40)),
     ("bytes, expected", "download it anew")),
    Case("weights: of the right size", weights_file(sized(weights.SIZE)),
         ("weights.pth: 95628359 bytes with sha256", "download")),
    Case("weights: a web page", weights_from_mirror, ("wrong checksum", "Without internet")),
    Case("weights: 404", no_weights, ("the server answered 404", "Without internet")),
]  # fmt: skip
