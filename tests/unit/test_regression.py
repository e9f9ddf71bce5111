"""`cyclebench regress`: what is compared with what, what is refused, and the exit status."""

import json
from functools import cache
from shutil import copytree, ignore_patterns

import bench_records
import numpy as np
import pytest
from report_experiment import build

from harness.cli import main
from harness.studies.regression import Limits, as_json, compare, read_measured
from harness.studies.regression.measurement import BackendOnDevice, Measurement, ScoreKey
from harness.studies.timing.record_files import write_record
from harness.system.errors import UserError
from harness.system.files import read_json, read_table, write_json, write_table

SEEDS = (0, 1, 2, 3)


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """An experiment folder of some seeds, built once."""

    @cache
    def template(seeds, devices):
        return build(tmp_path_factory.mktemp("built") / "folder", seeds, devices)

    return template


@pytest.fixture
def make(tmp_path, template):
    """A copy to change, without images."""

    def make(name, *seeds, device="cpu-example"):
        folder, images = template(seeds or SEEDS, (device,)), ignore_patterns("*.safetensors")
        return copytree(folder, tmp_path / name, ignore=images)

    return make


def edited(folder, records, change):
    """Every record that fits the pattern, changed in place."""
    for path in folder.glob(records):
        record = read_json(path)
        change(record)
        write_json(path, record)
    return folder


def slower(folder, factor, backend="tf"):
    for path in folder.glob(f"runs/*/{backend}-seed*/blocks.csv"):
        table = read_table(path)
        write_table(path, table.assign(train_seconds=factor * table["train_seconds"]))
    return folder


def scored(folder, metric, backend, shift):
    def change(record):
        for row in record["scores"]:
            row["value"] += shift * ((row["metric"], row["backend"]) == (metric, backend))

    return edited(folder, "metrics.json", change)


def configured(folder, section, **values):
    def change(record):
        record["configuration"][section].update(values)

    return edited(folder, "experiment.json", change)


def labels(comparison):
    return {(c.quantity, c.direction, c.backend): c.label for c in comparison.judged}


def held(new, baseline, allow=(), **limits):
    return compare(read_measured(new), read_measured(baseline), Limits(**limits), allow)


def status(*arguments):
    return main(["regress", *map(str, arguments)])


def test_the_same_is_unchanged_and_every_seed_and_place_is_there(make):
    comparison = held(make("new"), make("old"))
    assert labels(comparison) == dict.fromkeys(
        [
            *(("step time", "", name) for name in ("torch", "tf")),
            *(("kid_efflite0", d, name) for d in ("ab", "ba") for name in ("torch", "tf")),
        ],
        "unchanged",
    )
    assert not comparison.unsettled
    assert {change.counts for change in comparison.changes} == {(4, 4)}
    assert not comparison.circumstances and not comparison.unmatched


def test_a_planted_tenth_of_a_backend_is_a_regression_of_that_backend(make, capsys):
    old, new = make("old"), slower(make("new"), 1.1)
    assert status(new, old) == 1
    text = capsys.readouterr().out
    assert "step time of PyTorch +0.0 %" in text.replace("\n", " ")
    assert "TensorFlow +10.0 %" in text and "REGRESSION: step time of TensorFlow" in text
    assert status(new, old, "--time", "20%") == 0
    assert labels(held(old, new))["step time", "", "tf"] == "improvement"
    relative = next(c for c in held(new, old).changes if c.quantity == "step time relative")
    assert relative.change.value == pytest.approx(1.1) and not relative.judged


def test_a_worse_score_is_a_regression_beyond_its_margin(make):
    old = make("old")
    worse = scored(make("new"), "kid_efflite0", "torch", 0.03)
    assert labels(held(worse, old))["kid_efflite0", "ab", "torch"] == "regression"
    assert labels(held(old, worse))["kid_efflite0", "ab", "torch"] == "improvement"
    assert status(worse, old) == 1 and status(worse, old, "--scores", "none") == 0
    # What is not asked for is shown, and does not decide.
    other = scored(make("psnr"), "cycle_psnr", "torch", -5.0)
    assert status(other, old) == 0 and status(other, old, "--scores", "cycle_psnr") == 1


