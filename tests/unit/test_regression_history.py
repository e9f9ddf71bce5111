"""`cyclebench regress NEW history.jsonl`: which days are the baseline, and what follows."""

import json
from shutil import copytree, ignore_patterns

import bench_records
import numpy as np
import pytest
from history_entries import FIRST, entry, lines
from report_experiment import build, editing

from harness.cli import main
from harness.statistics.change import score_against_days
from harness.statistics.equivalence import Margin
from harness.studies.history.entry import Entry
from harness.studies.history.find import entries_of
from harness.studies.regression.history import LATEST, read_baseline
from harness.studies.timing.record_files import write_record


@pytest.fixture
def place(tmp_path):
    """Where a bench `new.json` is held against a history of others like it."""

    class Place:
        new, history = tmp_path / "new.json", tmp_path / "history.jsonl"

        def bench(self, ratio=1.2):
            write_record(bench_records.several(ratio), self.new)
            (self.entry,) = entries_of(self.new).values()
            return self

        def weeks(self, *ratios, per_week=1, **changed):
            """One entry a week; `ratios`: of TensorFlow. PyTorch differs by 1 % from day to day."""
            rng, entries = np.random.default_rng(0), []
            for number, ratio in enumerate(ratios):
                torch = 0.1 * float(np.exp(0.01 * rng.standard_normal()))
                same = {"series": self.entry.series, "preset": "smoke", **changed}
                one = entry(number // per_week, torch, ratio, **same)
                entries.append(one.model_copy(update={"identity": f"e{number}"}))
            with self.history.open("a") as file:
                file.write(lines(entries))
            return self

        def regress(self, *more):
            return main(["regress", str(self.new), str(self.history), *more])

        def document(self, capsys, *more):
            self.regress(*more, "--json")
            return json.loads(capsys.readouterr().out)

    return Place().bench()


def labels(document):
    judged = (change for change in document["changes"] if change["judged"])
    return {(c["quantity"], c["backend"]): c["label"] for c in judged}


def test_a_regression_against_the_days_of_a_history_is_status_1(place, capsys):
    place.weeks(*[1.2] * 6)
    assert place.regress() == 0
    assert "6 days of the history, 2026-01-05 to 2026-02-09." in capsys.readouterr().out
    document = place.bench(1.45).document(capsys)
    assert labels(document) == {
        ("step time", "torch"): "unchanged",
        ("step time", "tf"): "regression",
    }
    assert document["regressed"] and "Since 2026-02-09 (0000005)" in document["sentence"]
    (tf,) = (c for c in document["changes"] if (c["quantity"], c["backend"]) == ("step time", "tf"))
    assert tf["days"] == 6 and tf["counts"] == [6, 6]
    relative = next(c for c in document["changes"] if c["quantity"] == "step time relative")
    assert relative["change"]["value"] == pytest.approx(1.45 / 1.2, rel=0.01)
    assert place.regress() == 1 and place.regress("--time", "40%") == 0


def test_the_interval_is_over_days(place, capsys):
    place.weeks(1.0, 1.4, 1.1, 1.5, 1.2).bench(1.4)
    document = place.document(capsys)
    assert labels(document)["step time", "tf"] == "cannot tell" and place.regress("--strict") == 3


@pytest.mark.parametrize("days", [1, 2])
def test_too_few_days_cannot_tell_and_it_says_why(place, capsys, days):
    place.weeks(*[1.2] * days).bench(3.0)
    assert place.regress() == 0
    said = capsys.readouterr().out
    assert f"{days} day" in said and "Fewer than 3 days do not show how days differ" in said
    assert "cannot tell" in said and "of the baseline, and so about any such day" not in said


def test_entries_of_one_day_are_one_day(place):
    place.weeks(*[1.2] * 6, per_week=3)
    read = read_baseline(place.new, place.history, 0.05)
    assert [day.finished for day in read.days] == ["2026-01-12"] and "2 days" in read.notes[0]


def test_the_days_begin_with_the_last_step_so_that_it_is_reported_once(place, capsys):
    place.weeks(*[1.2] * 12, *[1.45] * 3).bench(1.45)
    assert place.regress() == 1, "three days do not make a step yet"
    said = capsys.readouterr().out
    assert "12 days of the history" in said and "Without 3 other days beyond the limit" in said
    place.history.unlink()
    place.weeks(*[1.2] * 12, *[1.45] * 7)
    assert place.regress() == 0
    said = capsys.readouterr().out
    assert "7 days of the history, 2026-03-30 to 2026-05-11; they begin with the last step:" in said
    assert "(000000c)" in said


def test_of_a_long_history_the_latest_days_count(place):
    read = read_baseline(place.new, place.weeks(*[1.2] * 30).history, 0.05)
    assert len(read.days) == LATEST and read.days[0].revisions == (f"{29:07x}",)


def test_the_new_one_is_not_its_own_baseline(place):
    same = place.entry.model_copy(update={"measured": FIRST})
    place.weeks(*[1.2] * 4)
    place.history.write_text(place.history.read_text() + lines([same]))
    assert len(read_baseline(place.new, place.history, 0.05).days) == 4
    place.history.write_text(lines([same]))
    assert read_baseline(place.new, place.history, 0.05).days == ()


@pytest.mark.parametrize(
    "changed",
    [
        {"series": "other"},
        {"machine": {"device": "another", "kind": "cpu"}},
        {"backends": entry(0, 0.1, 1.2).backends[::-1]},
    ],
)
def test_other_series_devices_and_backends_are_no_baseline(place, capsys, changed):
    assert place.weeks(*[1.2] * 5, **changed).regress() == 0 and place.regress("--strict") == 3
    said = " ".join(capsys.readouterr().out.split())
    assert "no entry with the data, configuration, device (a machine) and backends" in said
    assert "history.jsonl: nothing was judged." in said
    document = place.document(capsys)
    assert document["unsettled"] and not document["regressed"] and document["changes"] == []


def test_busy_days_are_none(place):
    place.weeks(*[1.2] * 4, *[None] * 3)
    assert len(read_baseline(place.new, place.history, 0.05).days) == 4


def test_bad_input_is_status_2(place, tmp_path, capsys):
    place.weeks(*[1.2] * 4)
    assert place.regress("--allow", "model.blocks") == 2
    assert place.regress(str(place.new), str(place.new)) == 2
    assert main(["regress", str(place.history), str(place.new)]) == 2
    assert main(["regress", str(place.new), str(tmp_path / "none.jsonl")]) == 2
    assert "none.jsonl: no such file" in capsys.readouterr().err
    place.history.write_text("{}\n")
    assert place.regress() == 2
    assert "history.jsonl:1: not an entry" in capsys.readouterr().err


# --------------------------------------------------------------------------------- experiments


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build(tmp_path_factory.mktemp("built") / "folder", (0, 1, 2), ("cpu-example", "gpu"))


@pytest.fixture
def weekly(tmp_path, built):
    """A copy of an experiment to change, and a history of it."""
    new = copytree(built, tmp_path / "new", ignore=ignore_patterns("*.safetensors"))
    history = tmp_path / "history.jsonl"
    entries = []
    for device, count in (("cpu-example", 5), ("gpu", 1)):
        document = entries_of(built)[device].model_dump(mode="json")
        for week in range(count):
            document |= {
                "identity": f"{device}-{week}",
                "measured": f"2026-04-{week + 1:02d}T00:00Z",
            }
            document["code"]["revision"] = f"r{week}"
            entries.append(Entry.model_validate(document))
    history.write_text(lines(entries))
    return new, history


def test_scores_are_held_against_those_of_the_days(weekly, capsys):
    new, history = weekly
    assert main(["regress", str(new), str(history), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    scores = [c for c in document["changes"] if c["quantity"] == "kid_efflite0"]
    assert {(c["device"], c["label"], c["judged"]) for c in scores} == {
        ("cpu-example", "unchanged", True), ("gpu", "cannot tell", True)
    }  # fmt: skip
    assert "KID-EffLite0 cannot be told from 1 day" in document["sentence"]
    assert len(document["notes"]) == 2 and document["unmatched"] == []
    assert "PyTorch, TensorFlow: git_revision r4 (now 4f2a9c1)" in document["circumstances"]
    with editing(new / "metrics.json") as record:
        for row in record["scores"]:
            if row["metric"] == "kid_efflite0" and row["backend"] == "tf":
                row["value"] += 0.03
    assert main(["regress", str(new), str(history)]) == 1
    assert "REGRESSION: KID-EffLite0" in capsys.readouterr().out
    assert main(["regress", str(new), str(history), "--scores", "none"]) == 0
    assert main(["regress", str(new), str(history), "--scores", "cycle_psnr"]) == 0


def test_real_images_that_score_otherwise_are_refused(weekly, capsys):
    new, history = weekly
    with editing(new / "metrics.json") as record:
        for row in record["references"]:
            row["floor"] = row["floor"] and 1.01 * row["floor"]
    assert main(["regress", str(new), str(history)]) == 2
    assert "scored in another way" in capsys.readouterr().err


RATIO, DIFFERENCE = Margin(1.25, "ratio"), Margin(0.5)


@pytest.mark.parametrize(
    ("new", "days", "margin", "better", "label"),
    [
        (1.0, (1.0, 1.0, 1.0), RATIO, "lower", "unchanged"),
        (1.3, (1.0, 1.0, 1.0), RATIO, "lower", "regression"),
        (1.3, (1.0, 1.0, 1.0), RATIO, "higher", "improvement"),
        (0.7, (1.0, 1.0, 1.0), RATIO, "lower", "improvement"),
        (1.3, (1.0, 1.2, 0.8), RATIO, "lower", "cannot tell"),
        (1.3, (1.0, 1.0), RATIO, "lower", "cannot tell"),
        (1.3, (-1.0, -1.0, -1.0), RATIO, "lower", "cannot tell"),
        (20.0, (21.0, 21.1, 20.9), DIFFERENCE, "higher", "regression"),
        (20.8, (21.0, 21.05, 20.95), DIFFERENCE, "higher", "unchanged"),
        (20.0, (21.0, 21.1, 20.9), None, "higher", "shown only"),
    ],
)
def test_a_score_against_days(new, days, margin, better, label):
    assert score_against_days(new, days, margin, better, 0.05)[1] == label


def test_the_interval_of_a_further_day_covers_no_change():
    rng, covered = np.random.default_rng(1), 0
    for _ in range(1500):
        *days, new = rng.standard_normal(6)
        interval, _ = score_against_days(new, days, DIFFERENCE, "lower", 0.05)
        covered += interval.low <= 0 <= interval.high
    assert 0.935 < covered / 1500 < 0.965
