"""Entries of a bench of two backends, week by week, of which all is known."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from typing import Any

from harness.studies.history.entry import Entry

FIRST = datetime(2026, 1, 5, 12, tzinfo=timezone.utc)


def entry(week: int, torch: float, ratio: float | None, **changed: Any) -> Entry:
    """`torch`: seconds of a step; `ratio`: by which TensorFlow takes longer, None: was busy."""
    document: dict[str, Any] = {
        "kind": "bench",
        "identity": f"{changed.get('series', 's')}-{week}",
        "measured": FIRST + timedelta(weeks=week),
        "series": "s",
        "dataset": None,
        "preset": "quick",
        "image": (64, 64),
        "batch": 1,
        "precision": "float32",
        "steps": 0,
        "machine": {"device": "a machine", "kind": "cpu", "threads": 2},
        "code": {"version": "0.1.0", "revision": f"{week:07x}"},
        "backends": [
            {"backend": name, "title": title, "versions": {name: "2.0"}, "memory": 2**30,
             "step": {"value": seconds, "n": 6}}
            for name, title, seconds in (
                ("torch", "PyTorch", torch), ("tf", "TensorFlow", torch * (ratio or 1.2)))
        ],
        "pairs": [
            {"first": "torch", "second": "tf", "ratio": ratio and {"value": ratio, "n": 6}}
        ],
    }  # fmt: skip
    return Entry.model_validate({**document, **changed})


def lines(entries: Iterable[Entry]) -> str:
    return "".join(f"{each.line()}\n" for each in entries)
