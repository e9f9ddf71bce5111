"""The arrays behind every figure of a report, their colours and their labels."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence

import known_backend as known
import known_set
import numpy as np
from by_hand import same
from checks_scores import score
from checks_training import made
from known_numbers import (
    MARGINS,
    PATHS,
    RATIOS,
    ROWS,
    SCALES,
    block_means,
    factors,
    final,
    gaps,
    ratio,
    verdicts,
)
from known_world import BLOCK, EVALUATED, SLUG, STEPS, World
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from backends.objective import LOSS_TERMS

MINUS = "\u2212"
COLOURS = {"torch": "#0072b2", "tf": "#d55e00"}
VERDICT_COLOURS = {"equivalent": "#009e73", "different": "#d55e00", "cannot tell yet": "#444444"}
NAMES = known.FRAMEWORKS


def close(found: Sequence[float], wanted: Sequence[float], what: str) -> None:
    assert len(found) == len(wanted), f"{what}: {len(found)} points, not {len(wanted)}"
    gap = np.abs(np.asarray(found, float) - np.asarray(wanted, float)).max()
    assert gap <= 1e-4 * max(1.0, float(np.abs(wanted).max())), f"{what}: off by {gap}"


def curve_of(axis: Axes, backend: str) -> np.ndarray:
    """Heights of the line that is labelled with the backend's name, in its own colour."""
    (line,) = (line for line in axis.lines if line.get_label() == NAMES[backend])
    assert to_hex(line.get_color()) == COLOURS[backend], f"{axis.get_title('left')}: colour"
    return np.asarray(line.get_ydata(), float)


def titled(world: World, figure: str) -> dict[str, Axes]:
    return {axis.get_title("left"): axis for axis in world.drawn[figure].axes}


def over_seeds(backend: str, term: int) -> np.ndarray:
    values = [[known.loss(backend, seed, s, term) for s in range(STEPS)] for seed in known.SEEDS]
    return np.mean(values, axis=0)


def legends(world: World) -> None:
    """Names stand beside their own colours."""
    for name in ("cycle", "losses", "accuracies", "primary", "scores"):
        (legend,) = world.drawn[name].legends
        texts = [text.get_text() for text in legend.get_texts()]
        assert texts == [NAMES[b] for b in known.BACKENDS], f"{name}: {texts}"
        for backend, handle in zip(known.BACKENDS, legend.legend_handles, strict=True):
            assert to_hex(handle.get_color()) == COLOURS[backend], name


def cycle_figure(world: World) -> None:
    """Mean of both domains' cycle losses in three units."""
    places = {f"cycle_{side}": LOSS_TERMS.index(f"cycle_{side}") for side in "ab"}
    axes = titled(world, "cycle")
    assert [title.split(":")[0] for title in axes] == ["unnormalised", "normalised", "weighted"]
    for title, axis in axes.items():
        unit = title.split(":")[0]
        for backend in known.BACKENDS:
            both = [factors(t)[unit] * over_seeds(backend, i) for t, i in places.items()]
            close(curve_of(axis, backend), np.mean(both, axis=0), f"{title} of {backend}")


def loss_figure(world: World) -> None:
    axes = titled(world, "losses")
    assert list(axes) == [term.replace("_", " ") for term in LOSS_TERMS]
    for term, (title, axis) in enumerate(axes.items()):
        for backend in known.BACKENDS:
            close(curve_of(axis, backend), over_seeds(backend, term), f"{title} of {backend}")


def accuracy_figure(world: World) -> None:
    """In training, a curve; on test images, a diamond an evaluation."""
    for title, axis in titled(world, "accuracies").items():
        side, target = re.match(r"discriminator (\w), (\w+) patches", title).groups()
        for backend in known.BACKENDS:
            tables = [run.losses for (name, _), run in world.runs.items() if name == backend]
            column = [table[f"accuracy_{target}_{side}"].to_numpy() for table in tables]
            close(curve_of(axis, backend), np.mean(column, axis=0), f"{title} of {backend}")
            (marks,) = (
                line for line in axis.lines
                if line.get_marker() == "D" and to_hex(line.get_color()) == COLOURS[backend]
            )  # fmt: skip
            shares = []
            for step in EVALUATED:
                name = f"patches_{target}_{side}"
                outputs = np.stack([made(backend, seed, step)[name] for seed in known.SEEDS])
                right = outputs > 0.5 if target == "real" else outputs < 0.5
                shares.append(right.reshape(len(known.SEEDS), -1).mean(1).mean())
            assert list(marks.get_xdata()) == list(EVALUATED)
            close(marks.get_ydata(), shares, f"{title} of {backend}, on test images")


