"""summary.json: schema, conventions, what is counted and what is left out."""

import json

import numpy as np
import pytest
from report_experiment import STEPS, build, editing, write_run
from report_scores import final_score

from harness.records.experiment import load
from harness.report.comparison.data_files import summary
from harness.report.comparison.findings import find
from harness.system.errors import UserError
from harness.system.files import read_table

METRIC_KEYS = {
    "metric", "direction", "device", "torch", "tf", "difference", "verdict", "floor",
    "identity_baseline", "ratio", "margin", "margin_scale", "primary", "weights",
}  # fmt: skip


def summarise(folder):
    experiment = load(folder)
    return summary(experiment, find(experiment))


def pick(rows, **key):
    [row] = [row for row in rows if all(row[name] == value for name, value in key.items())]
    return row


@pytest.fixture(scope="module")
def one_seed(tmp_path_factory):
    return build(tmp_path_factory.mktemp("one"))


def test_every_part_has_exactly_the_keys_of_the_schema(one_seed):
    document = summarise(one_seed)
    assert set(document) == {
        "answers",
        "experiment",
        "devices",
        "metrics",
        "losses",
        "timing",
        "parity",
        "course",
    }
    assert set(document["experiment"]) == {"dataset", "preset", "hash"}
    assert document["devices"] == ["cpu-example"]
    for row in document["metrics"]:
        assert set(row) == METRIC_KEYS
        assert set(row["torch"]) == {"value", "low", "high", "runs"}
        assert set(row["difference"]) == {"value", "low", "high"}
    for row in document["losses"]:
        assert set(row) == {"term", "convention", "torch", "tf"}
    for row in document["timing"]:
        assert set(row) == {"device", "quantity", "torch", "tf", "ratio", "load"}
    names = {row["metric"] for row in document["metrics"]}
    assert {"kid_efflite0", "fd_efflite0", "cycle_psnr", "pair_mae"} <= names


def test_with_one_seed_the_value_is_the_runs_own_score_and_interval(one_seed):
    row = pick(summarise(one_seed)["metrics"], metric="kid_efflite0", direction="ab")
    value = final_score("kid_efflite0", "torch", 0, winning=False)
    assert row["torch"] == {"value": value, "low": value * 0.94, "high": value * 1.06, "runs": 1}
    assert row["difference"]["low"] < row["difference"]["value"] < row["difference"]["high"]
    assert row["verdict"] == "cannot tell yet"
    assert (row["floor"], row["identity_baseline"]) == (0.0004, 0.019)


def test_with_three_seeds_the_value_is_the_mean_with_a_t_interval(tmp_path):
    document = summarise(build(tmp_path, seeds=(0, 1, 2)))
    row = pick(document["metrics"], metric="kid_efflite0", direction="ab")
    values = [final_score("kid_efflite0", "torch", seed, winning=False) for seed in (0, 1, 2)]
    half = 4.302653 * np.std(values, ddof=1) / np.sqrt(3)  # t, 2 degrees of freedom, 97.5%
    assert row["torch"]["runs"] == 3
    assert row["torch"]["value"] == pytest.approx(np.mean(values))
    assert row["torch"]["high"] - row["torch"]["value"] == pytest.approx(half, rel=1e-5)


def test_two_seeds_have_a_mean_but_no_interval(tmp_path):
    rows = summarise(build(tmp_path, seeds=(0, 1)))["metrics"]
    row = pick(rows, metric="cycle_psnr", direction="ba")
    assert row["tf"]["low"] is None and row["difference"]["high"] is None
    assert row["tf"]["value"] is not None and row["tf"]["runs"] == 2


def test_runs_that_are_not_complete_change_no_number(tmp_path):
    folder = build(tmp_path)
    before = summarise(folder)
    write_run(folder, "cpu-example", "torch", 7, state="interrupted")
    write_run(folder, "another-device", "tf", 0, state="failed")
    assert summarise(folder) == before


def test_the_difference_keeps_its_sign_when_recorded_the_other_way_round(tmp_path):
    folder = build(tmp_path)
    before = summarise(folder)["metrics"]
    with editing(folder / "metrics.json") as record:
        for row in record["differences"]:
            row["backends"] = row["backends"][::-1]
            row["value"], row["low"], row["high"] = -row["value"], -row["high"], -row["low"]
    assert summarise(folder)["metrics"] == before


