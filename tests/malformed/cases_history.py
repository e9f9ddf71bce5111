"""`cyclebench track`, and `regress` against a history: records and histories that are none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import spoil
from case import Arguments, Case, Place
from history_entries import entry, lines
from spoil import Spoil, put, replaced, text

RUN = "runs/cpu-example/torch-seed0"
TRACK = ("track", "{results}", "--to", "{results}/history.jsonl")
REGRESS = ("regress", "{first}", "{results}/history.jsonl")


def given(*more: str, history: Spoil = lambda path: None) -> Callable[[Place], Arguments]:
    """Good records in `results`, and a history that `history` spoils."""

    def prepare(place: Place) -> Arguments:
        first = place.copy(place.templates.experiment)
        file = place.results / "history.jsonl"
        file.write_text(lines(entry(week, 0.1, 1.2) for week in range(4)))
        history(file)
        return [each.format(first=first, results=place.results) for each in more]

    return prepare


def spoilt(file: str, *changes: Spoil) -> Callable[[Place], Arguments]:
    """A record of the experiment is spoilt."""

    def prepare(place: Place) -> Arguments:
        arguments = given(*TRACK)(place)
        for change in changes:
            change(place.results / "experiment" / file)
        return arguments

    return prepare


def unfinished(place: Place) -> Arguments:
    arguments = given(*TRACK)(place)
    for status in place.results.glob("experiment/runs/*/*/status.json"):
        put("interrupted", "state")(status)
    return arguments


def odd_bench(place: Place) -> Arguments:
    bench = place.copy(place.templates.bench)
    put("x" * 400, "machine", "python")(bench / "one.json")
    return ["track", bench, "--to", place.results / "history.jsonl"]


def circle(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


LINE = "history.jsonl:2: not an entry of a history"
# What is wrong, how the history comes about, what both commands say.
HISTORIES: tuple[tuple[str, Spoil, str], ...] = (
    ("a line that is cut off", spoil.cut(30), "history.jsonl:4: not an entry"),
    ("no JSON", text("{}\nmine\n"), "history.jsonl:1: not an entry"),
    ("a later schema", replaced('\n{"schema_version": 1', '\n{"schema_version": 7'),
     f"{LINE} (schema_version 7"),
    ("an unknown key", replaced('\n{"schema_version": 1', '\n{"schema_version": 1, "odd": 1'),
     f"{LINE} (odd: Extra"),
    ("bytes that are no text", text(b"\xff\xfe\n"), "history.jsonl:1: not an entry"),
    ("a folder", spoil.folder, "not a file"),
    ("a circle of links", circle, "history.jsonl"),
)  # fmt: skip

CASES = [
    *(
        Case(f"{command[0]}: history: {name}", given(*command, history=change), (said,))
        for name, change, said in HISTORIES
        for command in (TRACK, REGRESS)
    ),
    Case("track: no history", given("track", "{results}"), ("required: --to",)),
    Case("track: an empty name", given(*TRACK[:3], ""), ("ends in .jsonl",)),
    Case("track: another ending", given(*TRACK[:3], "{results}/history.json"),
         ("ends in .jsonl",)),
    Case("track: below a file", given(*TRACK[:3], "{results}/history.jsonl/x.jsonl"),
         ("cannot write there",)),
    Case("track: nothing there", given("track", "{results}/none", *TRACK[2:]),
         ("no such file or folder",)),
    Case("track: nothing finished", unfinished, ("no complete run in it",)),
    Case("track: a damaged status", spoilt(f"{RUN}/status.json", text("{")), ("status.json",)),
    Case("track: no scores", spoilt("metrics.json", spoil.gone), ("not scored yet",)),
    Case("track: no blocks", spoilt(f"{RUN}/blocks.csv", spoil.gone),
         ("blocks.csv: no such file",)),
    Case("track: a name of 400 letters",
         spoilt(f"{RUN}/environment.json", put({"x" * 400: "1"}, "versions")),
         ("versions", "200 characters")),
    Case("track: a Python of 400 letters", odd_bench, ("python", "300 characters")),
    Case("regress: history: none there", given(*REGRESS, history=spoil.gone), ("no such file",)),
    Case("regress: history: as the new one",
         given("regress", "{results}/history.jsonl", "{first}"), ("only be the BASELINE",)),
    Case("regress: history: with EARLIER", given(*REGRESS, "{first}", "{first}"),
         ("leave out EARLIER",)),
    Case("regress: history: with --allow", given(*REGRESS, "--allow", "model"),
         ("leave out EARLIER and --allow",)),
]  # fmt: skip
