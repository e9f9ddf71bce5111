"""An estimate from measurements of which the answer is known, and against records of runs."""

from __future__ import annotations

import io
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from harness.cli import main
from harness.config.load import load_experiment
from harness.data import ImageFile, Manifest
from harness.records.run import RunRecord
from harness.studies.estimate import measure
from harness.studies.estimate.check import check, check_json, print_check, read_recorded
from harness.studies.estimate.measure import relative_spread
from harness.studies.estimate.predict import (
    CHECKED,
    CLOCKS,
    Extraction,
    MeasuredCosts,
    Scoring,
    predict,
)
from harness.studies.estimate.scoring import REPORT_SECONDS, time_report
from harness.studies.estimate.show import as_json, print_estimate, read_price
from harness.studies.estimate.work import Counts, Work
from harness.system.errors import UserError
from harness.system.files import write_json
from harness.system.machine import Machine
from harness.system.progress import Display
from harness.training.timed_session import Block

MACHINE = Machine("cpu", "a machine, 2 threads", 2)
MEASURED = MeasuredCosts(
    backend="torch",
    framework="PyTorch",
    start=1.0,
    setup=2.0,
    first_step=5.0,
    step=0.1,
    spread=0.0,
    data=0.001,
    logging=0.002,
    compiling=1.4,
    translation=0.08,
    scores=0.01,
    save=0.5,
)
SCORING = Scoring(
    features=Extraction(start=3.0, image=0.1),
    inception=None,
    evaluation=2.0,
    last=5.0,
    references=1.0,
    report=6.0,
    report_source="measured on one",
)


def work(*settings, counts=None, seeds=1, backends=("torch", "tf")):
    """400 + 400 training images, 120 + 120 test images, two epochs of 200 steps."""
    small = ("training.epochs_constant=1", "training.epochs_decay=1", "data.load_size=64",
             "training.steps_per_epoch=200", "timing.checkpoint_seconds=1000",
             "evaluation.evaluate_every=1")  # fmt: skip
    experiment = load_experiment(None, "quick", [*small, *settings])
    return Work(experiment, counts or Counts(400, 400, 120, 120), backends, seeds)


def predicted(*settings, scoring=SCORING, preparing=7.0, counts=None, seeds=1, **changes):
    """The second backend takes twice as long for a step."""
    first = replace(MEASURED, **changes)
    second = replace(first, backend="tf", framework="TensorFlow", step=2 * first.step)
    return predict(work(*settings, counts=counts, seeds=seeds), (first, second), scoring, preparing)


def test_steps_epochs_and_evaluations_are_those_of_a_run():
    one = work()
    assert (one.steps, one.per_epoch, one.evaluations) == (400, 200, 1)
    paper = Work(load_experiment(None, "paper", []), Counts(1000, 900, 250, 240), ("torch",))
    assert (paper.steps, paper.per_epoch, paper.evaluations) == (200_000, 1000, 19)
    assert paper.tested == (250, 240)
    few = work("evaluation.images=100", counts=Counts(400, 400, 90, 120))
    assert few.tested == (90, 100) and work(seeds=3).runs == 6


def test_every_clock_of_a_run_is_predicted_from_the_session():
    one, run = work(), predicted().runs["torch"]
    warm = one.experiment.timing.warmup_steps
    assert run["start"] == 1 and run["setup"] == 2
    assert run["warmup"] == pytest.approx(5 + (warm - 1) * 0.1)
    assert run["train"] == pytest.approx((400 - warm) * 0.1)
    assert run["data"] == pytest.approx(0.4) and run["logging"] == pytest.approx(0.8)
    # 240 images, translated at the first evaluation and one between, and at the last also by the
    # last step's weights, back, and into their own domain; they and their translations are scored
    # at all three.
    assert run["evaluation"] == pytest.approx(1.4 + 240 * (6 * 0.08 + 6 * 0.01))
    last = predicted("objective.average=0").runs["torch"]
    assert last["evaluation"] == pytest.approx(1.4 + 240 * (5 * 0.08 + 6 * 0.01))
    assert run["checkpoint"] == pytest.approx(0.5)

    short = predicted("training.steps=3").runs["torch"]
    assert short["train"] == 0 and short["warmup"] == pytest.approx(5 + 2 * 0.1)
    # Domains of two shapes have no translations into themselves.
    shapes = predicted("data.channels_b=1", "objective.identity=0").runs["torch"]
    assert shapes["evaluation"] == pytest.approx(1.4 + 240 * (5 * 0.08 + 6 * 0.01))


