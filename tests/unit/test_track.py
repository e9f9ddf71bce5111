"""`cyclebench track`: what becomes an entry, and what is said of it."""

import json
import os
from shutil import copytree, rmtree
from types import SimpleNamespace

import bench_records
import numpy as np
import pytest
from history_entries import FIRST, entry
from report_experiment import build, editing

from harness.cli import main
from harness.records.experiment import load
from harness.report.comparison.data_files import summary
from harness.report.comparison.findings import find
from harness.studies.history import from_experiment
from harness.studies.history.entry import Entry
from harness.studies.history.file import append
from harness.studies.history.find import entries_of
from harness.studies.history.find import find as find_entries
from harness.studies.history.over_time import follow
from harness.studies.timing.record_files import write_record
from harness.system.errors import UserError

GPU, CPU = "gpu-example", "cpu-example"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build(tmp_path_factory.mktemp("built") / "folder", (0, 1, 2), (CPU, GPU))


@pytest.fixture
def results(tmp_path, built):
    """An experiment on two devices, one that has not finished, a bench, and a bench of A/A."""
    folder = tmp_path / "results"
    copytree(built, folder / "one")
    unfinished = build(folder / "unfinished", (0,))
    for status in unfinished.glob("runs/*/*/status.json"):
        with editing(status) as record:
            record["state"] = "interrupted"
    (folder / "bench").mkdir()
    write_record(bench_records.several(1.2), folder / "bench/two.json")
    same = bench_records.several(1.0, names=("torch", "torch"))
    write_record(same, folder / "bench/same.json")
    return folder


def track(*arguments):
    return main(["track", *map(str, arguments)])


def tracked(capsys, *arguments):
    assert track(*arguments, "--json") == 0
    return json.loads(capsys.readouterr().out)


def test_an_entry_has_the_numbers_of_summary_json(built):
    experiment = load(built)
    entries, wanted = entries_of(built), summary(experiment, find(experiment))
    assert set(entries) == {CPU, GPU}
    for device, one in entries.items():
        steps = next(
            row for row in wanted["timing"]
            if row["device"] == device and row["quantity"] == "step_ms_median"
        )  # fmt: skip
        for side in one.backends:
            assert side.step.value == pytest.approx(steps[side.backend] / 1000, rel=1e-12)
        (pair,) = one.pairs
        ratio = {"value": pair.ratio.value, "low": pair.ratio.low, "high": pair.ratio.high}
        assert ratio == steps["ratio"] and (pair.first, pair.second) == ("torch", "tf")
        rows = [row for row in wanted["metrics"] if row["device"] == device]
        assert [
            (v.metric, v.direction, v.verdict, v.margin, v.margin_scale, v.primary,
             v.difference.value, v.difference.low, v.difference.n)
            for v in pair.verdicts
        ] == [
            (r["metric"], r["direction"], r["verdict"], r["margin"], r["margin_scale"],
             r["primary"], r["difference"]["value"], r["difference"]["low"], 3)
            for r in rows
        ]  # fmt: skip
        for side in one.backends:
            assert [(s.metric, s.direction, s.estimate.value) for s in side.scores] == [
                (r["metric"], r["direction"], r[side.backend]["value"]) for r in rows
            ]
            assert {score.estimate.n for score in side.scores} == {3}
        floors = {(r.metric, r.direction): (r.floor, r.untranslated) for r in one.references}
        assert floors == {
            (r["metric"], r["direction"]): (r["floor"], r["identity_baseline"]) for r in rows
        }
        assert (one.seeds, one.steps, one.dataset) == ((0, 1, 2), 200, "toyseasons")
        assert one.sentence.startswith("Do they learn the same? Not decided by 3 seeds")
        assert one.changes["model.blocks"] == "3"
    gpu = entries[GPU]
    assert (gpu.machine.kind, gpu.machine.driver) == ("cuda", "555.42")
    assert gpu.backends[0].joules and entries[CPU].backends[0].joules is None
    assert entries[CPU].series == gpu.series and entries[CPU].identity != gpu.identity


def test_a_bench_record_is_an_entry(results):
    (one,) = entries_of(results / "bench/two.json").values()
    record = bench_records.several(1.2)
    assert one.pairs[0].ratio.value == record.ratio.value and one.pairs[0].ratio.n == 6
    assert one.pairs[0].ratio.low == record.ratio.low
    assert one.backends[1].step.value == pytest.approx(np.median(record.warm(1)))
    assert (one.kind, one.dataset, one.steps, one.machine.device) == ("bench", None, 0, "a machine")
    assert one.sentence.startswith("TensorFlow takes 1.2") and one.code.revision == "abc"


def test_seeds_of_a_ratio_are_those_of_both(tmp_path):
    folder = build(tmp_path / "fewer", (0, 1, 2))
    rmtree(folder / "runs" / CPU / "tf-seed2")
    (pair,) = entries_of(folder)[CPU].pairs
    assert pair.ratio.n == 2


