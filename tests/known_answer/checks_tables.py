"""Numbers and sentences of a report: summary.json, the tables as CSV and LaTeX, the answers."""

from __future__ import annotations

import io
import math
import re
from functools import cache
from html import escape, unescape

import known_backend as known
import known_set
import numpy as np
import pandas as pd
from by_hand import Bounds, mean_interval, ratio_interval, same, same_interval
from checks_records import BLOCK, EVALUATED, SLUG, STEPS, TIMED
from checks_scores import METRICS, score
from known_world import COURSE_STEPS, DEVICE, World
from scipy.stats import binom
from scipy.stats import t as student

from backends.objective import LOSS_TERMS

TORCH, TF = (known.FRAMEWORKS[name] for name in known.BACKENDS)
RATIOS = {"kid_efflite0": 1.25, "fd_efflite0": 1.25, "fid": 1.25}
MARGINS = RATIOS | {
    "judge_accuracy": 0.02, "checkerboard": 1.0, "cycle_psnr": 0.5, "cycle_ssim": 0.02,
    "pair_psnr": 0.5, "pair_ssim": 0.02, "pair_mae": 1.0,
}  # fmt: skip
SCALES = {"kid_efflite0": 1000, "judge_accuracy": 100}
LOWER = ("kid_efflite0", "fd_efflite0", "fid", "checkerboard", "pair_mae")
ROWS = [(metric, direction) for metric in METRICS for direction in ("ab", "ba")]
PATHS = {"ab": "A → B", "ba": "B → A"}


# -------------------------------------------------------------------------------------- scores


def final(metric: str, direction: str, backend: str, step: int = STEPS) -> list[float]:
    """A number a seed."""
    found = [score(metric, direction, backend, seed, step) for seed in known.SEEDS]
    return [one.value for one in found if one is not None]


def gaps(metric: str, direction: str) -> list[float]:
    first, second = (final(metric, direction, name) for name in known.BACKENDS)
    return [x - y for x, y in zip(first, second, strict=True)]


def ratio(metric: str, direction: str) -> Bounds:
    return ratio_interval(*(final(metric, direction, name) for name in known.BACKENDS))


def p_values(metric: str, direction: str) -> tuple[float, float]:
    """Of "not within the margin" and of "not beyond it", one-sided t tests over seeds."""
    x, y = (np.array(final(metric, direction, name)) for name in known.BACKENDS)
    margin = MARGINS[metric]
    if metric in RATIOS:
        upper, lower = y - margin * x, y - x / margin
    else:
        upper, lower = x - y - margin, x - y + margin
    n = len(x)

    def t(values: np.ndarray) -> float:
        error = float(values.std(ddof=1)) / math.sqrt(n)
        return float(values.mean()) / error if error else math.copysign(math.inf, values.mean())

    above, below = (float(student.sf(side * t(v), n - 1)) for side, v in ((-1, upper), (1, lower)))
    over, under = (float(student.sf(side * t(v), n - 1)) for side, v in ((1, upper), (-1, lower)))
    return max(above, below), min(over, under)


@cache
def verdicts() -> dict[tuple[str, str], str]:
    """The primary score by itself; all others together, by Holm's steps."""
    labels = {}
    for row in ROWS[:2]:
        same_p, far_p = p_values(*row)
        labels[row] = "equivalent" if same_p < 0.05 else "different" if far_p < 0.025 else ""
    alike, apart = ({row: p_values(*row)[claim] for row in ROWS[2:]} for claim in (0, 1))
    for claim, label in ((apart, "different"), (alike, "equivalent")):
        left = len(claim)
        for row in sorted(claim, key=claim.__getitem__):
            level = min(0.05 / left, 0.025 if label == "different" else 1.0)
            if claim[row] >= level:
                break
            labels[row] = label
            left -= 1
    return {row: labels.get(row) or "cannot tell yet" for row in ROWS}


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


# -------------------------------------------------------------------------------------- losses


