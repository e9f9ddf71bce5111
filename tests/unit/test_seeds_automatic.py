"""--seeds auto: where it stops, what it writes down, how it goes on; and seeds added by hand."""

from types import SimpleNamespace

import pytest
from report_experiment import STEPS, TEST_IMAGES, build, editing, pages, write_run
from report_scores import metrics_record

from harness.cli import main
from harness.config.load import load_experiment
from harness.launch.launch import LaunchRequest
from harness.metrics.evaluate import Known
from harness.records.experiment import load
from harness.records.run import find_runs
from harness.records.seeds import (
    NOT_MADE_UP,
    SeedRecord,
    begin_automatic,
    compared_seeds,
    read_seeds,
    record_look,
)
from harness.report.comparison.scores import metric_rows, primary_rows
from harness.studies import seeds as automatic
from harness.system.errors import UserError
from harness.system.files import write_json
from harness.training.jobs import ComparisonRequest, PreparedExperiment, SeedBounds

DEVICE = "cpu-example"
MACHINE = SimpleNamespace(device_name=DEVICE)


class Spoken:
    """A display that remembers."""

    def __init__(self):
        self.lines = []

    def say(self, line):
        self.lines.append(line)

    def stage(self, *_):
        pass


@pytest.fixture
def trainings(tmp_path, monkeypatch):
    """`begin(margin, second)`: calls the loop with trainings and scores made up on the spot."""
    folder = build(tmp_path / "experiment", seeds=())
    (folder / "metrics.json").unlink()
    trained = []

    def train(bench, images, request, machine, display, launch, **_):
        for seed in request.seeds:
            for backend in ("torch", "tf"):
                if not (folder / "runs" / DEVICE / f"{backend}-seed{seed}").exists():
                    trained.append((backend, seed))
                    write_run(folder, DEVICE, backend, seed)
        return []

    def begin(maximum, *, margin=1.25, second=1.0, hours=None, display=None, at_once=1):
        def evaluate(where, report, known):
            there = compared_seeds(find_runs(where))[DEVICE]
            record = metrics_record(
                there, [DEVICE], ["torch", "tf"], STEPS, TEST_IMAGES, False, False
            )
            for row in record["scores"]:
                if row["backend"] == "tf":
                    row["value"] *= second
            write_json(where / "metrics.json", record)

        monkeypatch.setattr(automatic, "train_seeds", train)
        monkeypatch.setattr(automatic, "evaluate_any", evaluate)
        monkeypatch.setattr(automatic, "try_once", lambda *_: None)
        with editing(folder / "experiment.json") as record:
            record["configuration"]["evaluation"]["primary"] = "kid_efflite0"
            record["configuration"]["evaluation"]["margins"] |= {
                "kid_efflite0": margin, "fd_efflite0": 1.25, "fid": 1.25,
            }  # fmt: skip
        bench = PreparedExperiment(load_experiment("seasons", "smoke", []), None, folder)
        request = ComparisonRequest(automatic=SeedBounds(maximum, hours))
        display, known = display or Spoken(), Known()
        launch = LaunchRequest(at_once=at_once)
        failures = automatic.train_until_decided(
            bench, {}, request, MACHINE, display, known, launch
        )
        assert failures == []
        return display.lines

    return SimpleNamespace(folder=folder, begin=begin, trained=trained)


def test_equal_backends_are_found_equivalent_and_no_more_seeds_are_trained(trainings):
    lines = trainings.begin(20)
    seeds = {seed for _, seed in trainings.trained}
    assert 3 <= len(seeds) < 10 and seeds == set(range(len(seeds)))
    assert lines[-1].startswith(f"After {len(seeds)} seeds: equivalent. KID-EffLite0: summer")
    assert "ratio 1.0" in lines[-1]
    record = read_seeds(trainings.folder)
    assert record.maximum == 20
    assert [len(look) for look in record.looks[DEVICE]] == list(range(3, len(seeds) + 1))
    rows = primary_rows(metric_rows(load(trainings.folder)))
    assert {row.verdict.label for row in rows} == {"equivalent"}
    assert {row.maximum for row in rows} == {20}, "the report judges at the levels of the design"


