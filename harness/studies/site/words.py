"""How entries are called on the pages: workloads, versions, scores, verdicts."""

from __future__ import annotations

from collections import Counter

from harness.config.metric_table import BY_NAME, PRIMARY
from harness.report.formatting import MISSING, NO_BREAK, bounds, fixed, significant
from harness.report.page import PARTS
from harness.studies.history.entry import Entry, EntryEstimate, EntryPair, EntryScore, Side

ARROWS = {"ab": "→", "ba": "←"}
MOST_CHANGES = 3
NOISE = "noise (bench)"  # what a bench trains on


def dataset(entry: Entry) -> str:
    return entry.dataset or NOISE


def changes(entry: Entry) -> str:
    """ "model.blocks=3, model.filters=16 and 2 more", or nothing."""
    texts = [f"{key}={value}" for key, value in sorted(entry.changes.items())]
    more = len(texts) - MOST_CHANGES
    return ", ".join(texts[:MOST_CHANGES]) + (f" and {more} more" if more > 0 else "")


def workload(entry: Entry) -> str:
    """Data set, preset and what differs from it."""
    parts = (dataset(entry), entry.preset, changes(entry))
    return ", ".join(part for part in parts if part)


def shape(entry: Entry) -> str:
    height, width = entry.image
    size = f"{width} px" if height == width else f"{width} x {height} px"
    return f"{size}, batch {entry.batch}, {entry.precision}"


def version(side: Side) -> str:
    """Of the framework: of the package whose name is in the backend's title; "" if none is."""
    title = side.title.lower()
    for package, number in side.versions.items():
        if package.removesuffix("-cpu").lower() in title:
            return number
    return ""


def framework(side: Side) -> str:
    """The title without a version, which the title of one of several versions has."""
    number = version(side)
    return (side.title.replace(number, "") if number else side.title).strip() or side.title


def versioned(side: Side) -> str:
    """ "TensorFlow 2.21.0"."""
    return f"{framework(side)} {version(side)}".strip()


def called(entry: Entry, side: Side) -> str:
    """ "TensorFlow"; with its version where another backend is another version of it."""
    alike = [framework(other) for other in entry.backends].count(framework(side)) > 1
    return versioned(side) if alike else framework(side)


def all_versions(entry: Entry) -> str:
    """Of every backend, as parts a reader can choose by."""
    return PARTS.join(dict.fromkeys(versioned(side) for side in entry.backends))


def between(estimate: EntryEstimate, digits: int, scale: float = 1.0) -> str:
    """ "[1.0, 2.0]", or how many there are for no interval."""
    return bounds(estimate.interval, digits, scale) or f"({estimate.n} measured)"


def primary_score(side: Side, direction: str) -> EntryScore | None:
    for score in side.scores:
        if score.metric == PRIMARY and score.direction == direction:
            return score
    return None


def score_text(entry: Entry, score: EntryScore) -> tuple[str, str]:
    """The value; its interval and what it has to beat; in the unit of reports."""
    metric = BY_NAME[score.metric]
    lines = [between(score.estimate, metric.digits, metric.scale)]
    for beside in entry.references:
        if (beside.metric, beside.direction) == (score.metric, score.direction):
            for name, value in (("floor", beside.floor), ("untranslated", beside.untranslated)):
                if value is not None:
                    lines.append(f"{name}{NO_BREAK}{fixed(value, metric.digits, metric.scale)}")
    return fixed(score.estimate.value, metric.digits, metric.scale), "\n".join(lines)


def pair_of(entry: Entry, side: Side) -> EntryPair | None:
    """Of the first backend and this one."""
    names = (entry.backends[0].backend, side.backend)
    return next((pair for pair in entry.pairs if (pair.first, pair.second) == names), None)


def verdict_text(pair: EntryPair) -> tuple[str, str]:
    """The verdict on the primary score, of several directions the parts; how many others there are
    of each."""
    primary = [verdict for verdict in pair.verdicts if verdict.primary]
    words = dict.fromkeys(verdict.verdict for verdict in primary)
    rest = [
        f"{ARROWS.get(verdict.direction, verdict.direction)} {verdict.verdict}"
        for verdict in primary
        if len(words) != 1
    ]
    others = Counter(verdict.verdict for verdict in pair.verdicts if not verdict.primary)
    if others:
        rest.append("others: " + ", ".join(f"{n} {label}" for label, n in others.items()))
    return PARTS.join(words) or MISSING, "\n".join(rest)


def milliseconds(estimate: EntryEstimate) -> tuple[str, str]:
    """The value; its interval, or how many there are for no interval."""
    low, high = estimate.low, estimate.high
    detail = f"n={estimate.n}"
    if low is not None and high is not None:
        detail = f"[{significant(1000 * low)},{NO_BREAK}{significant(1000 * high)}]"
    return significant(1000 * estimate.value), detail