def test_a_value_is_of_a_pair_that_nothing_disturbed_if_there_is_one(built):
    experiment = load(built)
    rows = [
        SimpleNamespace(quantity="step_ms_median", values={"torch": value},
                        load=SimpleNamespace(refused=refused))
        for value, refused in ((30.0, True), (20.0, False))
    ]  # fmt: skip
    assert (
        from_experiment._side(experiment, experiment.of("torch", CPU), [], rows).step.value == 0.02
    )


def test_series_are_of_data_and_configuration_whatever_seeds_and_backends(tmp_path, built):
    def series(name, file=None, change=None, **arguments):
        folder = (
            build(tmp_path / name, **arguments) if arguments else copytree(built, tmp_path / name)
        )
        if file:
            with editing(folder / file) as record:
                change(record)
        return next(iter(entries_of(folder).values())).series

    same = series("same")
    assert series("alone", seeds=(5,), backends=("torch",)) == same
    data = series("data", "manifest.json", lambda record: record.update(digest="e" * 64))
    rate = series(
        "rate", "experiment.json",
        lambda record: record["configuration"]["optimiser"].update(learning_rate=1e-4),
    )  # fmt: skip
    assert len({same, data, rate}) == 3


def test_when_it_was_measured_is_when_the_last_run_finished(results):
    folder = results / "one"
    for number, status in enumerate(sorted(folder.glob(f"runs/{CPU}/*/status.json"))):
        os.utime(status, (FIRST.timestamp() + number,) * 2)
    one = entries_of(folder)[CPU]
    assert (one.measured - FIRST).total_seconds() == 5
    os.utime(results / "bench/two.json", (FIRST.timestamp(),) * 2)
    assert entries_of(results / "bench/two.json")["a-machine"].measured == FIRST


def test_everything_below_a_results_folder_is_tracked_once(results, tmp_path, capsys):
    history = tmp_path / "new" / "history.jsonl"
    first = tracked(capsys, results, "--to", history)
    assert len(first["added"]) == 3 and first["already_there"] == []
    same, unfinished = sorted(first["passed_over"])
    assert "same.json: one backend against itself (A/A)" in same
    assert "unfinished: no complete run" in unfinished
    content = history.read_bytes()
    again = tracked(capsys, results, "--to", history)
    assert again["added"] == [] and sorted(again["already_there"]) == sorted(first["added"])
    assert history.read_bytes() == content
    # Copies are no new measurements, wherever they lie and however old they say they are.
    copytree(results / "one", tmp_path / "copy")
    assert tracked(capsys, tmp_path / "copy", "--to", history)["added"] == []
    assert track(results, "--to", history) == 0
    said = capsys.readouterr().out
    assert "0 added, 3 already there, 3 in all" in said and "too few to tell" in said
    assert track(results, "--to", history, "--quiet") == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_a_history_in_the_folder_is_no_source_of_itself(results, capsys):
    history = results / "history.jsonl"
    append(history, [entry(0, 0.1, 1.2)])
    assert tracked(capsys, results, "--to", history)["already_there"] == []
    assert len(tracked(capsys, history, "--to", results.parent / "new.jsonl")["added"]) == 4


def test_what_has_nothing_to_track_is_refused(results, tmp_path):
    for path, says in (
        (results / "unfinished", "no complete run in it"),
        (results / "bench/same.json", "A/A"),
        (tmp_path / "none", "none: no such file or folder"),
    ):
        with pytest.raises(UserError, match=says):
            find_entries([path])
    with pytest.raises(UserError, match="A/A"):
        find_entries([results / "bench/two.json", results / "bench/same.json"])
    with editing(results / "one/metrics.json") as record:
        record["scores"] = [row for row in record["scores"] if row["seed"] != 2]
    with pytest.raises(UserError, match="seed2: not scored yet"):
        find_entries([results])


def test_nothing_is_written_for_a_damaged_record(results, tmp_path, capsys):
    (results / "bench/broken.json").write_text("{")
    assert track(results, "--to", tmp_path / "history.jsonl") == 2
    said = capsys.readouterr().err
    assert (
        "broken.json: cannot be read as JSON" in said and not (tmp_path / "history.jsonl").exists()
    )


@pytest.mark.parametrize(
    ("name", "says"),
    [("history.json", "ends in .jsonl"), ("", "ends in .jsonl"), ("file/h.jsonl", "cannot write")],
)
def test_where_no_history_can_be_is_refused(results, tmp_path, capsys, name, says):
    (tmp_path / "file").write_text("")
    assert track(results, "--to", tmp_path / name if name else "") == 2
    assert says in capsys.readouterr().err


# ------------------------------------------------------------------------------------- over time