def test_seeds_that_are_trained_at_once_are_looked_at_together(trainings):
    trainings.begin(6, margin=1.01, at_once=2)
    assert [len(look) for look in read_seeds(trainings.folder).looks[DEVICE]] == [3, 5, 6]


def test_a_clear_difference_ends_it_as_well(trainings):
    lines = trainings.begin(20, second=2.0)
    assert ": different." in lines[-1] and len(trainings.trained) < 14


def test_it_stops_at_its_maximum_and_says_what_was_likely_before(trainings):
    lines = trainings.begin(4, margin=1.01)
    assert {seed for _, seed in trainings.trained} == {0, 1, 2, 3}
    assert lines[-2].startswith("After 3 seeds: cannot tell yet")
    assert "1 more are likely: about" in lines[-2] and "1 more at most" in lines[-2]
    assert lines[-1].startswith("After 4 seeds: cannot tell yet") and "likely" not in lines[-1]


def test_interrupted_and_begun_again_it_goes_on_after_the_seeds_that_are_there(trainings):
    trainings.begin(4, margin=1.01)
    before = len(trainings.trained)
    lines = trainings.begin(4, margin=1.01)
    assert len(trainings.trained) == before and lines[-1].startswith("After 4 seeds")
    looks = read_seeds(trainings.folder).looks[DEVICE]
    assert looks == ((0, 1, 2), (0, 1, 2, 3)), "the same look again is no new one"


def test_a_pause_between_two_seeds_loses_none(trainings, monkeypatch):
    class Interrupting(Spoken):
        def say(self, line):
            super().say(line)
            if line.startswith("After 3"):
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainings.begin(5, margin=1.01, display=Interrupting())
    assert len(trainings.trained) == 6
    trainings.begin(5, margin=1.01)
    assert len(trainings.trained) == 10
    assert [len(look) for look in read_seeds(trainings.folder).looks[DEVICE]] == [3, 4, 5]


def test_no_seed_is_begun_that_would_end_after_the_hours(trainings):
    lines = trainings.begin(20, margin=1.01, hours=0.001)  # a made-up seed takes 58 s
    assert len(trainings.trained) == 6 and "MAX_HOURS=0.001" in lines[-1]


def test_a_larger_maximum_after_a_look_is_refused_and_a_smaller_one_keeps_the_levels(trainings):
    trainings.begin(5, margin=1.01)
    with pytest.raises(UserError, match="MAX_SEEDS=5 or fewer"):
        trainings.begin(6, margin=1.01)
    assert begin_automatic(trainings.folder, 4).maximum == 5


def test_a_score_that_the_data_set_does_not_allow_is_refused():
    for name, why in (("pair_psnr", "true pairs"), ("judge_accuracy", "labels")):
        with pytest.raises(UserError, match=f"evaluation.primary: {name} needs {why}"):
            automatic.check_primary(name, {})
    automatic.check_primary("pair_psnr", {"truthAB": None})
    automatic.check_primary("kid_efflite0", {})


def test_one_list_of_seeds_is_one_look_and_seeds_added_later_are_corrected_for(tmp_path):
    folder = build(tmp_path, seeds=(0, 1, 2, 3, 4))
    record_look(folder, DEVICE, (0, 1, 2, 3, 4))
    assert load(folder).asked.correction(DEVICE, range(5)) == read_seeds(folder).correction(
        DEVICE, range(5)
    )
    assert {row.maximum for row in metric_rows(load(folder))} == {None}
    assert "Seeds were added" not in pages(folder)[1]
    (folder / "seeds.json").unlink()
    record_look(folder, DEVICE, (0, 1, 2))
    record_look(folder, DEVICE, (0, 1, 2))
    assert len(read_seeds(folder).looks[DEVICE]) == 1
    assert {row.maximum for row in metric_rows(load(folder))} == {20}
    assert "Seeds were added after results had been seen" in pages(folder)[1]
    begin_automatic(folder, 20)
    assert "not made up for" in load(folder).asked.correction(DEVICE, range(5)).note
    many = load(folder).asked.correction(DEVICE, range(25))
    assert many.maximum == 100 and "not fully corrected" in many.note
    merged = read_seeds(folder).correction(DEVICE, range(5), merged=True)
    assert merged.maximum is None and "merged" in merged.note