DRAWN = {"primary": ["kid_efflite0"],
         "scores": ["fd_efflite0", "judge_accuracy", "pair_psnr", "checkerboard"]}  # fmt: skip


def score_figures(world: World) -> None:
    """Means over seeds by step, in their colours; baselines dashed, floors dotted."""
    references = {(row["metric"], row["direction"]): row for row in world.metrics["references"]}
    for figure, names in DRAWN.items():
        panels = iter(world.drawn[figure].axes)
        for metric in names:
            for direction in ("ab", "ba"):
                axis, scale = next(panels), SCALES.get(metric, 1)
                what = f"{metric} {direction}"
                assert axis.get_title("left").endswith(f": {PATHS[direction]}"), what
                for backend in known.BACKENDS:
                    steps = [s for s in EVALUATED if score(metric, direction, "torch", 0, s)]
                    means = [np.mean(final(metric, direction, backend, step)) for step in steps]
                    close(curve_of(axis, backend), scale * np.array(means), f"{what} of {backend}")
                dashes = {line.get_linestyle(): line.get_ydata()[0] for line in axis.lines
                          if to_hex(line.get_color()) == "#777777"}  # fmt: skip
                row = references[metric, direction]
                for key, dash in (("identity_baseline", "--"), ("floor", ":")):
                    assert (row[key] is None) == (dash not in dashes), f"{what}: {key}"
                    if row[key] is not None:
                        same(dashes[dash], scale * row[key], f"{what}: {key}", 1e-4)


def forest(world: World) -> None:
    """Differences in margins, first minus second, each on its own line, coloured by verdict."""
    figure = world.drawn["forest_all"]
    axis = figure.axes[0]
    assert axis.get_xlabel().startswith(f"{NAMES['torch']} {MINUS} {NAMES['tf']}")
    labels = [text.get_text() for text in axis.get_yticklabels()]
    assert len(labels) == len(ROWS)
    for place, (metric, direction) in enumerate(ROWS):
        if metric in RATIOS:
            wanted = -math.log(ratio(metric, direction)[0]) / math.log(MARGINS[metric])
        else:
            wanted = float(np.mean(gaps(metric, direction))) / MARGINS[metric]
        wanted = math.copysign(3.0, wanted) if abs(wanted) > 3 else wanted
        points = [line for line in axis.lines
                  if len(line.get_xdata()) == 1 and line.get_ydata()[0] == place
                  and line.get_markersize() in (7, 10)]  # fmt: skip
        (point,) = points
        what = f"forest, {metric} {direction}"
        same(point.get_xdata()[0], wanted, what, 1e-4)
        colour = VERDICT_COLOURS[verdicts()[metric, direction]]
        assert to_hex(point.get_color()) == colour, what
        assert PATHS[direction] in labels[place], what


