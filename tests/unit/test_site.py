"""The pages of a site: what they say and link to."""

import json
from pathlib import Path

import pytest
from bench_records import several
from entries import document, entry, write
from matplotlib.figure import Figure
from page_reader import Page, check_site_page
from report_experiment import build
from site_reader import details, html, publish, texts

from harness.report.formatting import MISSING
from harness.report.page import Cell, Section, text_table
from harness.report.page import Page as PageValue
from harness.report.render import page_html
from harness.studies.history.find import find, read_entries
from harness.studies.site import pages, plots, words
from harness.studies.site.tables import backend_table, index_table
from harness.studies.timing.record_files import write_record
from harness.system.errors import UserError
from harness.system.provenance import slug

pytestmark = pytest.mark.usefixtures("small_figures")
ROOT = Path(__file__).parents[2]
EVIL = '<script>alert(1)</script>"><img src=x onerror=alert(2)> | x'


@pytest.fixture(scope="module")
def site(small_figures, tmp_path_factory):
    """Of 130 measurements on two devices: a device has two pages."""
    folder = tmp_path_factory.mktemp("published")
    documents = [document(n, device="A", versions={"torch": f"2.{n % 3}.0"}) for n in range(120)]
    documents += [document(n, device="B", preset="paper") for n in range(120, 130)]
    write(folder / "results" / "history.jsonl", *documents)
    assert publish(folder / "results", "--to", folder / "site") == 0
    return folder / "site"


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


# -------------------------------------------------------------------- experiments, benches, records

# Kept in docs/records for what they say, not to be published.
WITHOUT_ENTRIES = {
    "nvidia-h200/bench-paper-compiled.json", "nvidia-h200/bench-quick-compiled.json",
    "nvidia-h200/compare-smoke-summary.json", "nvidia-h200/gpu-check.json",
    "nvidia-h200/parity.json",
}  # fmt: skip


def contributed():
    folder = ROOT / "docs" / "records"
    return [path for path in sorted(folder.rglob("[!.]*.json*"))
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


def test_a_site_is_no_source_of_itself(site):
    with pytest.raises(UserError, match="no measurement there"):
        find([site])
    assert len(find([site / "history.jsonl"]).every) == 130
