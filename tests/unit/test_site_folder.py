"""What a site is made from, the reports that go along, and how its folder is replaced."""

import json
import re
from pathlib import Path

import pytest
from entries import document, entry, many, write
from site_reader import html, publish

from harness.report.page import Page as PageValue
from harness.report.page import Section, text_table
from harness.report.render import page_html
from harness.studies.history.find import find
from harness.studies.site import pages, reports
from harness.studies.site import write as write_module
from harness.system.lock import locked

pytestmark = pytest.mark.usefixtures("small_figures")
ROOT = Path(__file__).parents[2]
EVIL = '<script>alert(1)</script>"><img src=x onerror=alert(2)> | x'


def test_folders_are_searched_and_an_identity_counts_once(tmp_path):
    write(tmp_path / "a" / "one.json", document(1))
    write(tmp_path / "a" / "deep" / "history.jsonl", document(1), document(2))
    write(tmp_path / "a" / "logs" / "x.json", document(3))
    write(tmp_path / "a" / ".hidden" / "x.json", document(4))
    (tmp_path / "a" / "study.json").write_text('{"schema_version": 1, "kind": "grid"}')
    (tmp_path / "a" / "again").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "notes.txt").write_text("no JSON")
    found = find([tmp_path / "a", tmp_path / "a" / "one.json"])
    assert [each.entry.identity for each in found.every] == ["id-2", "id-1"], "newest first"
    assert len(found.passed_over) == 1 and "study.json" in found.passed_over[0]
    assert "1 JSON file in all" in found.passed_over[0], "links are not followed"


def spoiled(path, text):
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("spoil", "key"),
    [
        (lambda given: given.update(more=1), "more"),
        (lambda given: given.pop("identity"), "identity"),
        (lambda given: given.update(schema_version=2), "schema_version"),
        (lambda given: given.update(kind="grid"), "kind"),
        (lambda given: given["machine"].update(kind="tpu"), "machine.kind"),
        (lambda given: given["backends"][1]["step"].update(value="1"), "backends.1.step.value"),
        (lambda given: given["backends"][1]["step"].update(low=9), "backends.1.step"),
        (lambda given: given["backends"][1].update(backend="torch"), "backends"),
        (lambda given: given.update(measured="2026-01-01T00:00:00"), "measured"),
        (lambda given: given.update(measured="0001-01-01T00:00:00+14:00"), "measured"),
        (lambda given: given["pairs"][0].update(second="jax"), "pairs"),
    ],
)
def test_a_damaged_entry_is_refused_by_file_and_key(tmp_path, capsys, spoil, key):
    given = document()
    spoil(given)
    path = write(tmp_path / "x.json", given)
    assert publish("--check", path) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert str(path) in line and f"{key}" in line.split("x.json", 1)[1]
    line_two = write(tmp_path / "h.jsonl", document(1), given)
    assert publish(line_two, "--to", tmp_path / "site") == 2
    assert "h.jsonl:2" in capsys.readouterr().err
    assert not (tmp_path / "site").exists()


def test_what_is_no_json_is_refused_in_a_folder_too(tmp_path, capsys):
    spoiled(tmp_path / "x.json", '{"kind": "bench", NaN')
    assert publish(tmp_path, "--to", tmp_path / "site") == 2
    assert "x.json: cannot be read as JSON" in capsys.readouterr().err
    spoiled(tmp_path / "x.json", "[" * 100_000)
    assert publish(tmp_path, "--to", tmp_path / "site") == 2
    assert "nested too deeply" in capsys.readouterr().err


@pytest.mark.parametrize("given", [[], ["empty"], ["missing"]])
def test_without_entries_there_is_one_line_and_no_site(tmp_path, monkeypatch, capsys, given):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    assert publish(*given) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "site").exists()


def test_a_check_says_how_many_a_file_holds_and_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "h.jsonl", document(1), document(2))
    assert publish("--check", "h.jsonl") == 0
    assert capsys.readouterr().out == "h.jsonl: 2 measurements, nothing wrong\n"
    assert publish("--check") == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["h.jsonl"]


# ------------------------------------------------------------------------------------- reports


def report(folder: Path) -> Path:
    """A page of this program beside an entry."""
    folder.mkdir(parents=True, exist_ok=True)
    table = text_table(("a",), [("1",)])
    made = page_html(PageValue("A report", (), (), (Section("s", (table,)),)), {})
    (folder / "report.html").write_text(made)
    return folder / "report.html"


def published(tmp_path) -> Path:
    write(tmp_path / "results" / "one" / "x.json", document(1))
    assert publish(tmp_path / "results", "--to", tmp_path / "site", "--json") == 0
    return tmp_path / "site"