def block_figure(world: World) -> None:
    """Every timed block of every seed, in turns; what was under load is crossed."""
    axis = world.drawn[f"blocks_{SLUG}"].axes[0]
    keys = sorted(
        {(seed, start, _length(b, seed, start)) for b in known.BACKENDS for seed in known.SEEDS
         for start in block_means(b, seed)}
    )  # fmt: skip
    for turn, backend in enumerate(known.BACKENDS):
        (dots,) = (c for c in axis.collections if c.get_label() == NAMES[backend])
        wanted = [
            (2 * place + turn, 1000 * block_means(backend, seed)[start])
            for place, (seed, start, length) in enumerate(keys)
            if start in block_means(backend, seed) and _length(backend, seed, start) == length
        ]
        assert to_hex(dots.get_facecolor()[0]) == COLOURS[backend]
        found = np.asarray(dots.get_offsets())
        close(found[:, 0], [x for x, _ in wanted], f"blocks of {backend}: places")
        close(found[:, 1], [y for _, y in wanted], f"blocks of {backend}: milliseconds")
    (crosses,) = (c for c in axis.collections if c.get_label() == "under load")
    backend, seed, (start, _) = known.BUSY
    place = 2 * keys.index((seed, start, BLOCK)) + known.number(backend)
    assert len(crosses.get_offsets()) == 1, "blocks that are crossed"
    ((x, y),) = np.asarray(crosses.get_offsets())
    assert x == place
    same(y, 1000 * block_means(backend, seed)[start], "the block under load")


def _length(backend: str, seed: int, start: int) -> int:
    return 1 if start >= 12 and (backend, seed) == known.DIES[:2] else BLOCK


def output_figure(world: World) -> None:
    """Histograms of what the discriminators say after the last step: real full, fake dashed."""
    for side, axis in zip("ab", world.drawn["discriminators"].axes, strict=True):
        assert (
            axis.get_title("left") == f"discriminator {side}: {known_set.TITLES['ab'.index(side)]}"
        )
        for backend in known.BACKENDS:
            for target, dash in (("real", "-"), ("fake", "--")):
                label = f"{NAMES[backend]}, {target}"
                (step,) = (patch for patch in axis.patches if patch.get_label() == label)
                assert to_hex(step.get_edgecolor()) == COLOURS[backend], label
                assert step.get_linestyle() == dash, label
                counts, edges, _ = step.get_data()
                outputs = np.concatenate(
                    [made(backend, s, STEPS)[f"patches_{target}_{side}"].ravel()
                     for s in known.SEEDS]
                )  # fmt: skip
                wanted, _ = np.histogram(outputs, edges, density=True)
                close(counts, wanted, f"discriminator {side}, {label}")


def divergence_figure(world: World) -> None:
    """A line a seed of two backends, grey ones of two seeds; the first step is 1."""
    axis = world.drawn["divergence"].axes[0]
    (pair,) = world.page.findings.divergences
    lines = [line for line in axis.lines if len(line.get_xdata()) > 2]
    assert len(lines) == 6
    for rows, drawn, colour in (
        (pair.backends, lines[:3], COLOURS["torch"]),
        (pair.seeds, lines[3:], "#777777"),
    ):
        for row, line in zip(rows, drawn, strict=True):
            assert to_hex(line.get_color()) == colour and line.get_xdata()[0] == 1
            same(line.get_ydata()[0], row[0], "divergence at the first step")
            same(line.get_ydata()[-1], row[-1], "divergence at the last step", 0.2)


def chart(world: World) -> None:
    """The page's own chart: a series a run, in its backend's colour."""
    html = world.files["report.html"].decode()
    data = json.loads(re.search(r'<script type="application/json" id="curves">(.*?)</script>',
                                html, re.DOTALL)[1])  # fmt: skip
    runs = [(backend, seed) for backend in known.BACKENDS for seed in known.SEEDS]
    titles = [f"{NAMES[backend]}, seed {seed}" for backend, seed in runs]
    assert [series["title"] for series in data["series"]] == titles
    assert [s["colour"].lower() for s in data["series"]] == [COLOURS[b] for b, _ in runs]
    found = {term["title"].replace(" ", "_"): term for term in data["terms"]}
    for i, term in enumerate(LOSS_TERMS):
        for (backend, seed), values in zip(runs, found[term]["values"], strict=True):
            wanted = [known.loss(backend, seed, step, i) for step in range(STEPS)]
            close(values, wanted, f"chart, {term} of {backend}, seed {seed}")
        for unit, factor in factors(term).items():
            same(found[term]["factors"][unit], factor, f"chart, {term}: {unit}")


CHECKS = (
    legends, cycle_figure, loss_figure, accuracy_figure, score_figures, forest, block_figure,
    output_figure, divergence_figure, chart,
)  # fmt: skip
