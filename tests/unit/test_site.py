"""The site: what its pages say and link to, what is refused, and how its folder is replaced."""

import json
import re
from pathlib import Path

import pytest
from bench_records import several
from entries import document, entry, many, write
from matplotlib.figure import Figure
from page_reader import Page, check_site_page
from report_experiment import build

from harness.cli import main
from harness.report.formatting import MISSING
from harness.report.page import Cell, Section, text_table
from harness.report.page import Page as PageValue
from harness.report.render import page_html
from harness.studies.history.find import find, read_entries
from harness.studies.site import pages, plots, reports, words
from harness.studies.site import write as write_module
from harness.studies.site.answers import device_answers
from harness.studies.site.tables import backend_table, index_table
from harness.studies.timing.record_files import write_record
from harness.system.errors import UserError
from harness.system.lock import locked
from harness.system.provenance import slug

pytestmark = pytest.mark.usefixtures("small_figures")
ROOT = Path(__file__).parents[2]
EVIL = '<script>alert(1)</script>"><img src=x onerror=alert(2)> | x'


def publish(*arguments: object) -> int:
    return main(["publish", *map(str, arguments)])


def texts(table, name):
    place = [cell.text for cell in table.header].index(name)
    return [row[place].text for row in table.rows]


def details(table, name):
    place = [cell.text for cell in table.header].index(name)
    return [row[place].detail for row in table.rows]


@pytest.fixture(scope="module")
def site(small_figures, tmp_path_factory):
    """Of 130 measurements on two devices: a device has two pages."""
    folder = tmp_path_factory.mktemp("published")
    documents = [document(n, device="A", versions={"torch": f"2.{n % 3}.0"}) for n in range(120)]
    documents += [document(n, device="B", preset="paper") for n in range(120, 130)]
    write(folder / "results" / "history.jsonl", *documents)
    assert publish(folder / "results", "--to", folder / "site") == 0
    return folder / "site"


def html(site, pattern):
    return [path.read_text() for path in sorted(site.glob(pattern))]


def test_every_page_fetches_nothing_and_every_link_leads_to_a_file(site):
    found = sorted(site.rglob("*.html"))
    assert len(found) == 1 + 1 + 2 + 1
    reached = set()
    for path in found:
        for link in check_site_page(path.read_text()):
            assert (path.parent / link).is_file(), (path.name, link)
            reached.add(link)
    assert reached == {path.name for path in found} | {"history.jsonl"}


def test_an_index_a_table_a_device_and_one_across_devices(site):
    [index] = html(site, "index.html")
    assert "130 measurements" in index and "2 devices" in index
    assert index.count('data-filters="') == 1 and 'data-filters="0 1 2 3"' in index
    second, first = html(site, "device-a-*.html")
    assert first.count("<tr>") == 1 + 200 and second.count("<tr>") == 1 + 40
    assert first.count("They learn the same.") == 1 and "They learn" not in second
    assert "2026-04-30" in first and "2026-01-01" in second, "newest first"
    assert first.count("data:image/png") == 3 and "data:image" not in second
    [across] = html(site, "across.html")
    assert across.count("<tr>") == 1 + 4, "of each device the newest, of two backends"


def test_numbers_are_those_of_the_entry():
    made = entry(3, backends=("torch", "tf@2.20.0"), versions={"tf@2.20.0": "2.20.0"})
    table = backend_table([made], {"id-3": "reports/a.html"})
    assert texts(table, "Measured") == ["2026-01-04"] * 2
    assert [row[0].link for row in table.rows] == ["reports/a.html"] * 2
    assert texts(table, "Backend") == ["PyTorch 2.13.0", "TensorFlow 2.20.0"]
    assert texts(table, "Step, ms") == ["20.0", "24.0"]
    assert details(table, "Step, ms") == ["[18.0,\u00a022.0]", "[21.6,\u00a026.4]"]
    assert texts(table, "Ratio") == [MISSING, "1.200"]
    assert details(table, "Ratio")[1] == "[1.080,\u00a01.320]"
    assert texts(table, "KID →") == ["30.0"] * 2 and texts(table, "KID ←") == ["60.0"] * 2
    assert details(table, "KID →")[0].splitlines() == [
        "[27.0,\u00a033.0]", "floor\u00a01.0", "untranslated\u00a050.0"
    ]  # fmt: skip
    assert texts(table, "Verdict") == [MISSING, "equivalent · cannot tell yet"]
    assert "← cannot tell yet" in details(table, "Verdict")[1].splitlines()
    assert texts(table, "Memory") == ["2.00 GB"] * 2 and texts(table, "Energy") == ["1.50"] * 2