def test_a_report_goes_along_and_is_linked(tmp_path):
    text = report(tmp_path / "results" / "one").read_text()
    site = published(tmp_path)
    [copied] = (site / "reports").iterdir()
    assert copied.read_text() == text
    for pattern in ("device-*.html", "across.html"):
        assert f'href="reports/{copied.name}"' in html(site, pattern)[0]


def test_an_entry_keeps_its_report_where_a_history_has_it_too(tmp_path):
    report(tmp_path / "one")
    inside = write(tmp_path / "one" / "x.json", document(1)).parent
    alone = write(tmp_path / "h.jsonl", document(1))
    for places in ([inside, alone], [alone, inside]):
        [found] = find(places).every
        assert found.report == inside / "report.html"


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda text: text.replace("default-src 'none'", "default-src *"), "not a page"),
        (lambda text: re.sub("script-src '[^']*'", "script-src 'sha256-AAAA'", text), "not a page"),
        (lambda text: re.sub("script-src '[^']*'", "script-src 'unsafe-inline'", text), "not a"),
        (lambda text: "<script>alert(1)</script>" + text, "not a page"),
        (lambda text: text + "x" * reports.MOST, "at most"),
    ],
)
def test_a_page_that_could_run_something_else_stays_where_it_is(tmp_path, capsys, spoil, why):
    path = report(tmp_path / "results" / "one")
    path.write_text(spoil(path.read_text()))
    site = published(tmp_path)
    assert not (site / "reports").exists() and 'href="reports' not in html(site, "device-*")[0]
    [line] = json.loads(capsys.readouterr().out)["passed_over"]
    assert str(path) in line and why in line


# --------------------------------------------------------------------------------- the folder


def test_a_folder_of_something_else_is_left_alone(tmp_path, capsys):
    source = write(tmp_path / "x.json", document())
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("ten years")
    for to in (tmp_path / "mine", source):
        assert publish(source, "--to", to) == 2
        assert str(to) in capsys.readouterr().err
    (tmp_path / "mine" / "site.json").write_text('{"schema_version": 1, "kind": "grid"}')
    assert publish(source, "--to", tmp_path / "mine") == 2
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "ten years"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "x.json"]


def test_a_site_is_replaced_as_a_whole_with_the_same_bytes(tmp_path):
    source = write(tmp_path / "x.json", document())
    (tmp_path / "site").mkdir()  # an empty folder may be one
    assert publish(source, "--to", tmp_path / "site") == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "site").iterdir()}
    (tmp_path / "site" / "old.html").write_text("of an earlier one")
    assert publish(source, "--to", tmp_path / "site") == 0
    assert {path.name: path.read_bytes() for path in (tmp_path / "site").iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["site", "x.json"]


def test_a_site_that_cannot_be_drawn_leaves_the_old_one(tmp_path, monkeypatch):
    source = write(tmp_path / "x.json", document())
    assert publish(source, "--to", tmp_path / "site") == 0
    monkeypatch.setattr(pages, "backend_table", None)
    monkeypatch.chdir(tmp_path)
    assert publish(source, "--to", tmp_path / "site") == 1
    assert (tmp_path / "site" / "index.html").is_file()
    assert not list(tmp_path.glob(".site*"))


def test_what_killed_processes_left_is_cleaned_and_what_runs_is_not(tmp_path):
    source = write(tmp_path / "x.json", document())
    for name in (".site.abc.partial", ".site.def.partial", ".sites.abc.partial"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "half.html").write_text("half")
    with locked(tmp_path / ".site.def.partial"):
        assert publish(source, "--to", tmp_path / "site") == 0
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == [".site.def.partial", ".sites.abc.partial", "site", "x.json"]


def test_a_site_moved_away_by_a_killed_process_comes_back(tmp_path, monkeypatch):
    source = write(tmp_path / "x.json", document())
    assert publish(source, "--to", tmp_path / "site") == 0
    (tmp_path / ".site.abc.partial").mkdir()
    (tmp_path / "site").rename(tmp_path / ".site.abc.partial" / ".old")
    monkeypatch.setattr(write_module, "make_pages", None)  # the next one fails
    monkeypatch.chdir(tmp_path)
    assert publish(source, "--to", tmp_path / "site") == 1
    assert (tmp_path / "site" / "index.html").is_file()
    assert not list(tmp_path.glob(".site*"))


def test_a_thousand_entries_are_split_into_pages(monkeypatch):
    every = [type(entry()).model_validate(each) for each in many(1000)][::-1]
    monkeypatch.setattr(pages, "device_figures", lambda entries: {})
    made = pages.make_pages(every, {})
    assert len(made) == 1 + 1 + 20
    rows = [len(page.page.sections[-1].content[-1].rows) for page in made]
    assert max(rows) <= pages.INDEX_ROWS and sum(rows[2:]) == sum(
        len(each.backends) for each in every
    )
