"""The page of a study: says what was measured, what was not, and nothing more."""

import re
import shutil

import pytest
from page_reader import check_self_contained
from study_folder import CHANGES, PAIRS, SEEDS, build_study

from harness.report.render import page_html, page_markdown
from harness.studies.consistency.page.answers import answers
from harness.studies.consistency.page.findings import find, load, own_rows
from harness.studies.consistency.page.write import make_page, write_page
from harness.system.errors import UserError
from harness.system.files import read_json, write_json

EVIL = "<script>alert(1)</script>|*x*"


def rendered(folder):
    """HTML and Markdown without drawing any figure."""
    study = load(folder)
    page = make_page(study, find(study))
    return page_html(page, {}), page_markdown(page)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return build_study(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def written(plain, tmp_path_factory):
    folder = shutil.copytree(plain, tmp_path_factory.mktemp("study") / "written")
    assert write_page(folder) == folder / "consistency.html"
    return folder


def short(folder, question):
    study = load(folder)
    return next(a.short for a in answers(study, find(study)) if question in a.question)


def test_the_page_fetches_nothing_and_shows_every_figure(written):
    text = (written / "consistency.html").read_text()
    images = check_self_contained(text).images
    assert len(images) == 3 and all(src.startswith("data:image/png") for src in images)
    links = re.findall(r"\]\((figures/[^)]+)\)", (written / "consistency.md").read_text())
    assert sorted(written / link for link in links) == sorted((written / "figures").glob("*.png"))


def test_the_same_records_give_the_same_bytes_anywhere(written, tmp_path):
    again = shutil.copytree(written, tmp_path / "moved")
    write_page(again)
    for name in ("consistency.html", "consistency.md", "consistency.json"):
        assert (again / name).read_bytes() == (written / name).read_bytes()


def test_the_answers_are_those_of_the_made_up_truth(written):
    assert short(written, "diverge faster") == "Yes: up to 6.4 times the noise floor"
    assert short(written, "default") == CHANGES.capitalize()
    assert short(written, "same scores") == "Yes, within the margins"
    assert (
        short(written, "trusted") == "False alarms: 0 % of comparisons, 0 to 71 % by the interval"
    )


def test_the_numbers_for_other_programs(written):
    got = read_json(written / "consistency.json")
    assert {row["verdict"] for row in got["seeds"]} == {"equivalent"}
    assert all(len(row["differences"]) == SEEDS for row in got["seeds"])
    for row in got["calibration"]:
        assert row["same"]["different"]["comparisons"] == 2 * PAIRS // (2 * SEEDS)
        assert row["planted"]["different"]["share"] == 1 and row["right_answer"] == "different"
        assert row["seed_deviation"] == pytest.approx(0.1 * row["margin"], rel=0.6)
    first = got["defaults"][0]
    assert first["default"] == CHANGES and first["scores"][0]["distinct"]
    assert first["scores"][0]["in_seed_deviations"]["value"] == pytest.approx(10, rel=0.6)
    others = [s for row in got["defaults"][1:] for s in row["scores"]]
    assert others and not any(score["distinct"] for score in others)
    early = next(
        r for r in got["divergence"] if r["phase"] == "early" and r["measure"] == "weights"
    )
    assert early["ratio"] == pytest.approx(9 / 2**0.5)


def test_defaults_without_any_effect_on_scores_come_last_and_are_said_to_be_unmeasured(written):
    got = read_json(written / "consistency.json")["defaults"]
    assert got[-1]["default"] == "TF32" and got[-1]["scores"] == []
    for text in rendered(written):
        assert "TF32: its effect on final scores was not measured: it acts on a GPU only" in text
        assert "not distinguishable from seed noise with 3 seeds" in text


def test_a_change_that_is_not_neutral_is_named_and_in_no_figure_or_ratio(plain):
    for text in rendered(plain):
        assert "TensorFlow: onednn is not neutral, it changes 90 % of the first update" in text
    study = load(plain)
    assert set(own_rows(study.divergence, "tf")["variant"]) == {"ulp"}
    assert all(ratio.curves == 4 for ratio in find(study).ratios)


def test_hostile_names_stay_text_and_do_not_stop_the_figures(plain, tmp_path):
    folder = shutil.copytree(plain, tmp_path / "hostile")
    record = read_json(folder / "study.json")
    record |= {"dataset": EVIL, "titles": {"a": EVIL, "b": "winter"}}
    write_json(folder / "study.json", record)
    for path in folder.glob("experiments/*/runs/*/*/environment.json"):
        write_json(path, {**read_json(path), "framework": r"$\bad{$<b>"})
    write_page(folder)
    text, twin = rendered(folder)
    parsed = check_self_contained(text)
    assert "b>" not in {name for name, _ in parsed.tags}
    assert EVIL in parsed.text and r"$\bad{$<b>" in parsed.text
    assert "<script" not in twin and r"&lt;script&gt;alert(1)&lt;/script&gt;\|\*x\*" in twin


@pytest.mark.parametrize(
    ("absent", "says"),
    [
        ("divergence.csv", "Divergence: no trajectories were followed"),
        ("defaults.csv", "Defaults: no trajectories were followed"),
        ("experiments", "Verdict over seeds: no two backends were scored"),
        ("experiments", "Calibration: too few runs for one comparison"),
    ],
)
def test_missing_parts_are_said_to_be_missing(plain, tmp_path, absent, says):
    folder = shutil.copytree(plain, tmp_path / "partial")
    (folder / absent).rename(tmp_path / absent)
    assert all(says in text for text in rendered(folder))
    assert not any(says in text for text in rendered(plain))


def test_a_study_that_has_only_begun_has_a_page_that_answers_nothing(plain, tmp_path):
    shutil.copy(plain / "study.json", tmp_path)
    page = write_page(tmp_path).read_text()
    assert page.count("Not measured yet") == 4 and "<img" not in page


def test_runs_that_are_missing_are_counted(plain, tmp_path):
    folder = shutil.copytree(plain, tmp_path / "less")
    shutil.rmtree(folder / "experiments" / "planted" / "runs" / "cpu-example" / "torch-seed0")
    for text in rendered(folder):
        assert f"1 of {PAIRS} runs" in text


def test_a_run_without_a_score_is_left_out_not_a_zero(plain, tmp_path):
    folder = shutil.copytree(plain, tmp_path / "diverged")
    path = folder / "experiments" / "reference" / "metrics.json"
    record = read_json(path)
    for score in record["scores"]:
        if (score["backend"], score["seed"]) == ("tf", 0):
            score["value"] = None
    write_json(path, record)
    assert all(len(row.differences) == SEEDS - 1 for row in find(load(folder)).seeds)


def test_a_folder_that_is_no_study_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match=r"study\.json"):
        write_page(tmp_path)


def test_open_verdicts_are_counted_and_say_how_many_seeds_they_need(plain, tmp_path):
    folder = shutil.copytree(plain, tmp_path / "narrow")
    record = read_json(folder / "study.json")
    record["presets"]["consistency"]["evaluation"]["margins"]["kid_efflite0"] = 2e-4
    write_json(folder / "study.json", record)
    assert short(folder, "same scores") == "Cannot tell yet: 2 of 4 rows are open"
    assert "seeds would be needed" in rendered(folder)[0] or "more seed" in rendered(folder)[0]
