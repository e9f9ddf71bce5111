"""One benchmark, in a process that `suite` starts."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from benchmarks.measure import measure
from benchmarks.sizes import Sizes
from benchmarks.suite import benchmarks
from harness.processes.child import Parent, run


def serve(parent: Parent) -> None:
    sizes = Sizes(**parent.first["sizes"])
    benchmark = benchmarks(sizes)[parent.first["place"]]
    folder = Path(parent.first["folder"]) / "work"
    folder.mkdir()
    parent.send(asdict(measure(benchmark, folder, sizes.repeat_seconds)))


if __name__ == "__main__":
    run(serve)