def test_corrections_follow_from_the_design_and_the_looks():
    def maximum(record, seeds, device=DEVICE):
        return record.correction(device, seeds).maximum

    automatic, begun_late = SeedRecord(5, {}), SeedRecord(5, {}, looked_before=True)
    assert [maximum(automatic, range(n)) for n in (2, 3, 5, 6)] == [None, 5, 5, 20]
    assert automatic.correction(DEVICE, range(2)).note == ""
    for record in (automatic, begun_late):
        note = record.correction(DEVICE, range(5)).note
        assert "5 at most" in note and (NOT_MADE_UP in note) == record.looked_before
    looked = SeedRecord(None, {DEVICE: ((0, 1, 2),)})
    sizes = [maximum(looked, range(n)) for n in (3, 4, 20, 21, 100, 101)]
    assert sizes == [None, 20, 20, 100, 100, None]
    assert maximum(looked, (2, 1, 0)) is None, "the look that is recorded, in another order"
    assert maximum(looked, range(5), "another") is None
    assert looked.correction(DEVICE, range(3)).note == ""
    # Below three seeds nothing is claimed, so nothing was looked at.
    assert maximum(SeedRecord(None, {DEVICE: ((0, 1),)}), range(5)) is None
    assert maximum(SeedRecord(None, {DEVICE: ((0, 1, 2), (0, 1, 2, 3))}), range(4)) == 20


def test_a_design_may_grow_until_the_first_look_and_knows_of_looks_before_it(tmp_path):
    assert begin_automatic(tmp_path, 5) == SeedRecord(5, {})
    record_look(tmp_path, DEVICE, (1, 0))
    record_look(tmp_path, "another", ())
    assert begin_automatic(tmp_path, 9) == SeedRecord(9, {DEVICE: ((0, 1),)})
    record_look(tmp_path, DEVICE, (2, 1, 0))
    record_look(tmp_path, "another", (0, 1, 2))
    looks = {DEVICE: ((0, 1), (0, 1, 2)), "another": ((0, 1, 2),)}
    assert begin_automatic(tmp_path, 9) == begin_automatic(tmp_path, 3) == SeedRecord(9, looks)
    (tmp_path / "seeds.json").unlink()
    record_look(tmp_path, DEVICE, (0, 1, 2))
    assert begin_automatic(tmp_path, 9).looked_before and read_seeds(tmp_path).looked_before


def test_seeds_are_compared_where_every_backend_completed_them():
    runs = [
        SimpleNamespace(device=device, backend=backend, seed=seed, complete=complete)
        for device, backend, seed, complete in [
            ("cpu", "torch", 2, True), ("cpu", "torch", 0, True), ("cpu", "torch", 1, True),
            ("cpu", "tf", 2, True), ("cpu", "tf", 0, True), ("cpu", "tf", 1, False),
            ("gpu", "tf", 0, True), ("gpu", "torch", 0, False),
        ]
    ]  # fmt: skip
    assert compared_seeds(runs) == {"cpu": [0, 2]}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"design": "auto", "maximum": None, "looked_before": False, "looks": []}, "maximum"),
        ({"design": "fixed", "maximum": None, "looked_before": False,
          "looks": [{"device": "x", "seeds": [-1]}]}, "looks.0.seeds.0"),
        ({"design": "often", "maximum": None, "looked_before": False, "looks": []}, "design"),
    ],
)  # fmt: skip
def test_a_damaged_record_is_named(tmp_path, content, problem):
    write_json(tmp_path / "seeds.json", content)
    with pytest.raises(UserError, match=rf"seeds\.json: {problem}"):
        read_seeds(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--max-seeds", "5"), "--seeds auto"),
        (("--seeds", "auto", "--max-seeds", "2"), "from 3 to 100"),
        (("--seeds", "auto", "--max-hours", "0"), "above zero"),
        (("--seeds", "auto", "--backends", "torch"), "two backends"),
        (("--seeds", "automatic"), "whole numbers"),
    ],
)
def test_impossible_bounds_end_before_anything_starts(arguments, problem, tmp_path, capsys):
    try:
        status = main(["compare", "--results", str(tmp_path / "r"), *arguments])
    except SystemExit as end:
        status = end.code
    said = capsys.readouterr().err
    assert status == 2 and problem in said.splitlines()[-1]
    assert not (tmp_path / "r").exists()