def test_steps_beside_others_take_as_long_as_the_slowest_backend():
    timed = "timing.timed_steps=100"
    alone = predicted(timed)
    estimate, one = predicted(timed, beside=0.15), work(timed)
    run, warm = estimate.runs["torch"], one.experiment.timing.warmup_steps
    assert alone.runs["torch"]["beside"] == alone.overlap == 0 and alone.runs["tf"]["train"] > 70
    assert run["train"] == pytest.approx((100 - warm) * 0.1)
    # Another process starts, sets up, compiles and trains 300 steps.
    assert run["beside"] == pytest.approx(5 + 299 * 0.15)
    assert run["start"] == 2 and run["setup"] == 4
    # Both take 1 + 2 + 49.85 s at the same time.
    assert estimate.overlap == pytest.approx(1 + 2 + 5 + 299 * 0.15)
    several = predicted(timed, beside=0.15, seeds=3)
    assert several.training == pytest.approx(3 * estimate.training)
    assert estimate.training == pytest.approx(
        sum(estimate.run(name) for name in ("torch", "tf")) - estimate.overlap
    )
    longer = predicted("timing.timed_steps=400", beside=0.15)
    assert longer.overlap == 0 and longer.runs["torch"]["start"] == 1


def test_checkpoints_on_the_way_go_by_the_wall_clock_of_all_turns():
    blocks = "timing.block_seconds=2"
    rare, often = predicted(blocks), predicted(blocks, "timing.checkpoint_seconds=20")
    # A round of blocks later than every 20 s.
    turns = sum(sum(run[clock] for clock in ("train", "data", "logging", "evaluation"))
                for run in rare.runs.values())  # fmt: skip
    assert turns // 22 >= 10
    more = {name: often.runs[name]["checkpoint"] - rare.runs[name]["checkpoint"]
            for name in rare.runs}  # fmt: skip
    assert more == pytest.approx(dict.fromkeys(more, 0.5 * (turns // 22)))


def test_scoring_grows_with_runs_and_evaluations():
    one = predicted().shared
    # Real, recoloured and floor images once; of each of 2 runs, translations of 3 evaluations, and
    # of the last one by two kinds of weights.
    assert one["features"] == pytest.approx(3 + 0.1 * (6 * 120 + 2 * 4 * 240))
    assert one["scores"] == pytest.approx(2 * (3 * 2 + 5) + 1)
    assert one["images"] == 7 and one["report"] == 6
    # A process, compiling, and 199 steps more, of the first backend.
    assert one["twin"] == pytest.approx(1 + 2 + 5 + 199 * (0.1 + 0.001 + 0.002))
    three = predicted(seeds=3).shared
    assert three["features"] == pytest.approx(3 + 0.1 * (6 * 120 + 6 * 4 * 240))
    assert three["images"] == 7 and three["report"] == 6
    few = predicted(counts=Counts(50, 400, 120, 120)).shared
    assert one["features"] - few["features"] == pytest.approx(7.0), "a floor of 50 of A, not 120"
    # FID reads the last translations once more.
    with_fid = replace(SCORING, inception=Extraction(start=4.0, image=0.5))
    more = predicted(scoring=with_fid).shared["features"] - one["features"]
    assert more == pytest.approx(4 + 0.5 * (6 * 120 + 2 * 2 * 240))


def test_the_total_is_the_sum_of_turns_for_every_seed():
    one, three = (predicted(seeds=seeds) for seeds in (1, 3))
    runs = one.run("torch") + one.run("tf")
    assert one.run("tf") - one.run("torch") == pytest.approx(395 * 0.1 + 4 * 0.1)
    assert one.total["value"] == pytest.approx(runs + sum(one.shared.values()))
    assert three.total["value"] == pytest.approx(3 * runs + sum(three.shared.values()))


def test_blocks_that_differ_widen_the_range_as_far_as_steps_make_up_the_total():
    total = predicted().total
    assert total["low"] == pytest.approx((1 - CHECKED) * total["value"])
    assert total["high"] == pytest.approx((1 + CHECKED) * total["value"])
    estimate = predicted(spread=0.3)
    share = sum(run["train"] for run in estimate.runs.values()) / estimate.total["value"]
    assert estimate.margin == pytest.approx(CHECKED + 0.3 * share)
    assert predicted(spread=9.0).total["low"] == 0


def test_a_spread_is_half_an_interval_and_unknown_of_one_block():
    draw = np.random.default_rng(0)
    samples = draw.normal(1, 0.05, (300, 5))
    spreads = [relative_spread(sample.tolist()) for sample in samples]
    assert np.mean(np.abs(samples.mean(axis=1) - 1) < np.median(spreads)) > 0.9
    assert relative_spread([1.0, 1.2]) == pytest.approx(0.2 / 1.1)
    assert math.isinf(relative_spread([1.0]))


def test_without_a_stored_report_its_time_is_a_constant(tmp_path):
    seconds, source = time_report(None, tmp_path, tmp_path / "again")
    assert seconds == REPORT_SECONDS and "constant" in source
    damaged = tmp_path / "one" / "metrics.json"
    damaged.parent.mkdir()
    damaged.write_text("{")
    assert time_report(None, tmp_path, tmp_path / "again")[0] == REPORT_SECONDS


# ------------------------------------------------------------------------------ price and screen


def test_a_price_keeps_the_sign_it_was_given_and_gets_none():
    assert read_price("2.50").text(7200) == "5.00"
    assert read_price("$2.50").text(7200) == "$5.00"
    assert read_price("2.5 EUR").text(3600 * 1000) == "2,500.00 EUR"
    assert read_price("2").text(9) == "0.0050", "not 0.00: nothing is free"


@pytest.mark.parametrize("text", ["x", "0", "-1", "1e3", "2,50", "1.2.3", "", "inf", "nan"])
def test_what_is_no_price_is_refused(text):
    with pytest.raises(UserError, match="--price"):
        read_price(text)


def printed(function, *arguments):
    text = io.StringIO()
    function(*arguments, Console(file=text, width=180))
    return text.getvalue()


def test_the_screen_says_how_long_how_much_and_what_is_missing():
    estimate = predicted(seeds=3)
    text = printed(print_estimate, estimate, MACHINE, read_price("$3.60"))
    cost = estimate.total["value"] / 1000
    assert f"At $3.60 an hour about ${cost:.2f}: ${(1 - CHECKED) * cost:.2f} to" in text
    assert "3 seeds" in text and "Not included: setting up the environment; downloads" in text
    assert "PyTorch" in text and "warmup, with compiling" in text and "5.4 s" in text
    assert "report 6.0 s (measured on one)" in text
    unknown = predicted(preparing=None)
    text = printed(print_estimate, unknown, MACHINE, None)
    assert "decoding the images" in text and unknown.shared["images"] == 0
    assert "hour" not in text, "no price, no cost"


def test_json_says_the_same():
    estimate = predicted()
    price = read_price("3.60")
    document = json.loads(json.dumps(as_json(estimate, MACHINE, price), allow_nan=False))
    assert document["total"]["value"] == pytest.approx(estimate.total["value"])
    assert document["price"]["high"] == pytest.approx(estimate.total["high"] / 1000)
    assert document["runs"]["tf"]["sum"] == pytest.approx(estimate.run("tf"))
    assert document["steps"] == 400 and document["evaluations"] == 3
    assert document["images"]["testB"] == 120 and document["device"] == MACHINE.device_name
    assert as_json(estimate, MACHINE, None)["price"] is None


def test_load_is_told_on_the_screen_and_in_json():
    for load, told in ((None, False), (0.02, False), (0.4, True)):
        estimate = predicted(load=load)
        text = " ".join(printed(print_estimate, estimate, MACHINE, None).split())
        assert ("other programs used 40 % of the CPU time" in text) == told
        assert as_json(estimate, MACHINE, None)["load"] == load


class Slowing:
    """A session whose every block takes a minute of the clock `now`, and differs from the last."""

    steps = 1

    def __init__(self):
        self.now = 0.0

    def rounds(self):
        for turn in range(100):
            self.now += 60.0
            yield [Block(20.0 + turn, 0.0, 0.0, None)]


@pytest.mark.parametrize(("until", "rounds"), [(math.inf, 10), (30.0, 2), (150.0, 3), (290.0, 5)])
def test_when_time_is_up_two_blocks_do(monkeypatch, until, rounds):
    session, display = Slowing(), Display(Console(file=io.StringIO()), quiet=True)
    monkeypatch.setattr(measure.time, "monotonic", lambda: session.now)
    assert len(measure._timed_rounds(session, 10, 1000.0, display, until)) == rounds


# -------------------------------------------------------------------------- against records

CLOCK_SECONDS = dict.fromkeys(CLOCKS, 10.0) | {"idle": 99.0, "wall": 189.0}


def write_run(
    folder, backend, seed=0, device=MACHINE.device_name, state="complete", processes=1, **clocks
):
    run = RunRecord(folder / "runs" / "here" / f"{backend}-seed{seed}")
    status = {"backend": backend, "seed": seed, "state": state, "step": 1, "steps": 1}
    write_json(run.folder / "status.json", status)
    write_json(run.folder / "environment.json", {"device": device, "source_digest": "another"})
    resources = {"clocks": CLOCK_SECONDS | clocks, "processes": processes}
    write_json(run.folder / "resources.json", resources)


@pytest.fixture
def folder(tmp_path):
    """An experiment's, without runs."""
    experiment = work().experiment
    configuration = experiment.model_dump(exclude={"dataset", "preset"})
    configuration |= {"backends": ["torch", "tf"], "titles": {"a": "x", "b": "y"}}
    head = {"dataset": experiment.dataset, "preset": "quick", "hash": "0"}
    write_json(tmp_path / "experiment.json", {**head, "configuration": configuration})
    splits = {
        split: tuple(ImageFile(f"{i}.png", "ab") for i in range(count))
        for split, count in (("trainA", 3), ("trainB", 2), ("testA", 2), ("testB", 1))
    }
    write_json(tmp_path / "manifest.json", Manifest("seasons", splits).to_json())
    return tmp_path


def test_the_folder_says_what_was_trained_and_what_its_runs_took(folder):
    write_run(folder, "tf", train=100.0)
    write_run(folder, "torch", train=50.0)
    write_run(folder, "torch", seed=1, train=70.0)
    recorded = read_recorded(folder, MACHINE)
    assert recorded.work.experiment == work().experiment
    assert recorded.work.backends == ("torch", "tf"), "in the folder's order"
    assert (recorded.work.counts.train_a, recorded.work.counts.test_b) == (3, 1)
    assert recorded.clocks["torch"]["train"] == 60 and recorded.clocks["tf"]["train"] == 100
    assert recorded.runs == 3 and not recorded.same_code and "idle" not in recorded.clocks["tf"]


def test_errors_are_shares_of_what_was_recorded(folder):
    for backend in ("torch", "tf"):
        write_run(folder, backend, logging=0.0)
    recorded, estimate = read_recorded(folder, MACHINE), predicted()
    errors = check(estimate, recorded)
    shares = [errors[name]["train"].share for name in ("torch", "tf", "all")]
    assert shares == pytest.approx([39.5 / 10 - 1, 79 / 10 - 1, 118.5 / 20 - 1])
    assert errors["tf"]["logging"].share is None, "no share of nothing"
    run = estimate.run("torch") - estimate.runs["torch"]["start"]
    assert errors["torch"]["sum"].estimated == pytest.approx(run)
    assert errors["torch"]["sum"].recorded == 70
    text = printed(print_check, estimate, recorded)
    assert "40 s / 10 s +295 %" in text and "another version" in text
    rows = check_json(estimate, recorded)["clocks"]
    assert rows["all"]["sum"]["recorded"] == 140 and rows["tf"]["logging"]["error"] is None


@pytest.mark.parametrize(
    ("run", "says"),
    [
        (None, "no complete run"),
        ({"state": "interrupted"}, "no complete run"),
        ({"device": "another"}, "come from another, and this is a machine, 2 threads"),
        ({"processes": 2}, "interrupted"),
    ],
)
def test_records_that_show_nothing_about_this_machine_are_refused(folder, run, says):
    if run is not None:
        write_run(folder, "torch", **run)
    with pytest.raises(UserError, match=says):
        read_recorded(folder, MACHINE)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--preset", "none"], "preset 'none': unknown"),
        (["--backends", "mxnet"], "mxnet"),
        (["--dataset", "ae_photos"], "--images"),
        (["--dataset", "/no/such/place"], "/no/such/place"),
        (["--check", "x", "--preset", "quick"], "leave out"),
        (["--device", "tpu"], "device: 'tpu'"),
        (["--set", "model.blokcs=1"], "blokcs"),
    ],
)
def test_bad_input_is_one_line_and_status_2_before_anything_runs(tmp_path, capsys, arguments, says):
    results = tmp_path / "results"
    assert main(["estimate", *arguments, "--results", str(results)]) == 2
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1 and not results.exists()