def last_tenth(backend: str, term: int) -> float:
    """Mean over the last two of twenty steps, then over seeds."""
    steps = range(STEPS - STEPS // 10, STEPS)
    means = [np.mean([known.loss(backend, s, step, term) for step in steps]) for s in known.SEEDS]
    return float(np.mean(means))


def factors(term: str) -> dict[str, float]:
    """From the recorded mean to each unit: 16 x 16 pixels of three channels, lambdas 8 and 12."""
    lambdas = {"a": 8.0, "b": 12.0}
    kind, _, side = term.partition("_")
    if kind == "adversarial":
        return {"mean": 1.0, "weighted": 1.0}
    if kind == "discriminator":
        return {"mean": 1.0, "weighted": 0.5}
    weight = lambdas[side] * (0.25 if kind == "identity" else 1.0)
    return {"mean": 1.0, "unnormalised": 768.0, "normalised": 0.5, "weighted": weight}


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


# -------------------------------------------------------------------------------------- timing


def block_means(backend: str, seed: int, what=known.step_seconds) -> dict[int, float]:
    """Of a step, by the first step of each timed block: no warm-up, nothing beside others."""
    cold = {0} | ({12} if (backend, seed) == ("torch", 2) else set())
    starts = {start: BLOCK for start in range(0, TIMED, BLOCK) if start not in cold}
    if (backend, seed) == known.DIES[:2]:
        del starts[8]
        starts |= {12: 1, 13: 1}
    return {
        start: float(np.mean([what(backend, seed, step) for step in range(start, start + count)]))
        for start, count in starts.items()
    }


def clean_blocks(backend: str, what=known.step_seconds) -> list[float]:
    """Of all seeds, those under load left out."""
    return [
        value
        for seed in known.SEEDS
        for start, value in block_means(backend, seed, what).items()
        if (backend, seed, start) != (*known.BUSY[:2], known.BUSY[2][0])
    ]


def pair_ratios(what=known.step_seconds) -> list[float]:
    """Second over first of blocks of the same seed and steps, both undisturbed."""
    ratios = []
    for seed in known.SEEDS:
        first, second = (block_means(backend, seed, what) for backend in known.BACKENDS)
        for start in sorted(first.keys() & second.keys()):
            whole = not (start == 12 and seed == known.DIES[1])
            if whole and (seed, start) != (known.BUSY[1], known.BUSY[2][0]):
                ratios.append(second[start] / first[start])
    return ratios


def median_interval(ratios: list[float]) -> Bounds:
    """Hettmansperger and Sheather's interval of a median, between ordered values."""
    ordered, n = np.sort(ratios), len(ratios)

    def coverage(k: int) -> float:  # of the k-th value from either end
        return 1 - 2 * float(binom.cdf(k - 1, n, 0.5))

    k = max(k for k in range(1, n // 2) if coverage(k) >= 0.95)
    share = (coverage(k) - 0.95) / (coverage(k) - coverage(k + 1))
    weight = (n - k) * share / (k + (n - 2 * k) * share)
    low = (1 - weight) * ordered[k - 1] + weight * ordered[k]
    high = (1 - weight) * ordered[n - k] + weight * ordered[n - k - 1]
    return float(np.median(ordered)), float(low), float(high)


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


# ----------------------------------------------------------------------------------- sentences


def answer(world: World, question: str) -> tuple[str, str, str]:
    """Short answer, tone, and all sentences behind it."""
    found = {one.question: one for one in world.page.page.answers}[question]
    return found.short, found.tone, " ".join(one.text for one in found.sentences)


def bounds(interval: Bounds, digits: int) -> str:
    return f"95 % interval {interval[1]:.{digits}f} to {interval[2]:.{digits}f}"


def speed(world: World) -> None:
    """Who is slower, how many times, and how sure that is."""
    short, tone, long = answer(world, "Are they equally fast?")
    interval = median_interval(pair_ratios())
    assert interval[1] > 1
    said = f"a training step in {TF} took {interval[0]:.3f} times as long as in {TORCH}"
    assert short == f"No, {TF} is slower: {said} ({bounds(interval, 3)}).", short
    assert tone == "no"
    assert f"({bounds(interval, 3)}, {len(pair_ratios())} pairs of blocks run in turns)" in long
    assert "1 more pair of blocks under load from other programs was left out." in long


def alike(world: World) -> None:
    """The ratio of the primary score in both directions, which way round, and the verdict."""
    short, tone, long = answer(world, "Do they learn the same?")
    assert [verdicts()[row] for row in ROWS[:2]] == ["equivalent"] * 2
    numbers = [
        f"{ratio(*row)[0]:.2f} ({PATHS[row[1]]}, {bounds(ratio(*row), 2)})" for row in ROWS[:2]
    ]
    wanted = (
        "Yes, within the margin of 0.80 to 1.25: KID-EffLite0 (lower is better) of"
        f" {TF} is {numbers[0]} and {numbers[1]} times that of {TORCH}."
    )
    assert short == wanted, short
    assert tone == "yes"
    for row in ROWS[:2]:
        gap = 1000 * float(np.mean(gaps(*row)))
        assert f"{TORCH} − {TF} is {gap:,.1f}".replace("-", "−") in long, long
        each = [f"{1000 * float(np.mean(final(*row, name))):,.1f}" for name in known.BACKENDS]
        assert f"is {each[0]} ({TORCH}) and {each[1]} ({TF})" in long


def learnt(world: World) -> None:
    """KID against images that no model has made, in words."""
    found = world.page.findings.learnt
    for sentence, (metric, direction) in zip(found.sentences, ROWS[:2], strict=True):
        (beside,) = (
            one
            for one in world.metrics["references"]
            if (one["metric"], one["direction"]) == (metric, direction)
        )
        said = ", ".join(
            f"{1000 * beside[key]:,.1f} ({title})"
            for key, title in (
                ("floor", "real images"),
                ("identity_baseline", "untranslated images"),
            )
        )
        assert sentence.lead == PATHS[direction] and said in sentence.text, sentence
        values = [1000 * float(np.mean(final(metric, direction, b))) for b in known.BACKENDS]
        assert f"{values[0]:,.1f} ({TORCH}) and {values[1]:,.1f} ({TF});" in sentence.text
        # Worse than untranslated images, surely so or not.
        verdict = sentence.text.partition(").")[2]
        for backend in known.BACKENDS:
            mean = mean_interval(final(metric, direction, backend))
            worse = mean[1] >= beside["identity_baseline"]
            not_learnt = re.search(r"Not better than the untranslated[^:]*: ([^.]*)\.", verdict)
            name = known.FRAMEWORKS[backend]
            assert worse == bool(not_learnt and name in not_learnt[1]), f"{direction}: {name}"


def course_and_function(world: World) -> None:
    """The first two answers: parity's rows, and how far the weights are apart."""
    short, tone, _ = answer(world, "Do they compute the same function?")
    assert (short, tone) == (
        "Yes: all of 1 check pass, with a largest deviation of 2.0e-07 in float32.", "yes",
    )  # fmt: skip
    short, tone, _ = answer(world, "Do they follow the same course?")
    assert tone == "open" and short.startswith("Not shown:")
    assert f"changes the weights of {TORCH} by" in short and f"in {COURSE_STEPS} steps" in short
    assert f"those of {TF} differ from those of {TORCH} by" in short


def divergence(world: World) -> None:
    """How far losses of the same seed are apart, at first and at last, and two seeds'."""
    (pair,) = world.page.findings.divergences
    terms = [i for i, name in enumerate(LOSS_TERMS)]

    def distance(one: tuple[str, int], other: tuple[str, int], step: int) -> float:
        a, b = (np.array([known.loss(*who, step, i) for i in terms]) for who in (one, other))
        return float(np.abs(a - b).sum() / ((np.abs(a) + np.abs(b)).sum() / 2))

    between = [[distance(("torch", s), ("tf", s), step) for step in range(STEPS)]
               for s in known.SEEDS]  # fmt: skip
    seeds = [[distance(("torch", x), ("torch", y), step) for step in range(STEPS)]
             for x, y in ((0, 1), (0, 2), (1, 2))]  # fmt: skip
    assert np.abs(pair.backends - between).max() < 1e-6, "losses of two backends"
    assert np.abs(pair.seeds - seeds).max() < 1e-6, "losses of two seeds"


def page(world: World) -> None:
    """Names are escaped, the command makes these runs again, everything is on the page."""
    html, text = world.files["report.html"].decode(), world.files["report.md"].decode()
    assert TORCH not in html, "a name is not escaped"
    outside = re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)
    assert TF not in outside, "a name is not escaped"
    assert escape(TORCH) in html and escape(TF) in html and escape(TORCH) in text
    for one in world.page.page.answers:
        assert escape(one.short).replace(" %", "\u00a0%") in html, one.short
    about = f"{TORCH} and {TF} · preset smoke · 16 × 16 pixels · 20 steps of batch 1"
    assert about in unescape(text)
    assert f"3 seeds, on {DEVICE.device_name}." in unescape(text)
    command = re.search(r"make compare .*", unescape(text))
    assert command is not None
    for part in (f"DATASET={known_set.NAME}", "PRESET=smoke", "SEEDS=0,1,2",
                 "objective.lambda_a=8", "evaluation.images=5"):  # fmt: skip
        assert part in command[0].replace("\\", ""), command[0]


def environments(world: World) -> None:
    """Where each run was made, with its own backend's versions."""
    table = csv(world, "environment").set_index("backend")
    assert list(table.index) == list(known.BACKENDS)
    for name in known.BACKENDS:
        assert set(table.loc[name, "seeds"].split()) == set(map(str, known.SEEDS)), name


CHECKS = (
    metrics, score_table, latex, losses, timing, clocks, speed, alike, learnt, course_and_function,
    divergence, page, environments,
)  # fmt: skip