def weeks(count, at=None, factor=1.05, series="s", first=0, **changed):
    """Of `count` entries; from `at` on TensorFlow takes longer by `factor`."""
    rng = np.random.default_rng(0)
    return [
        entry(
            first + week,
            0.1 * float(np.exp(0.01 * rng.standard_normal())),
            1.2 * (factor if at is not None and week >= at else 1.0)
            * float(np.exp(0.005 * rng.standard_normal())),
            series=series,
            **changed,
        )
        for week in range(count)
    ]  # fmt: skip


def courses(entries):
    (place,) = follow(entries).places
    return {(c.quantity.kind, c.quantity.backends): c for c in place.courses}


def test_a_step_is_found_whatever_the_order_of_the_lines():
    entries = weeks(30, at=18)
    for order in (entries, entries[::-1]):
        found = courses(order)
        assert not found["step time", ("torch",)].steps
        relative = found["step time relative", ("torch", "tf")]
        (step,) = relative.steps
        assert step.entry.identity == "s-18" and step.before.identity == "s-17"
        assert step.change.low < 1.05 < step.change.high
        assert relative.median == pytest.approx(1.26, rel=0.01)
        (step,) = found["step time", ("tf",)].steps
        assert step.entry.identity == "s-18"


def test_devices_series_and_sets_of_backends_are_apart():
    others = [
        {"series": "t"},
        {"machine": {"device": "another", "kind": "cpu"}},
        {"backends": entry(0, 0.1, 1.2).backends[::-1]},
    ]
    entries = weeks(4) + [one for k in others for one in weeks(2, first=10, **k)]
    assert [len(place.entries) for place in follow(entries).places] == [4, 2, 2, 2]


def test_times_of_a_busy_machine_count_in_no_course(capsys, tmp_path, results):
    entries = weeks(12) + [entry(week, 0.2, None) for week in (12, 13, 14)]
    found = courses(entries)
    assert len(found["step time", ("torch",)].values) == 12
    assert not found["step time", ("torch",)].steps
    append(tmp_path / "history.jsonl", entries)
    assert track(results / "bench", "--to", tmp_path / "history.jsonl") == 0
    assert "Times of 3 entries left out" in capsys.readouterr().out
    assert follow([entry(0, 0.2, None)]).needed == 8, "where nothing is followed"


def test_primary_scores_are_followed_and_no_others(built):
    one = entries_of(built)[CPU]
    kinds = {
        (c.quantity.metric, c.quantity.direction, c.quantity.backends)
        for c in follow([one]).places[0].courses
        if c.quantity.kind == "score"
    }
    both = ("torch",), ("tf",)
    assert kinds == {("kid_efflite0", d, name) for d in ("ab", "ba") for name in both}


def test_a_score_that_was_the_same_every_week_steps_where_it_changes(built):
    one = entries_of(built)[CPU].model_dump(mode="json")
    entries = []
    for week in range(20):
        document = json.loads(json.dumps(one))
        document |= {"identity": f"x{week}", "measured": f"2026-03-{week + 1:02d}T00:00:00Z"}
        document["backends"][0]["scores"][0]["estimate"]["value"] = 0.10 if week < 12 else 0.13
        entries.append(Entry.model_validate(document))
    (place,) = follow(entries).places
    steps = {(c.quantity.metric, c.quantity.direction, c.quantity.backends): c.steps
             for c in place.courses if c.steps}  # fmt: skip
    ((key, (step,)),) = steps.items()
    assert key == ("kid_efflite0", "ab", ("torch",)) and step.entry.identity == "x12"
    assert step.change.value == pytest.approx(0.03)


def test_what_is_printed_and_what_is_json(results, tmp_path, capsys):
    history = tmp_path / "history.jsonl"
    append(history, weeks(30, at=18))
    document = tracked(capsys, results / "bench", "--to", history)
    first, second = document["places"]
    assert (first["series"], first["entries"], second["entries"]) == ("s", 30, 1)
    relative = next(c for c in first["courses"] if c["quantity"] == "step time relative")
    assert relative["backend"] == "tf/torch" and len(relative["values"]) == 30
    (step,) = relative["steps"]
    assert (step["identity"], step["before"], step["revision"]) == ("s-18", "s-17", "0000012")
    assert set(step["change"]) == {"value", "low", "high"} and document["alpha"] == 0.05
    assert track(results / "bench", "--to", history) == 0
    said = capsys.readouterr().out
    assert "on 2026-05-11 (0000012)" in said and "+5." in said and "none" in said
    assert "any step is found with a probability of 5 % at most" in said


def test_texts_of_a_history_are_not_obeyed(results, tmp_path, capsys):
    odd = entry(
        0, 0.1, 1.2, preset="\x1b[31m[red]x", machine={"device": "\x1b]0;y\x07", "kind": "cpu"}
    )
    append(tmp_path / "h.jsonl", [odd])
    assert track(results / "bench", "--to", tmp_path / "h.jsonl") == 0
    said = capsys.readouterr().out
    assert "\x1b" not in said and "\x07" not in said and "[red]x" in said
