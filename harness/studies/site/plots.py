"""Charts of a device: step times and scores over framework versions and over days."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num

from harness.config.metric_table import BY_NAME, PRIMARY
from harness.report.figures import as_they_are, backend_colour, panels
from harness.studies.history.entry import Entry, EntryEstimate, Side
from harness.studies.site import words

MOST = 6  # panels of a figure: the workloads with the most entries
VERSIONS = 14  # on an axis, the newest
DIGITS = tuple("0123456789")
Tones = Mapping[str, str]  # colour by framework
NARROW = 60  # characters of a title
HEIGHT = (0.7, 3.1)


@dataclass(frozen=True)
class Plotted:
    """`of`: a backend's value, in units of 1 / `scale`."""

    of: Callable[[Side], EntryEstimate | None]
    scale: float
    label: str


def _forth(side: Side) -> EntryEstimate | None:
    score = words.primary_score(side, "ab")
    return score.estimate if score else None


KID = BY_NAME[PRIMARY]
STEP = Plotted(lambda side: side.step, 1000.0, "ms a step")
SCORE = Plotted(_forth, KID.scale, f"{KID.title} →, {KID.unit}")


def device_figures(entries: Sequence[Entry]) -> dict[str, bytes]:
    """File name -> PNG, of one device; what has nothing to compare is left out."""
    series: dict[str, list[Entry]] = {}
    for entry in reversed(entries):
        series.setdefault(entry.series, []).append(entry)
    most = sorted(series.values(), key=len, reverse=True)
    tones = _tones(_sides(entries))
    over_versions = [group for group in most if _several_versions(group)]
    drawn = {}
    for name, groups, draw in (
        ("versions.png", over_versions, partial(_draw_versions, tones)),
        ("time.png", [group for group in most if _days(group, STEP) > 1],
         partial(_draw_days, tones, STEP)),
        ("scores.png", [group for group in most if _days(group, SCORE) > 1],
         partial(_draw_days, tones, SCORE)),
    ):  # fmt: skip
        if groups:
            drawn[name] = panels(groups[:MOST], 2, HEIGHT, draw, "", formats=("png",)).png
    return drawn


def _draw_versions(tones: Tones, axis: Axes, group: Sequence[Entry]) -> None:
    """A place on the axis for each version; a line through the medians of a framework."""
    timed = [side for side in _sides(group) if side.step]
    frameworks = list(dict.fromkeys(words.framework(side) for side in timed))
    labels: list[str] = []
    for framework in frameworks:
        own = {words.versioned(side) for side in timed if words.framework(side) == framework}
        labels += sorted(own, key=_natural)[-max(2, VERSIONS // len(frameworks)) :]
    for framework in frameworks:
        places, medians = [], []
        for place, label in enumerate(labels):
            values = [
                side.step
                for side in timed
                if side.step
                and (words.framework(side), words.versioned(side)) == (framework, label)
            ]
            if values:
                _points(axis, [place] * len(values), values, tones[framework], STEP.scale)
                places.append(place)
                medians.append(STEP.scale * float(np.median([value.value for value in values])))
        axis.plot(places, medians, color=tones[framework], linewidth=1.3)
    axis.set_xticks(range(len(labels)), labels, rotation=30, ha="right", fontsize=8.5)
    as_they_are(axis.get_xticklabels())
    _finish(tones, axis, group, STEP.label)


def _draw_days(tones: Tones, quantity: Plotted, axis: Axes, group: Sequence[Entry]) -> None:
    for framework, tone in tones.items():
        found = [
            (float(date2num(entry.measured.date())), value)
            for entry in group
            for side in entry.backends
            if words.framework(side) == framework and (value := quantity.of(side))
        ]
        if found:
            days, values = zip(*found, strict=True)
            _points(axis, days, values, tone, quantity.scale)
            heights = [quantity.scale * value.value for value in values]
            axis.plot(days, heights, color=tone, linewidth=1)
    locator = AutoDateLocator(minticks=2, maxticks=6)
    axis.xaxis.set_major_locator(locator)
    axis.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    _finish(tones, axis, group, quantity.label)


def _points(
    axis: Axes, x: Sequence[float], values: Sequence[EntryEstimate], tone: str, scale: float
) -> None:
    """With their intervals, where they have them."""
    y = scale * np.array([value.value for value in values])
    ends = [(value.value if value.low is None else value.low,
             value.value if value.high is None else value.high) for value in values]  # fmt: skip
    # The estimate can lie outside its interval only in records that somebody has edited.
    spread = np.abs(scale * np.array(ends).T - y)
    axis.errorbar(x, y, yerr=spread, fmt="o", color=tone, markersize=5, elinewidth=1.3, capsize=2)


def _finish(tones: Tones, axis: Axes, group: Sequence[Entry], label: str) -> None:
    for framework, tone in tones.items():  # the legend of the first panel is that of all
        axis.plot([], [], color=tone, label=framework)
    title = words.workload(group[0])
    title = title if len(title) <= NARROW else f"{title[:NARROW]}..."
    axis.set_title(title, loc="left", parse_math=False)
    axis.set_ylabel(label)
    low, high = min(0, axis.get_ylim()[0]), axis.get_ylim()[1]
    axis.set_ylim(low, high + 0.05 * (high - low))  # the margin was that of the points' own range


def _sides(group: Sequence[Entry]) -> list[Side]:
    return [side for entry in group for side in entry.backends]


def _tones(sides: Sequence[Side]) -> Tones:
    """By framework: the colour of its backend, of the first one if there are several."""
    first: dict[str, str] = {}
    for side in sides:
        first.setdefault(words.framework(side), side.backend)
    backends = list(dict.fromkeys(first.values()))
    return {framework: backend_colour(name, backends) for framework, name in first.items()}


def _days(group: Sequence[Entry], quantity: Plotted) -> int:
    """On which there is a value."""
    return len({entry.day for entry in group if any(map(quantity.of, entry.backends))})


def _several_versions(group: Sequence[Entry]) -> bool:
    versions = {(words.framework(side), words.version(side)) for side in _sides(group) if side.step}
    return len(versions) > len({framework for framework, _ in versions})


def _natural(text: str) -> list[tuple[int, str]]:
    """2.9 before 2.13."""
    parts = re.split("([0-9]+)", text)
    return [(int(part), "") if part[:1] in DIGITS else (-1, part) for part in parts if part]
