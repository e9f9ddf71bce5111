"""Tables and progress where there is a terminal, and where there is none."""

import io
from types import SimpleNamespace

import pytest
from rich.console import Console
from rich.table import Table

from harness.system.errors import as_typed
from harness.system.progress import Display
from harness.system.terminal_tables import UNBOUNDED, is_drawn_on, show

DRAWN = set("┃│━─┏└")


def table():
    made = Table("name", "value", title="of one run")
    made.add_row("x" * 300, "1")
    made.add_section()
    made.add_row("short", "22")
    return made


def test_in_a_pipe_a_table_is_columns_and_no_cell_is_cut():
    console = Console(file=io.StringIO(), width=UNBOUNDED)
    show(table(), console)
    title, head, first, second, last = console.file.getvalue().split("\n")[:5]
    assert title.strip() == "of one run" and last == ""
    assert head.index("value") == first.index("1") == second.index("22") == 302
    assert not any(line.endswith(" ") for line in (title, head, first, second))


def test_on_a_terminal_it_is_drawn_unless_that_cannot_draw():
    terminal = Console(file=io.StringIO(), width=400, force_terminal=True, _environ={})
    show(table(), terminal)
    assert DRAWN & set(terminal.file.getvalue())
    dumb = Console(file=io.StringIO(), width=400, force_terminal=True, _environ={"TERM": "dumb"})
    assert not is_drawn_on(dumb)
    show(table(), dumb)
    assert not DRAWN & set(dumb.file.getvalue()) and "\x1b" not in dumb.file.getvalue()


def test_without_colour_there_is_none():
    console = Console(
        file=io.StringIO(), width=400, force_terminal=True, _environ={"NO_COLOR": "1"}
    )
    made = Table("state")
    made.add_row("[red]bad[/red]")
    show(made, console)
    assert "\x1b[31m" not in console.file.getvalue() and "bad" in console.file.getvalue()


@pytest.mark.parametrize("environment", [{}, {"TERM": "dumb"}])
def test_progress_is_lines_where_bars_cannot_be_drawn(environment):
    console = Console(
        file=io.StringIO(), width=80, force_terminal=bool(environment), _environ=environment
    )
    with Display(console) as display:
        display.update("training", 1, 2)
        display.update("training", 2, 2)
    assert console.file.getvalue() == "training: 2 of 2\n"


def terminal(width=60):
    return Console(file=io.StringIO(), width=width, force_terminal=True, _environ={})


def test_a_full_bar_goes_and_one_estimate_sums_all_parts(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("harness.system.progress.time", SimpleNamespace(monotonic=lambda: now[0]))
    display = Display(terminal())
    display.expect("training", 60.0)
    display.expect("scores", 30.0)
    display.update("scores", 0, 10)
    now[0] = 10.0
    display.update("scores", 5, 10)  # at this pace another ten seconds
    assert display.left == 70.0
    notes = {task.description: task.fields["note"] for task in display._bars.tasks}
    assert notes == {"in all": "about 1 min 10 s left", "scores": ""}
    display.update("scores", 10, 10)
    assert display.left == 60.0
    assert [task.description for task in display._bars.tasks] == ["in all"]


def test_without_anything_expected_a_bar_has_its_own_estimate(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("harness.system.progress.time", SimpleNamespace(monotonic=lambda: now[0]))
    display = Display(terminal())
    display.update("download", 0, 8)
    now[0] = 4.0
    display.update("download", 2, 8, "half")
    assert [task.fields["note"] for task in display._bars.tasks] == ["half  about 12 s left"]


def test_a_terminal_folds_lines_between_words_only():
    console, path = terminal(), "/a/" + "long" * 20
    Display(console).say("A line that is longer than the terminal is wide, and has a path: " + path)
    words = console.file.getvalue().split()
    assert words[:3] == ["A", "line", "that"] and words[-1] == path
    assert "terminal" in words and len(console.file.getvalue().splitlines()) == 3


def test_a_quiet_display_shows_neither_bars_nor_lines_nor_details():
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    with Display(console, quiet=True, verbose=True) as display:
        display.say("Preset smoke")
        display.detail("Threads: 2")
        display.update("training", 2, 2)
    assert console.file.getvalue() == ""


def test_details_are_for_those_who_ask():
    for verbose in (False, True):
        console = Console(file=io.StringIO(), width=80)
        Display(console, verbose=verbose).detail("Threads: 2")
        assert (console.file.getvalue() == "Threads: 2\n") is verbose


def test_users_of_make_are_told_variables(monkeypatch):
    message = "--set data.train=0: give more, or add --device cpu; another --data-dir; --settings x"
    monkeypatch.delenv("CYCLEBENCH_MAKE", raising=False)
    assert as_typed(message) == message
    monkeypatch.setenv("CYCLEBENCH_MAKE", "1")
    assert as_typed(message) == (
        "SET=data.train=0: give more, or add DEVICE=cpu; another DATA_DIR=; --settings x"
    )
