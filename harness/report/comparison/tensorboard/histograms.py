"""The final weights of a run, a histogram a network."""

from __future__ import annotations

from collections.abc import Iterator

from harness.records.run import RunRecord
from harness.report.comparison.tensorboard.events import Entry, histogram
from harness.system.files import read_arrays

NETWORKS = ("g_ab", "g_ba", "d_a", "d_b")


def weights(run: RunRecord) -> Iterator[Entry]:
    """Of all layers of a network together, biases and norms among them; none without a state."""
    file = run.folder / "state.safetensors"
    if not file.exists():
        return
    for network in NETWORKS:
        arrays = read_arrays(file, f"{network}/")
        found = histogram(run.status["step"], f"weights/{network}", arrays.values())
        if found:
            yield found