def test_verdicts_on_other_scores_are_counted():
    made = document(3)
    verdicts = made["pairs"][0]["verdicts"]
    other = {**verdicts[0], "metric": "cycle_psnr", "primary": False}
    made["pairs"][0]["verdicts"] = [*verdicts, other, {**other, "verdict": "different"}, other]
    table = backend_table([type(entry(0)).model_validate(made)], {})
    last = details(table, "Verdict")[1].splitlines()[-1]
    assert last == f"others: 2 {other['verdict']}, 1 different"


def test_what_is_not_known_is_a_dash():
    bare = document(0, dataset=None, steps=0, seeds=[], kind="bench")
    for side in bare["backends"]:
        side.update(step=None, memory=None, memory_kind=None, joules=None, scores=[])
    bare["pairs"] = [{"first": "torch", "second": "tf"}]
    table = backend_table([type(entry()).model_validate(bare)], {})
    for name in ("Step, ms", "Ratio", "KID →", "KID ←", "Verdict", "Memory", "Energy"):
        assert texts(table, name) == [MISSING] * 2, name
    assert texts(table, "Workload") == [f"{words.NOISE} · quick"] * 2


def test_an_estimate_without_an_interval_says_of_how_many_it_is():
    given = document()
    given["backends"][0]["step"] = {"value": 0.02, "n": 2}
    table = backend_table([type(entry()).model_validate(given)], {})
    assert details(table, "Step, ms")[0] == "n=2"


def test_the_index_has_a_row_for_each_data_set_preset_device_and_versions():
    every = [entry(n, versions={"torch": f"2.{n // 2}.0"}) for n in range(4)]
    every.append(entry(9, changes={"model.blocks": "3"}))
    table = index_table(every[::-1], {"A CPU, 2 threads": "device-a.html"})
    assert texts(table, "Entries") == ["1", "2", "2"]
    assert texts(table, "Versions")[1] == "PyTorch 2.1.0 · TensorFlow 2.21.0"
    assert details(table, "Preset")[0] == "model.blocks=3"
    assert texts(table, "Newest") == ["2026-01-10", "2026-01-04", "2026-01-02"]


def test_across_devices_workloads_on_most_devices_come_first_and_quick_ones_in_them():
    slow, other = document(1, device="slow"), document(2, device="slow", preset="paper")
    slow["backends"][0]["step"]["value"] = 0.03
    slow["backends"][0]["step"] |= {"low": None, "high": None}
    slow["backends"] = slow["backends"][:1]
    slow["pairs"] = []
    every = [type(entry()).model_validate(each) for each in (other, slow)]
    every.append(entry(0, device="quick"))
    [across] = [page for page in pages.make_pages(every, {}) if page.file == "across.html"]
    table = across.page.sections[0].content[-1]
    assert texts(table, "Device") == ["quick", "quick", "slow", "slow", "slow"]
    assert texts(table, "Workload") == ["seasons · quick"] * 3 + ["seasons · paper"] * 2


def test_names_are_shown_as_they_are_and_do_nothing(tmp_path):
    given = document(0, device=EVIL, dataset=EVIL, preset=EVIL, changes={EVIL: EVIL}, sentence=EVIL)
    given["backends"][0] |= {"backend": EVIL, "title": EVIL, "memory_kind": EVIL}
    given["pairs"][0]["first"] = EVIL
    given["pairs"][0]["verdicts"][0] |= {"metric": EVIL, "direction": EVIL, "verdict": EVIL}
    again = json.loads(json.dumps(given)) | {"identity": "2", "measured": "2026-05-05T00:00:00Z"}
    again["backends"][0]["versions"] = {EVIL: "1.0"}
    write(tmp_path / "h.jsonl", given, again)
    assert publish(tmp_path / "h.jsonl", "--to", tmp_path / "site") == 0
    found = list((tmp_path / "site").rglob("*.html"))
    for path in found:
        check_site_page(path.read_text())
        assert EVIL in Page(path.read_text()).text
    assert len(found) == 3


@pytest.mark.parametrize(
    "link", ["https://a.org/x.html", "//a/x.html", "javascript:alert(1)", "../x.html", "x.html?a",
             "/x.html", "a/b/c.html", "x.js"],
)  # fmt: skip
def test_a_cell_links_to_files_of_the_site_alone(link):
    with pytest.raises(ValueError, match="not a link within a site"):
        Cell("text", link=link)


def test_only_pages_with_a_table_to_choose_from_have_the_script_for_it():
    table = text_table(("a", "b"), [("1", "2"), ("3", "4")])
    plain = page_html(PageValue("t", (), (), (Section("s", (table,)),)), {})
    assert "data-filters" not in plain and "filter.js" not in plain
    assert len(Page(plain).scripts) == 1