def test_too_few_seeds_are_no_claim(make):
    old, new = make("old", 0, 1), scored(slower(make("new", 0, 1), 3.0), "kid_efflite0", "tf", 1.0)
    assert set(labels(held(new, old)).values()) == {"cannot tell"}
    assert status(new, old) == 0 and status(new, old, "--strict") == 3


def test_only_seeds_that_both_have_are_paired(make):
    comparison = held(make("new", 0, 1, 2, 3), make("old", 1, 2, 3, 4))
    assert {c.counts for c in comparison.judged if c.direction} == {(3, 3)}
    assert comparison.unmatched == ("seeds that only one of both has: 0, 4",)


def test_runs_without_timed_blocks_cannot_be_told(make):
    new = make("new")
    for path in new.glob("runs/*/tf-seed*/blocks.csv"):
        write_table(path, read_table(path).assign(warmup=1))
    comparison = held(new, make("old"))
    assert labels(comparison)["step time", "", "tf"] == "cannot tell" and comparison.unsettled
    json.dumps(as_json(comparison), allow_nan=False)


def test_memory_is_judged_where_asked_for(make):
    old, new = make("old"), make("new")
    edited(new, "runs/*/tf-seed*/resources.json", lambda r: r["peak_memory"].update(bytes=2**40))
    assert status(new, old) == 0 and status(new, old, "--memory", "0.1") == 1


def test_a_difference_of_the_configuration_is_refused_unless_allowed(make):
    old = make("old")
    new = configured(make("new"), "optimiser", learning_rate=1e-4)
    with pytest.raises(UserError, match=r"optimiser\.learning_rate 0\.0002 \(now 0\.0001\)"):
        held(new, old)
    for allow in ("optimiser.learning_rate", "optimiser"):
        assert held(new, old, (allow,)).allowed == ("optimiser.learning_rate 0.0002 (now 0.0001)",)
    with pytest.raises(UserError, match="--allow optimizer: no such key"):
        held(new, old, ("optimizer",))
    # A key that only a later version has.
    configured(new, "model", novel=True)
    with pytest.raises(UserError, match=r"model\.novel absent \(now True\)"):
        held(new, old, ("optimiser",))


def test_circumstances_are_listed_once_for_all_backends_without_the_state_of_a_gpu(make):
    environments = "runs/*/*/environment.json"
    gpu = {"name": "a", "free_bytes": 70, "power_limit_watts": 450.0}
    old = edited(make("old"), environments, lambda record: record.update(gpu=gpu))
    later = {"gpu": {**gpu, "free_bytes": 60, "power_limit_watts": 150.0}, "python": "3.12.1"}
    new = edited(make("new"), environments, lambda record: record.update(later))
    assert held(new, old).circumstances == (
        "PyTorch, TensorFlow: gpu.power_limit_watts 450.0 (now 150.0)",
        "PyTorch, TensorFlow: python 3.11.7 (now 3.12.1)",
    )


def test_other_images_other_yardsticks_and_other_devices_are_refused(make):
    def other_yardsticks(record):
        for row in record["references"]:
            row["floor"] = row["floor"] and 1.01 * row["floor"]

    old = make("old")
    images = edited(make("images"), "manifest.json", lambda record: record.update(digest="e" * 64))
    with pytest.raises(UserError, match="of other images"):
        held(images, old)
    with pytest.raises(UserError, match="scored in another way"):
        held(edited(make("yard"), "metrics.json", other_yardsticks), old)
    with pytest.raises(UserError, match="no backend on a device that both have"):
        held(make("gpu", device="gpu-example"), old)


def test_a_backend_that_one_side_lacks_is_said(make):
    running = "runs/*/tf-seed*/status.json"
    alone = edited(make("alone"), running, lambda record: record.update(state="interrupted"))
    comparison = held(alone, make("both"))
    assert "only in the baseline: TensorFlow on Example CPU @ 2.40GHz" in comparison.unmatched
    assert "PyTorch: timed_in_turns torch tf (now torch)" in comparison.circumstances


