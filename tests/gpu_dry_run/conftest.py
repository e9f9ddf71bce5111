"""`make gpu-dry-run`: what a step would do on a GPU, found without one.

In an environment of each framework's CUDA build, which collects its own tests. What was counted
goes into counts.json of the environment, and into the summary.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parent))
os.environ["JAX_PLATFORMS"] = "cpu"  # of a GPU it is only told
NEEDS = {
    "test_torch_step.py": "torch",
    "test_tf_step.py": "tensorflow",
    "test_jax_step.py": "jax_plugins",
}
collect_ignore = [file for file, name in NEEDS.items() if importlib.util.find_spec(name) is None]
COUNTED: dict[str, dict[str, int]] = {}


@pytest.fixture(scope="session")
def counted() -> Callable[[str, dict[str, int]], None]:
    """Takes what was counted of a setting."""
    return lambda title, counts: COUNTED.update({title: counts})


def pytest_terminal_summary(terminalreporter) -> None:
    if not COUNTED:
        return
    columns = list(dict.fromkeys(name for counts in COUNTED.values() for name in counts))
    width = max(map(len, COUNTED))
    terminalreporter.section("of one training step")
    terminalreporter.write_line("  ".join([" " * width, *columns]))
    for title, counts in COUNTED.items():
        cells = (str(counts.get(name, "")).rjust(len(name)) for name in columns)
        terminalreporter.write_line("  ".join([title.ljust(width), *cells]))
    file = Path(sys.prefix) / "counts.json"
    file.write_text(json.dumps(COUNTED, indent=1) + "\n", encoding="utf-8")
    terminalreporter.write_line(f"written to {file}")