def test_versions_are_those_of_the_framework_and_are_not_said_twice():
    side = entry().backends[1]
    assert words.versioned(side) == "TensorFlow 2.21.0" and words.framework(side) == "TensorFlow"
    titled = side.model_copy(update={"title": "TensorFlow 2.21.0"})
    assert words.versioned(titled) == "TensorFlow 2.21.0"
    assert words.framework(titled) == "TensorFlow"
    unknown = side.model_copy(update={"title": "Another", "versions": {"numpy": "2"}})
    assert words.versioned(unknown) == "Another"


# ------------------------------------------------------------------------------------- answers


def with_ratio(number, low, high, **changed):
    given = document(number, **changed)
    for pair in given["pairs"]:
        pair["ratio"] = {"value": (low + high) / 2, "low": low, "high": high, "n": 5}
    return type(entry()).model_validate(given)


@pytest.mark.parametrize(
    ("low", "high", "short"),
    [
        (1.1, 1.3, "PyTorch"),
        (0.7, 0.9, "TensorFlow"),
        (0.9, 1.3, "Not decided: intervals contain 1"),
    ],
)
def test_a_framework_is_faster_where_the_whole_interval_says_so(low, high, short):
    [faster, _] = device_answers([with_ratio(2, low, high), with_ratio(1, 3.0, 4.0)])
    assert faster.short == short and faster.tone == ("open" if "Not" in short else "yes")
    [sentence] = faster.sentences
    assert sentence.lead == "seasons, quick, 2026-01-03:", "the newest"
    value = f"{(low + high) / 2:.2f} times [{low:.2f},\u00a0{high:.2f}]"
    assert sentence.text == f"TensorFlow 2.21.0: {value} the step time of PyTorch 2.13.0."


def test_workloads_are_counted_and_the_fastest_of_three_beats_both_others():
    every = [with_ratio(3, 1.1, 1.3), with_ratio(2, 0.9, 1.3, preset="paper"),
             with_ratio(1, 0.7, 0.8, preset="hour")]  # fmt: skip
    short = "PyTorch in 1 of 3 workloads, TensorFlow in 1 of 3 workloads and not decided in 1"
    assert device_answers(every)[0].short == short
    three = {"backends": ("torch", "tf", "jax")}
    assert device_answers([with_ratio(1, 1.1, 1.3, **three)])[0].short == "PyTorch"
    # TensorFlow and JAX beat PyTorch, and have not been compared.
    assert "Not decided" in device_answers([with_ratio(1, 0.7, 0.8, **three)])[0].short
    versions = {"backends": ("tf", "tf@2.20.0"), "versions": {"tf@2.20.0": "2.20.0"}}
    assert device_answers([with_ratio(1, 1.1, 1.3, **versions)])[0].short == "TensorFlow 2.21.0"
    table = index_table([with_ratio(1, 1.1, 1.3, **versions)], {"A CPU, 2 threads": "a.html"})
    assert texts(table, "Ratio of step times") == ["TensorFlow 2.20.0 / TensorFlow 2.21.0 1.200"]
    alone = entry(1).model_copy(update={"pairs": ()})
    assert device_answers([alone])[0].short == "Not measured"


def over_weeks(count, step_at=None):
    """TensorFlow's ratio; from `step_at` on 10 % more, with another version."""
    made = []
    for number in range(count):
        after = step_at is not None and number >= step_at
        ratio = (1.2 + 0.001 * (number % 3)) * (1.1 if after else 1.0)
        version = "2.22.0" if after else "2.21.0"
        made.append(with_ratio(number, ratio - 0.01, ratio + 0.01, versions={"tf": version}))
    return made[::-1]


def test_what_changed_is_said_with_the_versions_that_changed_with_it():
    [_, changed] = device_answers(over_weeks(40, step_at=25))
    assert changed.short == "Yes: 1 step found, the last on 2026-01-26" and changed.tone == "no"
    [sentence] = changed.sentences
    assert "step time relative, TensorFlow / PyTorch, +10." in sentence.text
    assert sentence.text.endswith("Changed with it: versions.tensorflow 2.21.0 (now 2.22.0).")


def test_no_step_is_not_said_to_be_none_and_too_few_tell_nothing():
    [_, changed] = device_answers(over_weeks(40))
    assert (changed.short, changed.tone) == ("No step found", "open") and not changed.sentences
    [_, changed] = device_answers(over_weeks(5))
    assert changed.short == "Too few measurements to tell"
    assert "the most here are 5" in changed.sentences[0].text


# ------------------------------------------------------------------------------------- sources


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


def test_a_site_is_no_source_of_itself(site):
    with pytest.raises(UserError, match="no measurement there"):
        find([site])
    assert len(find([site / "history.jsonl"]).every) == 130


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
    (tmp_path / "site").rename(tmp_path / ".site.abc.old.partial")
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