def test_bench_records_are_held_against_each_other_start_by_start(tmp_path):
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    write_record(bench_records.several(1.2), old)
    write_record(bench_records.several(1.2), new)
    times = [("step time", "", "torch"), ("step time", "", "tf")]
    assert labels(held(new, old)) == dict.fromkeys(times, "unchanged")
    write_record(bench_records.several(1.5), new)
    assert labels(held(new, old))["step time", "", "tf"] == "regression"
    assert status(new, old) == 1 and status(new, old, "--json") == 1


def test_earlier_baselines_put_days_into_the_interval(make, capsys):
    days = [slower(slower(make(f"day{i}"), f), f, "torch") for i, f in enumerate((1, 1.3, 0.8))]
    new = slower(make("new"), 1.15)
    assert status(new, days[0]) == 1
    assert status(new, *days) == 0
    assert "over 3 days" in capsys.readouterr().out
    with pytest.raises(UserError, match="two days of a baseline"):
        compare(*map(read_measured, (new, days[0])), Limits(), (), [read_measured(days[1])])
    steps = [c for c in held(new, days[0]).changes if c.quantity == "step time"]
    assert {(change.days, change.counts) for change in steps} == {(1, (4, 4))}


def test_an_experiment_and_a_bench_record_do_not_go_together(make, tmp_path):
    write_record(bench_records.several(1.2), tmp_path / "one.json")
    with pytest.raises(UserError, match="of a bench"):
        held(tmp_path / "one.json", make("old"))


def test_json_has_all_of_it(make, capsys):
    assert status(slower(make("new"), 1.001), make("old"), "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert not document["regressed"] and not document["unsettled"]
    assert document["sentence"].startswith("Since ") and "(4f2a9c1)" in document["sentence"]
    assert "KID-EffLite0 unchanged within ±10.0; no regression." in document["sentence"]
    assert {"change", "limit", "label", "counts", "judged"} <= document["changes"][0].keys()


def test_a_measurement_held_against_itself_has_not_changed(make, tmp_path, capsys):
    one = make("one")
    copy = copytree(one, tmp_path / "copy")
    for other in (one, copy):
        assert main(["regress", str(one), str(other), "--strict"]) == 0
        [line] = capsys.readouterr().out.splitlines()
        assert line == f"{one} and {other} are one measurement: nothing has changed."
    assert held(one, slower(copy, 1.01)).same is False


def measured(rng, factor=1.0):
    """Six starts and five seeds of two backends, as chaotic as real ones; torch is slowed down."""
    keys = [("cpu", "torch"), ("cpu", "tf")]
    return Measurement(
        name="made up",
        kind="experiment",
        configuration={"evaluation": {"margins": {"kid_efflite0": 0.005}}},
        data="d",
        finished="2026-01-01",
        revisions=(),
        places={key: BackendOnDevice("CPU", key[1]) for key in keys},
        environments={key: {} for key in keys},
        steps={
            key: tuple(0.1 * slowness * rng.lognormal(0, 0.03, 6))
            for key, slowness in zip(keys, (factor, 1.0), strict=True)
        },
        memory={},
        relative={},
        scores={
            ScoreKey("kid_efflite0", d, *key): dict(enumerate(0.2 + 0.02 * rng.standard_normal(5)))
            for d in ("ab", "ba")
            for key in keys
        },
        yardsticks={},
    )


def test_of_all_checks_together_no_more_than_one_in_twenty_cries_wolf():
    """A/A with no allowance at all would be two in a hundred; with the limits it is rarer still."""
    rng, trials = np.random.default_rng(5), 100

    def alarms(limits, factor=1.0):
        pairs = [(measured(rng, factor), measured(rng)) for _ in range(trials)]
        return sum(compare(*pair, limits).regressed for pair in pairs) / trials

    assert alarms(Limits()) < 0.025
    assert alarms(Limits(time=1e-6)) < 0.05
    assert alarms(Limits(), factor=1.15) > 0.8
