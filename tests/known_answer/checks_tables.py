"""Numbers of a report: summary.json, and the tables as CSV and LaTeX."""

from __future__ import annotations

import io
import re

import known_backend as known
import numpy as np
import pandas as pd
from by_hand import mean_interval, same, same_interval
from known_numbers import (
    LOWER,
    MARGINS,
    RATIOS,
    ROWS,
    block_means,
    clean_blocks,
    factors,
    final,
    gaps,
    last_tenth,
    median_interval,
    pair_ratios,
    ratio,
    verdicts,
)
from known_world import BLOCK, EVALUATED, SLUG, World

from backends.objective import LOSS_TERMS


def metrics(world: World) -> None:
    """Scores of both, their difference and ratio over seeds, verdicts, floors and baselines."""
    found = world.files["summary.json"]["metrics"]
    assert [(row["metric"], row["direction"]) for row in found] == ROWS
    for row in found:
        metric, direction = row["metric"], row["direction"]
        what = f"{metric} {direction}"
        for name in known.BACKENDS:
            same_interval(row[name], mean_interval(final(metric, direction, name)), what, 1e-4)
            assert row[name]["runs"] == len(known.SEEDS), what
        same_interval(row["difference"], mean_interval(gaps(metric, direction)), what, 1e-4)
        wanted = ratio(metric, direction) if final(metric, direction, "torch")[0] > 0 else None
        if wanted and metric in RATIOS:
            same_interval(row["ratio"], wanted, f"{what}: second over first", 1e-4)
        scale = "ratio" if metric in RATIOS else "difference"
        assert (row["margin"], row["margin_scale"]) == (MARGINS[metric], scale), what
        assert row["primary"] == (metric == "kid_efflite0"), what
        assert row["verdict"] == verdicts()[metric, direction], f"{what}: {row['verdict']}"
        assert (row["weights"], row["device"]) == ("average", SLUG)
        (beside,) = (
            one
            for one in world.metrics["references"]
            if (one["metric"], one["direction"]) == (metric, direction)
        )
        for name in ("floor", "identity_baseline"):
            assert row[name] == beside[name], f"{what}: {name}"


def csv(world: World, name: str) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(world.files[f"tables/{name}.csv"]))


def score_table(world: World) -> None:
    """scores.csv: as summary.json, and the score at step 0 and at the best step."""
    table, rows = csv(world, "scores"), world.files["summary.json"]["metrics"]
    assert len(table) == len(rows)
    for line, row in zip(table.to_dict("records"), rows, strict=True):
        metric, direction = line["metric"], line["direction"]
        what = f"scores.csv, {metric} {direction}"
        assert (metric, direction) == (row["metric"], row["direction"])
        assert line["better"] == ("lower" if metric in LOWER else "higher"), what
        assert line["verdict"] == row["verdict"] and line["seeds"] == len(known.SEEDS)
        for name in known.BACKENDS:
            for key, column in (("value", name), ("low", f"{name}_low"), ("high", f"{name}_high")):
                same(line[column], row[name][key], what)
            if final(metric, direction, name, 0):
                start = float(np.mean(final(metric, direction, name, 0)))
                same(line[f"{name}_step_0"], start, f"{what}: step 0", 1e-4)
                choose = min if metric in LOWER else max
                trained = [final(metric, direction, name, step) for step in EVALUATED[1:]]
                best = [choose(of_seed) for of_seed in zip(*trained, strict=True)]
                same(line[f"{name}_best"], float(np.mean(best)), f"{what}: best", 1e-4)
        same(line["difference"], row["difference"]["value"], what)
        if metric in RATIOS:
            same(line["ratio"], row["ratio"]["value"], what)


def cell(world: World, file: str, row: str, *more: str) -> list[str]:
    """Cells of the row of a LaTeX table that begins with `row`, without small print."""
    for line in world.files[f"tables/{file}.tex"].decode().splitlines():
        cells = [
            re.sub(r"\\begin\{tabular\}\[t\]\{@\{\}[lr]@\{\}\}(.*?) \\\\ .*", r"\1", part)
            for part in re.split(r"(?<!\\) & ", line.removesuffix(r" \\"))
        ]
        if [cells[0].replace(",", ""), *cells[1 : 1 + len(more)]] == [row, *more]:
            return [part.replace("$-$", "-").replace(",", "") for part in cells]
    raise AssertionError(f"{file}.tex: no row {row} {more}")


def latex(world: World) -> None:
    """The numbers of the tables for papers, in their rows and columns, names escaped."""
    head = world.files["tables/scores.tex"].decode()
    columns = r"Py\textless{}Torch\textgreater{} & Tensor \& Flow & "
    assert columns + r"Py\textless{}Torch\textgreater{} $-$ Tensor \& Flow" in head
    for direction, path in (("ab", r"A $\rightarrow$ B"), ("ba", r"B $\rightarrow$ A")):
        row = cell(world, "scores", r"KID-EffLite0 $\downarrow$", path)
        numbers = [float(np.mean(final("kid_efflite0", direction, b))) for b in known.BACKENDS]
        numbers.append(numbers[0] - numbers[1])
        assert row[2:5] == [f"{1000 * number:.1f}" for number in numbers], row
    for term, title in ((i, name.replace("_", " ")) for i, name in enumerate(LOSS_TERMS)):
        for backend, name in zip(known.BACKENDS, columns.split(" & ")[:2], strict=True):
            row = cell(world, "losses", title, name)
            wanted = last_tenth(backend, term)
            assert abs(float(row[2]) - wanted) < 1e-3 * wanted, f"losses.tex: {row}"
    medians = [1000 * float(np.median(clean_blocks(name))) for name in known.BACKENDS]
    row = cell(world, "timing", "Training step, median".replace(",", ""))
    assert [float(text.removesuffix(" ms")) for text in row[1:3]] == [
        float(f"{median:.3g}") for median in medians
    ], row
    assert row[3].startswith(f"{median_interval(pair_ratios())[0]:.2f}"), row


