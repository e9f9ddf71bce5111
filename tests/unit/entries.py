"""Made-up entries of a history, as many as a test needs."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from harness.studies.history.entry import Entry, digest

TITLES = {"torch": ("PyTorch", "torch"), "tf": ("TensorFlow", "tensorflow"), "jax": ("JAX", "jax")}
VERSIONS = {"torch": "2.13.0", "tf": "2.21.0", "jax": "0.9.2"}
BEGIN = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


def estimate(value: float, n: int = 5, width: float = 0.1) -> dict[str, Any]:
    return {"value": value, "low": value * (1 - width), "high": value * (1 + width), "n": n}


def side(backend: str, version: str, step: float, kid: float) -> dict[str, Any]:
    title, package = TITLES[backend.partition("@")[0]]
    scores = [
        {"metric": "kid_efflite0", "direction": direction, "estimate": estimate(value)}
        for direction, value in (("ab", kid), ("ba", 2 * kid))
    ]
    return {"backend": backend, "title": title, "versions": {"numpy": "2.4.6", package: version},
            "step": estimate(step), "memory": 2 * 10**9, "memory_kind": "allocated",
            "joules": 1.5, "scores": scores}  # fmt: skip


def pair(first: str, second: str, ratio: float) -> dict[str, Any]:
    verdicts = [
        {"metric": "kid_efflite0", "direction": direction, "difference": estimate(0.001, 5, 2),
         "margin": 1.25, "margin_scale": "ratio", "primary": True, "verdict": word}
        for direction, word in (("ab", "equivalent"), ("ba", "cannot tell yet"))
    ]  # fmt: skip
    return {"first": first, "second": second, "ratio": estimate(ratio), "verdicts": verdicts}


def document(number: int = 0, **changed: Any) -> dict[str, Any]:
    """`number`: tells entries apart: identity and day. `changed`: keys of the entry."""
    backends = changed.pop("backends", ("torch", "tf"))
    versions = {**VERSIONS, **changed.pop("versions", {})}
    device = changed.pop("device", "A CPU, 2 threads")
    sides = [side(name, versions[name], 0.02 * (1 + 0.2 * place), 0.03)
             for place, name in enumerate(backends)]  # fmt: skip
    pairs = [pair(backends[0], other, 1.2) for other in backends[1:]]
    about = {"dataset": "seasons", "preset": "quick", "changes": {}} | {
        key: changed.pop(key) for key in ("dataset", "preset", "changes") if key in changed
    }
    return {
        "schema_version": 1, "kind": "comparison", "identity": f"id-{number}",
        "measured": (BEGIN + timedelta(days=number)).isoformat(), "series": digest(about), **about,
        "image": [64, 64], "batch": 1, "precision": "float32", "steps": 2800, "seeds": [0, 1, 2],
        "machine": {"device": device, "kind": "cpu", "threads": 2, "platform": "Linux"},
        "code": {"version": "0.1.0", "revision": "0123456789abcdef"},
        "backends": sides, "pairs": pairs,
        "references": [{"metric": "kid_efflite0", "direction": "ab", "floor": 0.001,
                        "untranslated": 0.05}],
        "sentence": "They learn the same.", **changed,
    }  # fmt: skip


def entry(number: int = 0, **changed: Any) -> Entry:
    return Entry.model_validate(document(number, **changed))


def write(path: Path, *documents: dict[str, Any]) -> Path:
    """One as JSON, or a history."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(each) + "\n" for each in documents)
    path.write_text(text if path.suffix == ".jsonl" else json.dumps(documents[0], indent=1))
    return path


def many(count: int) -> list[dict[str, Any]]:
    """Of 20 devices, 4 workloads, and versions that go on with time."""
    made = []
    for number in range(count):
        minor = number * 12 // count
        made.append(
            document(
                number,
                device=f"Device {number % 20}, 16 GB",
                preset=("quick", "paper")[number // 20 % 2],
                dataset=("seasons", "horse2zebra")[number // 40 % 2],
                versions={"torch": f"2.{minor}.0", "tf": f"2.{minor + 8}.0"},
                backends=("torch", "tf", "jax") if number % 3 else ("torch", "tf"),
            )
        )
    return made
