"""One benchmark, asked for as JSON on stdin and answered as JSON on stdout: see `suite`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks.measure import measure
from benchmarks.sizes import Sizes
from benchmarks.suite import benchmarks


def main() -> None:
    asked = json.load(sys.stdin)
    sizes = Sizes(**asked["sizes"])
    benchmark = benchmarks(sizes)[asked["place"]]
    folder = Path(asked["folder"]) / "work"
    folder.mkdir()
    print(json.dumps(asdict(measure(benchmark, folder, sizes.repeat_seconds))))


if __name__ == "__main__":
    main()
