"""Sentences of a report, and the page as a whole."""

from __future__ import annotations

import re
from html import escape, unescape

import known_backend as known
import known_set
import numpy as np
from by_hand import Bounds, mean_interval
from known_numbers import PATHS, ROWS, final, gaps, median_interval, pair_ratios, ratio, verdicts
from known_world import COURSE_STEPS, DEVICE, STEPS, World

from backends.objective import LOSS_TERMS

TORCH, TF = (known.FRAMEWORKS[name] for name in known.BACKENDS)


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
        assert f"{TORCH} - {TF} is {gap:,.1f}".replace("-", "\u2212") in long, long
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
    assert f"changes {TORCH}'s weights by" in short and f"in {COURSE_STEPS} steps" in short
    assert f"{TF}'s weights differ from {TORCH}'s by" in short


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
    assert (len(pair.backends), len(pair.seeds)) == (len(between), len(seeds)), "pairs of runs"
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
        written = escape(one.short, quote=False).replace(" %", "\u00a0%")
        assert written in html.replace("&#39;", "'"), one.short
    about = f"{TORCH} and {TF} · preset smoke · 16 \u00d7 16 pixels · 20 steps of batch 1"
    assert about in unescape(text)
    assert f"3 seeds, on {DEVICE.device_name}." in unescape(text)
    command = re.search(r"make compare .*", unescape(text))
    assert command is not None
    for part in (f"DATASET={known_set.NAME}", "PRESET=smoke", "SEEDS=0,1,2",
                 "objective.lambda_a=8", "evaluation.images=5"):  # fmt: skip
        assert part in command[0].replace("\\", ""), command[0]


CHECKS = (speed, alike, learnt, course_and_function, divergence, page)
