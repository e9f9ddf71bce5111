"""The page of a study: says what was measured, what was not, and nothing more."""

import re
import shutil

import pytest
from page_reader import check_self_contained
from study_folder import CHANGES, PAIRS, SEEDS, build_study

from harness.report.render import page_html, page_markdown
from harness.studies.consistency.answers import answers
from harness.studies.consistency.findings import find, load, summary
from harness.studies.consistency.floor import within
from harness.studies.consistency.page import make_page, write_page
from harness.system.errors import UserError
from harness.system.files import read_json, write_json

EVIL = "<script>alert(1)</script>|*x*"


def read(folder):
    """The study and what is found in it, which takes long."""
    study = load(folder)
    return study, find(study)


def rendered(study, findings):
    """HTML and Markdown without drawing any figure."""
    page = make_page(study, findings)
    return page_html(page, {}), page_markdown(page)


def short_answers(study, findings):
    return [answer.short for answer in answers(study, findings)]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return build_study(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def plain_read(plain):
    return read(plain)


@pytest.fixture(scope="module")
def plain_texts(plain_read):
    return rendered(*plain_read)


@pytest.fixture
def changed(plain, tmp_path):
    """A copy to change."""
    return shutil.copytree(plain, tmp_path / "changed")


@pytest.fixture(scope="module")
def written(small_figures, plain, tmp_path_factory):
    """Names of a hostile data set and framework do not stop the figures."""
    folder = shutil.copytree(plain, tmp_path_factory.mktemp("study") / "written")
    record = read_json(folder / "study.json")
    record |= {"dataset": EVIL, "titles": {"a": EVIL, "b": "winter"}}
    write_json(folder / "study.json", record)
    for path in folder.glob("experiments/*/runs/*/*/environment.json"):
        write_json(path, {**read_json(path), "framework": r"$\bad{$<b>"})
    assert write_page(folder) == folder / "consistency.html"
    return folder


def test_the_page_fetches_nothing_and_shows_every_figure(written):
    text = (written / "consistency.html").read_text()
    images = check_self_contained(text).images
    assert len(images) == 3 and all(src.startswith("data:image/png") for src in images)
    links = re.findall(r"\]\((figures/[^)]+)\)", (written / "consistency.md").read_text())
    assert sorted(written / link for link in links) == sorted((written / "figures").glob("*.png"))


def test_the_same_records_give_the_same_page_anywhere(plain_read, plain_texts, changed):
    """That figures have the same bytes is tested where they are drawn."""
    again = read(changed)
    assert rendered(*again) == plain_texts
    assert summary(*again) == summary(*plain_read)


def test_hostile_names_stay_text(written):
    parsed = check_self_contained((written / "consistency.html").read_text())
    assert "b>" not in {name for name, _ in parsed.tags}
    assert EVIL in parsed.text and r"$\bad{$<b>" in parsed.text
    twin = (written / "consistency.md").read_text()
    assert "<script" not in twin and r"&lt;script&gt;alert(1)&lt;/script&gt;\|\*x\*" in twin


def test_the_answers_are_those_of_the_made_up_truth(plain_read):
    assert short_answers(*plain_read) == [
        "Yes: up to 6.4 times the noise floor",
        CHANGES.capitalize(),
        "Yes, within the margins",
        "False alarms: 0 % of comparisons, 0 to 71 % by the interval",
    ]


def test_the_numbers_for_other_programs(written, plain_texts):
    numbers = read_json(written / "consistency.json")
    assert {row["verdict"] for row in numbers["seeds"]} == {"equivalent"}
    assert all(len(row["differences"]) == SEEDS for row in numbers["seeds"])
    for row in numbers["calibration"]:
        assert row["same"]["different"]["comparisons"] == 2 * PAIRS // (2 * SEEDS)
        assert row["planted"]["different"]["share"] == 1 and row["right_answer"] == "different"
        assert row["seed_deviation"] == pytest.approx(0.1 * row["margin"], rel=0.6)
    first, *others, last = numbers["defaults"]
    assert first["default"] == CHANGES and first["scores"][0]["distinct"]
    assert first["scores"][0]["in_seed_deviations"]["value"] == pytest.approx(10, rel=0.6)
    scores = [score for row in others for score in row["scores"]]
    assert scores and not any(score["distinct"] for score in scores)
    # Defaults without any score come last.
    assert last["default"] == "TF32" and last["scores"] == []
    for text in plain_texts:
        assert "TF32: its effect on final scores was not measured: it acts on a GPU only" in text
        assert "not distinguishable from seed noise with 3 seeds" in text
    [early] = [
        row["ratio"]
        for row in numbers["divergence"]
        if (row["phase"], row["measure"]) == ("early", "weights")
    ]
    assert early == pytest.approx(9 / 2**0.5)


def test_a_change_that_is_not_neutral_is_named_and_in_no_figure_or_ratio(plain_read, plain_texts):
    for text in plain_texts:
        assert "TensorFlow: onednn is not neutral, it changes 90 % of the first update" in text
    study, findings = plain_read
    assert set(within(study.divergence, ["tf"])["variant"]) == {"ulp"}
    assert all(ratio.curves == 4 for ratio in findings.ratios)


@pytest.mark.parametrize(
    ("absent", "sentences"),
    [
        ("divergence.csv", ["Divergence: no trajectories were followed"]),
        ("defaults.csv", ["Defaults: no trajectories were followed"]),
        (
            "experiments",
            [
                "Verdict over seeds: no two backends were scored",
                "Calibration: too few runs for one comparison",
            ],
        ),
    ],
)
def test_missing_parts_are_said_to_be_missing(plain_texts, changed, tmp_path, absent, sentences):
    (changed / absent).rename(tmp_path / absent)
    texts = rendered(*read(changed))
    for sentence in sentences:
        assert all(sentence in text for text in texts)
        assert not any(sentence in text for text in plain_texts)


def test_a_study_that_has_only_begun_has_a_page_that_answers_nothing(plain, tmp_path):
    shutil.copy(plain / "study.json", tmp_path)
    page = write_page(tmp_path).read_text()
    assert page.count("Not measured yet") == 4 and "<img" not in page


def test_a_missing_run_is_counted_and_one_without_a_score_is_left_out_not_a_zero(changed):
    shutil.rmtree(changed / "experiments" / "planted" / "runs" / "cpu-example" / "torch-seed0")
    path = changed / "experiments" / "reference" / "metrics.json"
    record = read_json(path)
    for score in record["scores"]:
        if (score["backend"], score["seed"]) == ("tf", 0):
            score["value"] = None
    write_json(path, record)
    study, findings = read(changed)
    assert all(f"1 of {PAIRS} runs" in text for text in rendered(study, findings))
    assert all(len(row.differences) == SEEDS - 1 for row in findings.seeds)


def test_a_folder_that_is_no_study_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match=r"study\.json"):
        write_page(tmp_path)


def test_open_verdicts_are_counted_and_say_how_many_seeds_they_need(changed):
    record = read_json(changed / "study.json")
    record["presets"]["consistency"]["evaluation"]["margins"]["kid_efflite0"] = 1.001
    write_json(changed / "study.json", record)
    study, findings = read(changed)
    assert "Cannot tell yet: 2 of 4 rows are open" in short_answers(study, findings)
    assert re.search("seeds would be needed|more seed", rendered(study, findings)[0])