def test_losses_are_means_over_the_last_tenth_in_each_convention(one_seed):
    rows = summarise(one_seed)["losses"]
    table = read_table(one_seed / "runs/cpu-example/torch-seed0/losses.csv")
    tail = table.iloc[-STEPS // 10 :].mean()
    factors = {
        ("cycle_a", "mean"): 1,
        ("cycle_a", "unnormalised"): 32 * 32 * 3,
        ("cycle_a", "normalised"): 0.5,
        ("cycle_a", "weighted"): 10,
        ("identity_b", "weighted"): 10 * 0.5,
        ("adversarial_ab", "weighted"): 1,
        ("discriminator_a", "weighted"): 0.5,
    }
    for (term, convention), factor in factors.items():
        value = pick(rows, term=term, convention=convention)["torch"]
        assert value == pytest.approx(factor * tail[term]), (term, convention)
    conventions = {r["convention"] for r in rows if r["term"] == "adversarial_ba"}
    assert conventions == {"mean", "weighted"}  # patches have no image size


def test_a_loss_that_is_not_a_number_becomes_null_and_valid_json(tmp_path):
    folder = build(tmp_path)
    with editing(folder / "runs/cpu-example/tf-seed0/losses.csv") as table:
        table.loc[STEPS - 1, "cycle_b"] = np.nan
    document = summarise(folder)
    assert pick(document["losses"], term="cycle_b", convention="mean")["tf"] is None
    assert pick(document["losses"], term="cycle_b", convention="mean")["torch"] is not None
    json.dumps(document, allow_nan=False)


def test_the_ratio_is_second_over_first_from_pairs_without_warm_up(one_seed):
    rows = summarise(one_seed)["timing"]
    step = pick(rows, quantity="step_ms_median")
    assert step["torch"] == pytest.approx(100, rel=0.05)  # warm-up would be four times that
    assert step["ratio"]["value"] == pytest.approx(1.3, rel=0.03)
    assert 1.2 < step["ratio"]["low"] < step["ratio"]["value"] < step["ratio"]["high"] < 1.4
    images = pick(rows, quantity="images_per_second")
    assert images["torch"] == pytest.approx(20, rel=0.05)  # one of each domain every 0.1 s
    assert images["ratio"] == {
        "value": pytest.approx(images["tf"] / images["torch"]),
        "low": None,
        "high": None,
    }
    flops = pick(rows, quantity="flops_per_second")
    assert flops["torch"] == pytest.approx(3.2e11, rel=0.05)


def test_blocks_pair_by_start_step_so_a_lost_block_shifts_nothing(tmp_path):
    folder = build(tmp_path)
    for backend in ("tf", "torch"):
        with editing(folder / f"runs/cpu-example/{backend}-seed0/blocks.csv") as table:
            table["train_seconds"] *= np.linspace(1, 3, len(table))  # the machine slows down
            if backend == "torch":
                table.drop(index=range(2, 9), inplace=True)
    step = pick(summarise(folder)["timing"], quantity="step_ms_median")
    assert step["ratio"]["value"] == pytest.approx(1.3, rel=0.05)


def test_each_device_has_its_own_rows(tmp_path):
    document = summarise(build(tmp_path, devices=("cpu-example", "gpu-example")))
    assert document["devices"] == ["cpu-example", "gpu-example"]
    times = {
        row["device"]: row["torch"]
        for row in document["timing"]
        if row["quantity"] == "step_ms_median"
    }
    assert times["cpu-example"] == pytest.approx(20 * times["gpu-example"], rel=0.1)


def test_a_third_backend_gets_a_row_with_the_first(tmp_path):
    document = summarise(build(tmp_path, backends=("torch", "tf", "jax")))
    rows = [r for r in document["metrics"] if (r["metric"], r["direction"]) == ("pair_mae", "ab")]
    assert [set(row) & {"torch", "tf", "jax"} for row in rows] == [
        {"torch", "tf"},
        {"torch", "jax"},
    ]
    assert all(row["difference"]["value"] is not None for row in rows)


def test_one_backend_alone_has_scores_but_no_difference(tmp_path):
    row = summarise(build(tmp_path, backends=("tf",)))["metrics"][0]
    assert row["tf"]["value"] is not None
    assert row["difference"] == {"value": None, "low": None, "high": None}
    assert row["verdict"] is None


def test_an_unknown_metric_is_refused_in_one_line(tmp_path):
    folder = build(tmp_path)
    with editing(folder / "metrics.json") as record:
        record["scores"][0]["metric"] = "astrology"
    with pytest.raises(UserError, match=r"metrics\.json: metric 'astrology' is not known"):
        summarise(folder)
