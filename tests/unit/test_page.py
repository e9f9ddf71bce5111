"""A page as a value: every kind of block in HTML, in Markdown and on a terminal."""

import io
from dataclasses import replace

import pytest
from jinja2 import UndefinedError
from page_reader import check_self_contained
from rich.console import Console

from harness.report.formatting import NO_BREAK
from harness.report.page import (
    Answer,
    Cell,
    Figure,
    Items,
    Note,
    Page,
    Section,
    Sentence,
    Table,
    text_table,
)
from harness.report.render import page_html, page_markdown, write_page
from harness.report.terminal import print_table
from harness.studies import study
from harness.studies.study import read_record, with_progress
from harness.system.errors import UserError
from harness.system.files import write_json
from harness.system.progress import Display

EVIL = "<script>alert(1)</script>|*x*"
TABLE = Table((Cell("name"), Cell("value", "in ms")), ((Cell(EVIL), Cell("2", "1 to 3", "#000")),))
PAGE = Page(
    title=EVIL,
    about=("one machine", "2 threads"),
    answers=(Answer("Does it work?", "Yes", "yes", (Sentence("here", "it does"),)),),
    sections=(
        Section("Numbers", (Note("a note", "soft"), Figure("a.png", "a plot"), TABLE)),
        Section("Folded", (Section("Inner", (Items(("first", EVIL)),), folded=True),)),
        Section("Commands", (Note("make x_y", "command"), Items(("one",), "Beware:"))),
    ),
    lead="What it is about",
)


def test_html_has_every_block_and_escapes_names():
    html = page_html(PAGE, {"a.png": b"png"})
    shown = check_self_contained(html)
    for text in ("one machine", "it does", "a note", "a plot", "in ms", "first", "What it is"):
        assert text in shown.text
    assert len(shown.images) == 1 and shown.text.count(EVIL) == 4  # with the title
    tags = [tag for tag, _ in shown.tags]
    assert tags.count("h2") == 3 and tags.count("details") == 1 and "h3" not in tags
    assert "nav" not in tags and len([tag for tag in tags if tag == "script"]) == 1
    assert not check_self_contained(page_html(PAGE, {})).images, "what was not drawn is left out"


def test_markdown_has_the_same():
    markdown = page_markdown(PAGE, ["a.png"])
    for line in ("## Numbers", "<details><summary>Inner</summary>", "## Does it work?",
                 "**here:** it does", "one machine · 2 threads", "![a plot](figures/a.png)",
                 "```sh\nmake x_y\n```", "**Beware:**"):  # fmt: skip
        assert f"\n{line}\n" in markdown
    assert "<script" not in markdown and "|*x*" not in markdown


def test_nothing_is_written_where_a_page_cannot_be_drawn(tmp_path):
    page = replace(PAGE, sections=(Section("one", (None,)),))
    with pytest.raises(UndefinedError):
        write_page(tmp_path, page, {"a.png": b"png"}, numbers={"a": 1})
    assert list(tmp_path.iterdir()) == []


def test_a_terminal_shows_names_as_they_are_and_obeys_nothing():
    out = io.StringIO()
    row = ("[red]x[/red] \x1b[31m", f"1{NO_BREAK}2")
    print_table(text_table(("name", "value"), [row], "a caption"), Console(file=out, width=200))
    assert "[red]x[/red] \\x1b[31m" in out.getvalue() and "1 2" in out.getvalue()


# ------------------------------------------------------------------------------ the study's kit


def test_time_left_is_that_of_the_points_before_or_what_the_study_knows(monkeypatch):
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr(study.time, "monotonic", lambda: next(clock))
    display = _Notes()
    assert list(with_progress("points", "abc", str.upper, display)) == ["a", "b", "c"]
    assert display.notes == ["A", "B, about 20 s left", "C, about 10 s left", "30 s"]
    assert display.lines == ["2 more take about 20 s"]
    display = _Notes()
    list(with_progress("points", "ab", str, display, left=lambda rest: 7.0 * len(rest)))
    assert display.notes[:2] == ["a, about 14 s left", "b, about 7 s left"]


def test_a_record_of_another_kind_or_shape_is_one_line(tmp_path):
    path = tmp_path / "a.json"
    for content, says in (
        ({"kind": "b"}, "kind is 'b'"),
        ({"kind": "a", "x": "y"}, "damaged (x: "),
    ):
        write_json(path, content)
        with pytest.raises(UserError) as error:
            read_record(path, "a", dict[str, int], lambda found: {"x": found["x"]})
        assert says in str(error.value) and "\n" not in str(error.value)


class _Notes(Display):
    def __init__(self):
        self.notes, self.lines = [], []

    def update(self, name, done, total, note=""):
        self.notes.append(note)

    def say(self, line):
        self.lines.append(line)