def losses(world: World) -> None:
    """Every term in each unit it has; the cycle loss as the mean of both domains."""
    wanted = {
        (term, unit): {b: factor * last_tenth(b, i) for b in known.BACKENDS}
        for i, term in enumerate(LOSS_TERMS)
        for unit, factor in factors(term).items()
    }
    for rows in (world.files["summary.json"]["losses"], csv(world, "losses").to_dict("records")):
        assert [(row["term"], row["convention"]) for row in rows] == list(wanted)
        for row in rows:
            for name, number in wanted[row["term"], row["convention"]].items():
                same(row[name], number, f"{row['term']}, {row['convention']} of {name}")
    for row in csv(world, "cycle").to_dict("records"):
        for name in known.BACKENDS:
            both = [wanted[f"cycle_{side}", row["convention"]][name] for side in "ab"]
            same(row[name], float(np.mean(both)), f"cycle, {row['convention']} of {name}")


def timing(world: World) -> None:
    """Medians, rates, energy and memory; ratios are of the second backend over the first."""
    rows = {row["quantity"]: row for row in world.files["summary.json"]["timing"]}
    table = {row["quantity"]: row for row in csv(world, "timing").to_dict("records")}
    assert set(rows) == set(table)
    flops = {run.resources["flops_per_step"] for run in world.runs.values()}
    (flops_per_step,) = flops
    wanted: dict[str, dict[str, float]] = {}
    for name in known.BACKENDS:
        seconds, joules = clean_blocks(name), clean_blocks(name, known.step_joules)
        lengths = [
            1 if start >= 12 and (name, seed) == known.DIES[:2] else BLOCK
            for seed in known.SEEDS
            for start in block_means(name, seed)
            if (name, seed, start) != (*known.BUSY[:2], known.BUSY[2][0])
        ]
        total = sum(s * n for s, n in zip(seconds, lengths, strict=True))
        rate = sum(lengths) / total
        clocks = [run.resources["clocks"]["warmup"] for (b, _), run in world.runs.items()
                  if b == name]  # fmt: skip
        wanted[name] = {
            "step_ms_median": 1000 * float(np.median(seconds)),
            "step_ms_p95": 1000 * float(np.quantile(seconds, 0.95)),
            "images_per_second": 2 * rate,
            "warmup_seconds": float(np.mean(clocks)),
            "peak_memory_bytes": known.peak_memory(name, max(known.SEEDS)),
            "flops_per_second": flops_per_step * rate,
            "joules_per_image": float(np.median(joules)) / 2,
        }
    for quantity, row in rows.items():
        for name in known.BACKENDS:
            same(row[name], wanted[name][quantity], f"{quantity} of {name}")
            same(table[quantity][name], wanted[name][quantity], f"timing.csv: {quantity} of {name}")
        if quantity in ("step_ms_median", "joules_per_image"):
            what = known.step_joules if quantity.startswith("joules") else known.step_seconds
            same_interval(row["ratio"], median_interval(pair_ratios(what)), f"ratio of {quantity}")
            assert table[quantity]["block_pairs"] == len(pair_ratios())
        else:
            number = wanted["tf"][quantity] / wanted["torch"][quantity]
            same(row["ratio"]["value"], number, f"ratio of {quantity}")
        load = row["load"]
        assert (load["pairs"], load["pairs_under_load"]) == (len(pair_ratios()) + 1, 1), load
    same(rows["step_ms_median"]["load"]["others"], 0.01, "median load")


def clocks(world: World) -> None:
    """clocks.csv: means over a backend's runs, in its own column."""
    for line in csv(world, "clocks").to_dict("records"):
        for name in known.BACKENDS:
            values = [run.resources["clocks"][line["clock"]] for (b, _), run in world.runs.items()
                      if b == name]  # fmt: skip
            same(line[f"{name}_seconds"], float(np.mean(values)), f"clock {line['clock']}")


def environments(world: World) -> None:
    """Where each run was made, with its own backend's versions."""
    table = csv(world, "environment").set_index("backend")
    assert list(table.index) == list(known.BACKENDS)
    for name in known.BACKENDS:
        assert set(str(table.loc[name, "seeds"]).split()) == set(map(str, known.SEEDS)), name
        assert table.loc[name, "framework"] == known.FRAMEWORKS[name], name
        assert name in table.loc[name, "versions"], name


CHECKS = (metrics, score_table, latex, losses, timing, clocks, environments)
