"""The variance table, against numbers computed another way."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from report_experiment import build, editing
from scipy import stats

from harness.cli import main
from harness.statistics.equivalence import Margin, decide
from harness.system.errors import UserError
from harness.tools.variance import variance_rows


def of(rows, metric="kid_efflite0", direction="ab"):
    return next(row for row in rows if (row.metric, row.direction) == (metric, direction))


def values(folder, backend, metric="kid_efflite0", step=200):
    scores = json.loads((folder / "metrics.json").read_text())["scores"]
    return np.array([
        row["value"] for row in scores
        if (row["backend"], row["metric"], row["direction"], row["step"])
        == (backend, metric, "ab", step)
    ])  # fmt: skip


def ratios_in(folder):
    with editing(folder / "experiment.json") as record:
        record["configuration"]["evaluation"]["primary"] = "kid_efflite0"
        margins = record["configuration"]["evaluation"]["margins"]
        margins |= dict.fromkeys(("kid_efflite0", "fd_efflite0", "fid"), 1.25)


def test_every_part_of_the_variance_is_that_of_its_definition(tmp_path):
    folder = build(tmp_path, seeds=range(5))
    ratios_in(folder)
    row = of(variance_rows(folder, 5))  # there are two after step 0
    torch, tf = values(folder, "torch"), values(folder, "tf")
    spread = row.backends["torch"]
    assert (spread.mean, spread.seeds) == (pytest.approx(torch.mean()), 5)
    assert spread.between_seeds == pytest.approx(torch.std(ddof=1))
    middle = values(folder, "torch", step=100)
    within = np.var([torch, middle], axis=0, ddof=1)
    assert spread.within_run == pytest.approx(math.sqrt(within.mean()))
    # The made-up interval is 6 % to either side; 12 images are 12 blocks.
    errors = 0.06 * torch / stats.t.ppf(0.975, 11)
    assert spread.test_images == pytest.approx(math.sqrt((errors**2).mean()))
    assert row.last.scale == "ratio"
    assert row.last.deviation == pytest.approx(np.log(tf / torch).std(ddof=1))
    assert row.last.correlation == pytest.approx(np.corrcoef(torch, tf)[0, 1])
    means = [(values(folder, b, step=100) + values(folder, b)) / 2 for b in ("torch", "tf")]
    assert row.averaged.deviation == pytest.approx(np.log(means[1] / means[0]).std(ddof=1))
    assert row.seed_seconds > 50 and row.evaluations == 2


def test_a_margin_of_the_difference_is_of_differences(tmp_path):
    folder = build(tmp_path, seeds=range(4))
    row = of(variance_rows(folder, 5), "pair_psnr")
    gaps = values(folder, "torch", "pair_psnr") - values(folder, "tf", "pair_psnr")
    assert row.last.scale == "difference"
    assert row.last.deviation == pytest.approx(gaps.std(ddof=1))


def test_the_seeds_needed_reach_their_power(tmp_path):
    folder = build(tmp_path, seeds=range(6))
    ratios_in(folder)
    with editing(folder / "metrics.json") as record:
        rng = np.random.default_rng(3)
        for row in record["scores"]:
            if row["metric"] == "kid_efflite0":
                row["value"] *= math.exp(0.25 * rng.standard_normal())
    row = of(variance_rows(folder, 1))
    each = np.cov(values(folder, "torch"), values(folder, "tf"))
    level = (row.backends["torch"].mean + row.backends["tf"].mean) / 2
    rng = np.random.default_rng(1)

    def power(seeds):
        first, second = np.moveaxis(rng.multivariate_normal([level] * 2, each, (8000, seeds)), 2, 0)
        return decide(first, second, Margin(1.25, "ratio"), 0.05, 0.025)[0].mean()

    assert row.last.needed > 3
    assert power(row.last.needed) > 0.78 and power(row.last.needed - 1) < 0.82


def test_kinds_of_weights_are_rows_of_their_own(tmp_path):
    folder = build(tmp_path, seeds=range(3))
    with editing(folder / "metrics.json") as record:
        record["scores"] += [
            {**row, "weights": "average", "value": 2 * row["value"]}
            for row in record["scores"]
            if row["metric"] == "kid_efflite0"
        ]
    rows = [row for row in variance_rows(folder, 1) if row.metric == "kid_efflite0"]
    means = {(r.weights, r.direction): r.backends["torch"].mean for r in rows}
    assert means["average", "ab"] == pytest.approx(2 * means["last", "ab"])


def test_one_seed_and_one_backend_have_no_numbers_that_they_cannot_have(tmp_path):
    spread = of(variance_rows(build(tmp_path / "one"), 5)).backends["torch"]
    assert spread.between_seeds is None and spread.within_run is not None
    alone = of(variance_rows(build(tmp_path / "alone", backends=("torch",)), 5))
    assert alone.last is None and alone.averaged is None


def test_the_command_prints_a_table_json_and_csv(tmp_path, capsys):
    folder = build(tmp_path / "e", seeds=range(3))
    assert main(["variance", str(folder), "--csv", str(tmp_path / "v.csv")]) == 0
    assert "seeds needed" in capsys.readouterr().out
    table = pd.read_csv(tmp_path / "v.csv")
    assert {"between_seeds", "last_needed", "seed_seconds"} <= set(table.columns)
    assert main(["variance", str(folder), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["rows"][0]["backends"]["torch"]["seeds"] == 3


def test_a_folder_without_scores_is_a_user_error(tmp_path):
    folder = build(tmp_path)
    (folder / "metrics.json").unlink()
    with pytest.raises(UserError, match="no scores there"):
        variance_rows(folder, 5)