# -------------------------------------------------------------------- experiments, benches, records

# Kept in docs/records for what they say, not to be published.
WITHOUT_ENTRIES = {
    "nvidia-h200/bench-paper-compiled.json", "nvidia-h200/bench-quick-compiled.json",
    "nvidia-h200/compare-smoke-summary.json", "nvidia-h200/gpu-check.json",
    "nvidia-h200/parity.json",
}  # fmt: skip


def contributed():
    folder = ROOT / "docs" / "records"
    return [path for path in sorted(folder.rglob("*.json*"))
            if str(path.relative_to(folder)) not in WITHOUT_ENTRIES]  # fmt: skip


def test_every_contributed_record_is_an_entry_in_the_folder_of_its_device():
    for path in contributed():
        entries = read_entries(path)
        assert entries, path
        for each in entries:
            assert path.parent.name == slug(each.machine.device), path
    older = {ROOT / "docs" / "records" / name for name in WITHOUT_ENTRIES}
    assert all(path.is_file() for path in older)


def test_experiments_and_benches_of_a_results_folder_are_published(tmp_path, capsys):
    results = tmp_path / "results"
    build(results / "seasons-quick-0", seeds=(0, 1, 2))
    (results / "bench").mkdir(parents=True)
    write_record(several(1.2), results / "bench" / "two.json")
    write_record(several(1.0, names=("torch", "torch")), results / "bench" / "same.json")
    (results / "unfinished-quick-0" / "runs").mkdir(parents=True)
    experiment = next(results.glob("*/experiment.json"))
    (results / "unfinished-quick-0" / "experiment.json").write_bytes(experiment.read_bytes())
    assert publish(results, "--to", tmp_path / "site") == 0
    out = capsys.readouterr().out
    assert "2 measurements, 2 devices" in out
    assert "same.json: one backend against itself" in out
    assert "unfinished-quick-0: no complete run" in out
    entries = [each.entry for each in find([results]).every]
    assert sorted(each.kind for each in entries) == ["bench", "comparison"]
    shown = html(tmp_path / "site", "across.html")[0]
    assert "equivalent" in shown or "cannot tell" in shown or "different" in shown
    with pytest.raises(UserError, match="against itself"):
        find([results / "bench" / "same.json"])
    with pytest.raises(UserError, match="unfinished-quick-0"):
        find([results / "unfinished-quick-0"])


def test_charts_have_every_framework_and_versions_in_their_order():
    every = [
        entry(number, backends=("torch", "tf", "jax"), versions={"torch": f"2.{minor}.0"})
        for number, minor in enumerate((9, 10, 2, 11, 3, 4, 5, 6))
    ]
    axis = Figure().subplots()
    plots._draw_versions(plots._tones(plots._sides(every)), axis, every)
    labels = [label.get_text() for label in axis.get_xticklabels()]
    torch = [f"PyTorch 2.{minor}.0" for minor in (9, 10, 11)]
    assert labels[1:4] == torch and labels[4:] == ["TensorFlow 2.21.0", "JAX 0.9.2"]
    assert [line.get_label() for line in axis.get_lines()][-3:] == ["PyTorch", "TensorFlow", "JAX"]


def test_what_has_one_day_and_one_version_has_no_chart():
    assert plots.device_figures([entry(1)]) == {}
    assert list(plots.device_figures([entry(2), entry(1)])) == ["time.png", "scores.png"]
    other = [entry(1, preset="paper"), entry(2)]
    assert plots.device_figures(other) == {}, "of two workloads"


def test_the_ends_of_what_an_entry_can_hold_are_shown(tmp_path):
    """Days at both ends of the calendar, numbers as large as they may be, names of anything."""
    ends = [document(number, device=" \x00\n\u202e") for number in range(3)]
    for given, day, value in zip(
        ends,
        ("1970-01-01T00:00:00Z", "2999-12-31T23:59:59Z", "2026-01-01T00:00:00Z"),
        (1e15, -1e15, 0.0),
        strict=True,
    ):
        given["measured"] = day
        for side in given["backends"]:
            side["title"] = " $x_{$ "
            side["versions"] = {"-cpu": ""}
            side["step"] = {"value": value, "low": value, "high": 1e15, "n": 0}
            side["scores"][0]["estimate"] = side["step"]
    write(tmp_path / "h.jsonl", *ends)
    assert publish(tmp_path / "h.jsonl", "--to", tmp_path / "site") == 0
    [page] = html(tmp_path / "site", "device-*.html")
    assert "1970-01-01" in page and "2999-12-31" in page and page.count("data:image/png") == 2
